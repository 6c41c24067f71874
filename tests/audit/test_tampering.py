"""More than forty ways to tamper with the record, by somebody who is the database's superuser and has no key: each is found."""

import json
import re

import pytest
from django.db import connection

from marketplace.audit import watch
from marketplace.audit.actions import checkpoint, link
from marketplace.audit.models import AuditEvent, Checkpoint, Watch
from marketplace.audit.verify import find_faults
from marketplace.operations import summary
from tests.audit.conftest import settle_constraints, write_events

TABLE, POINTS = AuditEvent._meta.db_table, Checkpoint._meta.db_table
ACT = {
    "at": "at - interval '1 day'",
    "actor_id": "actor_id + 1",
    "action": "'model.view'",
    "object_type": "'catalog.model'",
    "object_id": "'999'",
    "object_label": "'somebody else'",
    "reason": "'nothing happened'",
    "detail": """'{"fields": ["price"]}'""",
    "request_id": "'0000'",
}
COPIED = "at, actor_id, action, object_type, object_id, object_label, reason, detail, request_id"


@pytest.fixture
def signed(db, witness):
    """Eight events; checkpoints over four and over all."""
    write_events(4)
    checkpoint()
    write_events(4)
    checkpoint()
    settle_constraints()
    assert find_faults() == []
    return witness


def tamper(*statements):
    """What only somebody with the database's own superuser can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


def rechain(after=0):
    """Make every link fit again, as a clever forger would."""
    head = AuditEvent.objects.get(seq=after).hash if after else "0" * 64
    for event in AuditEvent.objects.filter(seq__gt=after).order_by("seq"):
        found = link(head, event.seq, event.content())
        tamper(f"UPDATE {TABLE} SET prev_hash = '{head}', hash = '{found}' WHERE seq = {event.seq}")
        head = found


def column(name, value, seq):
    return lambda _: tamper(f"UPDATE {TABLE} SET {name} = {value} WHERE seq = {seq}")


def statements(*texts, links=False):
    def done(_):
        tamper(*texts)
        if links:
            rechain()

    return done


def cleverly(name, value, seq):
    return statements(f"UPDATE {TABLE} SET {name} = {value} WHERE seq = {seq}", links=True)


def moved(seq, place):
    """Statements that give an event another place in the order."""
    between, step = (
        (f"{place} AND {seq - 1}", "+ 1") if place < seq else (f"{seq + 1} AND {place}", "- 1")
    )
    return (
        f"UPDATE {TABLE} SET seq = -1 WHERE seq = {seq}",
        f"UPDATE {TABLE} SET seq = -100 - seq WHERE seq BETWEEN {between}",
        f"UPDATE {TABLE} SET seq = -100 - seq {step} WHERE seq < -100",
        f"UPDATE {TABLE} SET seq = {place} WHERE seq = -1",
    )


def copied(seq, mac="mac", number="NULL", nonce="gen_random_uuid()"):
    return (
        f"INSERT INTO {TABLE} ({COPIED}, nonce, mac, seq, prev_hash, hash) "
        f"SELECT {COPIED}, {nonce}, {mac}, {number}, '', '' FROM {TABLE} WHERE seq = {seq}"
    )


def closed_up(seq):
    """Statements that delete an event and number those after it anew."""
    return (
        f"DELETE FROM {TABLE} WHERE seq = {seq}",
        f"UPDATE {TABLE} SET seq = -seq WHERE seq > {seq}",
        f"UPDATE {TABLE} SET seq = -seq - 1 WHERE seq < 0",
    )


def swapped_acts(_):
    names = [name.strip() for name in COPIED.split(",")]
    sets = ", ".join(f"{name} = other.{name}" for name in names)
    tamper(
        f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM {TABLE} WHERE seq IN (2, 3)",
        "UPDATE kept SET reason = 'change 2, truly' WHERE seq = 3",
        f"UPDATE {TABLE} AS event SET {sets} FROM kept AS other WHERE other.seq = 5 - event.seq AND event.seq IN (2, 3)",
    )


def forked(_):
    """Another history from the second event on, with links that fit."""
    tamper(f"UPDATE {TABLE} SET reason = 'another story', mac = '' WHERE seq > 1")
    rechain(after=1)


def without_seals(_):
    """As if the whole record were from before there were seals."""
    tamper(f"UPDATE {TABLE} SET mac = ''")
    rechain()


def cut_off_with_its_checkpoints(_):
    tamper(f"DELETE FROM {TABLE} WHERE seq > 4", f"DELETE FROM {POINTS} WHERE size > 4")


def line_changed(**changes):
    def done(witness):
        first, *rest = witness.read_text().splitlines()
        witness.write_text("\n".join([json.dumps(json.loads(first) | changes), *rest]) + "\n")

    return done


def line_taken_out(witness):
    witness.write_text(witness.read_text().splitlines()[1] + "\n")


def line_garbled(witness):
    witness.write_text(witness.read_text().replace('"size"', '"siz', 1))


TAMPERINGS = {
    **{f"{name} of an event": column(name, value, 3) for name, value in ACT.items()},
    **{f"{name}, links mended": cleverly(name, value, 6) for name, value in ACT.items()},
    "the number of a row": column("id", "id + 1000", 3),
    "the nonce": column("nonce", "gen_random_uuid()", 3),
    "the seal": column("mac", "repeat('0', 64)", 3),
    "no seal, links mended": cleverly("mac", "''", 6),
    "the place in the chain": column("seq", "100", 3),
    "the link before": column("prev_hash", "repeat('0', 64)", 3),
    "the hash": column("hash", "repeat('0', 64)", 3),
    "out of the chain": column("seq", "NULL", 3),
    "the first deleted": statements(f"DELETE FROM {TABLE} WHERE seq = 1"),
    "one deleted and closed up": statements(*closed_up(5), links=True),
    "the tail cut off": statements(f"DELETE FROM {TABLE} WHERE seq > 6"),
    "the tail with its checkpoint": cut_off_with_its_checkpoints,
    "emptied": statements(f"TRUNCATE {TABLE} CASCADE"),
    "moved back": statements(*moved(2, 7), links=True),
    "two acts swapped": swapped_acts,
    "inserted at the end": statements(copied(3, number="9")),
    "inserted to be chained": statements(copied(3)),
    "an invented seal, unchained": statements(copied(3, mac="repeat('a', 64)")),
    "rewritten from a point on": forked,
    "rewritten without seals": without_seals,
    "a checkpoint's head": statements(f"UPDATE {POINTS} SET head = repeat('0', 64) WHERE size = 4"),
    "a checkpoint's size": statements(f"UPDATE {POINTS} SET size = 5 WHERE size = 4"),
    "a checkpoint's signature": statements(
        f"UPDATE {POINTS} SET signature = repeat('0', 128) WHERE size = 4"
    ),
    "a witnessed head": line_changed(head="0" * 64),
    "a witnessed size": line_changed(size=3),
    "a witness taken out": line_taken_out,
    "a witness garbled": line_garbled,
    "no witnesses": lambda witness: witness.unlink(),
    "an end of time": column("at", "'infinity'", 3),
    "moved forward": statements(*moved(7, 2)),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_tampering_is_found(signed, name):
    """By the verifier, which looks at everything at once, and by the clock's watch, which takes it in steps."""
    TAMPERINGS[name](signed)
    assert find_faults() != []
    for _ in range(6):
        watch.step(most=3)
    watched = Watch.objects.get()
    assert watched.faults and watched.broken_since


def test_there_are_forty():
    assert len(TAMPERINGS) >= 40


@pytest.mark.parametrize("seq", range(1, 9))
def test_the_first_event_that_was_changed_is_named(signed, seq):
    tamper(f"UPDATE {TABLE} SET reason = 'nothing happened' WHERE seq >= {seq}")
    assert re.match(rf"seq {seq} \(model.edit\) does not match its hash", find_faults()[0])


def test_what_is_cut_off_is_told_by_its_witness(signed):
    tamper(f"DELETE FROM {TABLE} WHERE seq > 6", f"DELETE FROM {POINTS} WHERE size > 6")
    assert find_faults() == [
        "Witnessed head at seq 8 is not in the record: it was rewritten or cut off."
    ]


def test_a_missing_witness_file_is_told(signed):
    signed.unlink()
    assert find_faults() == ["There is no witness file, although events are recorded."]


def test_a_forged_witness_is_told(signed):
    line_changed(size=2)(signed)
    assert find_faults() == [
        "The checkpoint of size 2 is not signed by the platform.",
        "The checkpoint of size 4 is missing from the witness file.",
    ]


def test_an_older_copy_of_the_witness_file_is_no_fault(signed):
    """As after a restore: the database has its log up to a later moment."""
    signed.write_text(signed.read_text().splitlines()[0] + "\n")
    assert find_faults() == []
    for _ in range(6):
        watch.step(most=3)
    assert Watch.objects.get().faults == []


def test_the_watch_goes_round_in_steps(signed):
    assert [watch.step(most=3) for _ in range(4)] == [3, 3, 2, 3]
    watched = Watch.objects.get()
    assert (watched.seq, watched.size, watched.faults) == (3, 8, [])
    assert watched.completed_at and not watched.broken_since


def test_the_watch_goes_on_while_events_are_added(signed):
    watch.step(most=6)
    write_events(3)
    checkpoint()
    assert [watch.step(most=6) for _ in range(3)] == [5, 6, 5]
    assert Watch.objects.get().faults == []


def test_a_checkpoint_made_during_a_step_is_looked_at_in_the_next(signed, monkeypatch):
    read = watch.read_witness

    def read_too_early(*args):
        found = read(*args)
        write_events(1)
        checkpoint()
        write_events(2)
        return found

    watch.step(most=3)
    with monkeypatch.context() as patched:
        patched.setattr(watch, "read_witness", read_too_early)
        watch.step(most=7)
    for _ in range(4):
        watch.step(most=7)
    assert Watch.objects.get().faults == []


def test_the_watch_says_since_when_and_forgets_what_a_whole_round_no_longer_finds(signed):
    tamper(f"UPDATE {TABLE} SET reason = 'nothing happened' WHERE seq = 2")
    watch.step(most=3)
    since = Watch.objects.get().broken_since
    assert since
    tamper(f"UPDATE {TABLE} SET reason = 'change 1' WHERE seq = 2")
    watch.step(most=3)
    watch.step(most=3)
    assert Watch.objects.get().broken_since == since
    for _ in range(3):
        watch.step(most=3)
    watched = Watch.objects.get()
    assert (watched.broken_since, watched.faults) == (None, [])


def test_operators_get_an_alert(signed):
    tamper(f"UPDATE {TABLE} SET reason = 'nothing happened' WHERE seq = 3")
    watch.step()
    [alert] = [one for one in summary.overview().alerts if one.url == "/audit/"]
    assert (alert.severity, alert.since) == ("critical", Watch.objects.get().broken_since)
    assert "seq 3 (model.edit)" in alert.why
