"""The journal on disk: nothing that began is lost, nothing that is torn is read."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from consumption.metering import usage_journal
from marketplace.launcher.rundir import ROOT

WHO = (1, 2, 3, 4, 5, 6)
NOW_US = 1_700_000_000_000_000


def read_all(folder):
    """All finished events, and the segments' readers."""
    readers = [usage_journal.SegmentReader(path) for path in usage_journal.segments(folder)]
    return [event for reader in readers for event in drain(reader)], readers


def drain(reader):
    while True:
        yield from reader.finished()
        if reader.seen == reader.begun():
            return


def call(journal, number=0, outcome=usage_journal.OK):
    ticket = journal.start(NOW_US + number, WHO, 153, 0)
    journal.end(ticket, 900, 147, 1, 200, outcome)
    return ticket


def test_a_finished_call_is_read_back_whole(tmp_path):
    journal = usage_journal.UsageJournal(tmp_path)
    ticket = call(journal)
    events, [reader] = read_all(tmp_path)
    assert events == [
        usage_journal.Event(
            ticket.event_id, NOW_US, *WHO, 153, 0, 900, 147, 1, 200, usage_journal.OK
        )
    ]
    assert reader.position == 1 and not reader.abandoned()


def test_calls_may_finish_in_any_order(tmp_path):
    journal = usage_journal.UsageJournal(tmp_path)
    first, second = (journal.start(NOW_US, WHO, 1, 0) for _ in range(2))
    journal.end(second, 1, 1, 1, 200, usage_journal.OK)
    [reader] = [usage_journal.SegmentReader(path) for path in usage_journal.segments(tmp_path)]
    assert [event.event_id for event in reader.finished()] == [
        second.event_id
    ] and reader.position == 0
    journal.end(first, 1, 1, 1, 200, usage_journal.OK)
    assert [event.event_id for event in reader.finished()] == [
        first.event_id
    ] and reader.position == 2


def test_what_began_and_never_ended_is_unknown_once_the_writer_is_gone(tmp_path):
    journal = usage_journal.UsageJournal(tmp_path)
    call(journal)
    ticket = journal.start(NOW_US, WHO, 1, 1)
    journal.close()
    events, [reader] = read_all(tmp_path)
    assert len(events) == 1 and reader.abandoned()
    [unknown] = reader.unended()
    assert (unknown.event_id, unknown.outcome, unknown.units, unknown.environment) == (
        ticket.event_id,
        usage_journal.UNKNOWN,
        0,
        1,
    )


@pytest.mark.parametrize("damaged", [7, 40, usage_journal._END_AT + 3, usage_journal._END_AT + 20])
def test_a_torn_slot_is_never_read_as_a_call(tmp_path, damaged):
    journal = usage_journal.UsageJournal(tmp_path)
    call(journal)
    [path] = usage_journal.segments(tmp_path)
    with open(path, "r+b") as file:
        file.seek(usage_journal.HEADER + damaged)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    assert read_all(tmp_path)[0] == []


def test_a_full_segment_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(usage_journal, "SLOTS", 10)
    journal = usage_journal.UsageJournal(tmp_path)
    open_call = journal.start(NOW_US, WHO, 1, 0)
    for number in range(25):
        call(journal, number)
    journal.end(open_call, 1, 1, 1, 200, usage_journal.OK)
    events, readers = read_all(tmp_path)
    assert len(events) == 26 and len(readers) == 3
    assert [reader.abandoned() for reader in readers] == [False] * 3
    journal.sync()
    assert [reader.abandoned() for reader in readers] == [True, True, False]


def test_a_power_cut_takes_nothing_that_was_written_before_the_last_sync(tmp_path, monkeypatch):
    """What the disk has is what fdatasync pushed: also of segments that were used up in between, and their names."""
    monkeypatch.setattr(usage_journal, "SLOTS", 10)
    on_disk, names = {}, set()
    push, push_name = os.fdatasync, os.fsync

    def fdatasync(fd):
        push(fd)
        on_disk[os.readlink(f"/proc/self/fd/{fd}")] = os.pread(fd, usage_journal.SIZE, 0)

    def fsync(fd):
        push_name(fd)
        names.update(os.listdir(fd))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "fsync", fsync)
    journal = usage_journal.UsageJournal(tmp_path / "journal")
    long_call = journal.start(NOW_US, WHO, 1, 0)
    written = {call(journal, number).event_id for number in range(35)}
    journal.end(long_call, 1, 1, 1, 200, usage_journal.OK)
    journal.sync()
    rest = tmp_path / "after the power cut"
    rest.mkdir()
    for path, raw in on_disk.items():
        if os.path.basename(path) in names:
            (rest / os.path.basename(path)).write_bytes(raw)
    assert {event.event_id for event in read_all(rest)[0]} == written | {long_call.event_id}


def test_a_file_that_was_cut_off_in_the_middle_of_a_record_gives_the_whole_ones(tmp_path):
    journal = usage_journal.UsageJournal(tmp_path)
    whole = [call(journal, number).event_id for number in range(3)]
    call(journal, 3)
    journal.close()
    [path] = usage_journal.segments(tmp_path)
    os.truncate(path, usage_journal.HEADER + 3 * usage_journal.SLOT + usage_journal.SLOT // 2)
    events, [reader] = read_all(tmp_path)
    assert (
        [event.event_id for event in events] == whole
        and reader.abandoned()
        and reader.unended() == []
    )


@pytest.mark.parametrize("filled", [b"\0", b"\xff", b"\1"])
def test_a_slot_filled_with_one_byte_is_no_call(tmp_path, filled):
    journal = usage_journal.UsageJournal(tmp_path)
    call(journal)
    [path] = usage_journal.segments(tmp_path)
    with open(path, "r+b") as file:
        file.seek(usage_journal.HEADER + usage_journal.SLOT)
        file.write(filled * usage_journal.SLOT)
        assert (
            usage_journal.begun_us(file.fileno(), 0) == NOW_US
            and usage_journal.begun_us(file.fileno(), 1) is None
        )
    journal.close()
    events, [reader] = read_all(tmp_path)
    assert len(events) == 1 and reader.abandoned() and reader.unended() == []


def test_a_process_that_starts_is_never_taken_for_a_dead_one(tmp_path, monkeypatch):
    """Its sign of life was created first and locked then: who looked in between gave its leases back and forgot it."""
    taken_for_dead = []
    lock = fcntl.flock

    def look_then_lock(fd, how):
        if how == fcntl.LOCK_EX:
            taken_for_dead.extend(usage_journal.dead_owners(tmp_path))
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", look_then_lock)
    journal = usage_journal.UsageJournal(tmp_path)
    assert taken_for_dead == [] and (tmp_path / f"{journal.owner}.alive").exists()


def test_ids_are_uuids_of_version_7_in_order_of_time(tmp_path):
    journal = usage_journal.UsageJournal(tmp_path)
    ids = [journal.new_id(NOW_US + number * 1000).hex() for number in range(100)]
    assert (
        ids == sorted(ids)
        and {text[12] for text in ids} == {"7"}
        and {text[16] for text in ids} <= set("89ab")
    )


def test_no_room_on_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def disk_full(fd, offset, length):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", disk_full)
    journal = usage_journal.UsageJournal(tmp_path)
    with pytest.raises(usage_journal.JournalFull):
        journal.start(NOW_US, WHO, 1, 0)
    journal.sync()
    assert [path.suffix for path in tmp_path.iterdir()] == [".alive"]
    monkeypatch.undo()
    assert journal.start(NOW_US, WHO, 1, 0) and len(list(usage_journal.segments(tmp_path))) == 1, (
        "there is room again"
    )


def test_a_reader_never_meets_a_segment_that_is_being_made(tmp_path, monkeypatch):
    """A reader that mapped it empty would take it for used up, and throw away what came later."""
    met = []
    allocate = os.posix_fallocate

    def look_then_allocate(*told):
        met.extend(usage_journal.segments(tmp_path))
        allocate(*told)

    monkeypatch.setattr(os, "posix_fallocate", look_then_allocate)
    journal = usage_journal.UsageJournal(tmp_path)
    [path] = usage_journal.segments(tmp_path)
    assert (
        met == []
        and path.stat().st_size == usage_journal.HEADER + usage_journal.SLOTS * usage_journal.SLOT
    )
    assert not usage_journal.SegmentReader(path).abandoned()
    journal.close()


def test_sigkill_loses_no_call_that_was_acknowledged(tmp_path):
    """The child writes a call, then its id to a pipe; it is killed in the middle of that."""
    program = f"""
import pathlib, sys
from consumption.metering import usage_journal
journal = usage_journal.UsageJournal(pathlib.Path({str(tmp_path)!r}))
while True:
    ticket = journal.start({NOW_US}, {WHO}, 1, 0)
    journal.end(ticket, 1, 1, 1, 200, 0)
    sys.stdout.write(ticket.event_id.hex() + "\\n"); sys.stdout.flush()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    acknowledged = [child.stdout.readline().strip() for _ in range(3000)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in child.stdout if len(line) == 33]
    child.wait()
    events, readers = read_all(tmp_path)
    ids = [event.event_id.hex() for event in events]
    assert set(acknowledged) <= set(ids) and len(ids) == len(set(ids))
    assert all(reader.abandoned() for reader in readers)
    assert len(usage_journal.dead_owners(tmp_path)) == 0, "its segments are still there"
    for path in usage_journal.segments(tmp_path):
        path.unlink()
    assert len(usage_journal.dead_owners(tmp_path)) == 1
