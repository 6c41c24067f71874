"""The record: append-only in the database, chained without gaps, and tampering shows."""

import json
import threading

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace.audit import actions
from marketplace.audit.actions import checkpoint, record, sequence
from marketplace.audit.models import AuditEvent, Checkpoint
from marketplace.audit.verify import find_faults
from tests import factories

TABLE = AuditEvent._meta.db_table


@pytest.fixture
def witness(settings, tmp_path):
    settings.AUDIT_WITNESS_FILE = str(tmp_path / "witness.jsonl")
    return tmp_path / "witness.jsonl"


@pytest.fixture
def chained(db, witness):
    """Six events, chained, with a witnessed checkpoint over them."""
    alice = factories.alice()
    for number in range(6):
        record(alice, "model.edit", alice, reason=f"change {number}", fields=["summary"])
    sequence()
    checkpoint()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE wants no check outstanding
    return list(AuditEvent.objects.order_by("seq"))


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {TABLE} SET reason = 'something else'",
        f"UPDATE {TABLE} SET seq = seq + 100",
        f"UPDATE {TABLE} SET hash = ''",
        f"DELETE FROM {TABLE}",
        f"TRUNCATE {TABLE} CASCADE",
    ],
)
def test_the_database_refuses_to_change_the_record(chained, statement):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEvent.objects.count() == 6


def test_events_that_are_not_yet_chained_cannot_be_edited_either(db):
    event = record(factories.alice(), "model.edit", factories.alice())
    event.reason = "rewritten"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.save()


def test_an_act_that_fails_leaves_no_event(db):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(factories.alice(), "model.edit", factories.alice())
        1 / 0  # noqa: B018
    assert not AuditEvent.objects.filter(action="model.edit").exists()


def test_an_intact_record_has_no_faults(chained):
    assert [event.seq for event in chained] == [1, 2, 3, 4, 5, 6]
    assert find_faults() == []


def test_sequencing_twice_changes_nothing(chained):
    assert sequence() == 0
    assert checkpoint() is None


def test_an_edited_event_is_found(chained):
    tamper(f"UPDATE {TABLE} SET reason = 'nothing happened' WHERE seq = 3")
    assert find_faults() == ["seq 3 (model.edit) does not match its hash."]


def test_a_deleted_event_is_found(chained):
    tamper(f"DELETE FROM {TABLE} WHERE seq = 4")
    assert any("seq 4 is missing" in fault for fault in find_faults())


def test_a_truncated_record_is_found_by_its_witness(chained):
    tamper(f"DELETE FROM {TABLE} WHERE seq > 2")
    assert find_faults() == [
        "Witnessed head at seq 6 is not in the record: it was rewritten or cut off."
    ]


def test_an_emptied_record_is_found_by_its_witness(chained):
    tamper(f"TRUNCATE {TABLE} CASCADE")
    assert find_faults() == [
        "Witnessed head at seq 6 is not in the record: it was rewritten or cut off."
    ]


def test_a_record_rewritten_from_the_start_is_found_by_its_witness(chained):
    tamper(f"UPDATE {TABLE} SET reason = 'another story' WHERE seq = 1")
    rechain()
    assert find_faults() == [
        "seq 1 (model.edit) was not written by the marketplace: its seal is wrong.",
        "Witnessed head at seq 6 is not in the record: it was rewritten or cut off.",
    ]


def test_a_forged_witness_is_found(chained, witness):
    line = json.loads(witness.read_text())
    witness.write_text(json.dumps(line | {"size": 2, "head": chained[1].hash}) + "\n")
    assert find_faults() == ["The checkpoint of size 2 is not signed by the platform."]


def test_a_missing_witness_file_is_said(chained, witness):
    witness.unlink()
    assert find_faults() == ["There is no witness file, although events are recorded."]


def test_the_checkpoint_is_kept_in_both_places(chained, witness):
    point = Checkpoint.objects.get()
    line = json.loads(witness.read_text())
    assert (line["size"], line["head"], line["signature"]) == (6, chained[-1].hash, point.signature)


@pytest.mark.django_db(transaction=True)
def test_two_sequencers_at_once_leave_no_gap(witness):
    alice = factories.alice()
    for _ in range(200):
        record(alice, "model.edit", alice)

    def chain():
        while AuditEvent.objects.filter(seq=None).exists():
            actions.sequence(batch=17)
        connection.close()

    run_together([chain] * 2)
    assert list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True)) == list(
        range(1, 201)
    )
    checkpoint()
    assert find_faults() == []


@pytest.mark.django_db(transaction=True)
def test_writers_at_work_while_the_sequencer_runs_lose_nothing(witness):
    alice = factories.alice()
    done = threading.Event()

    def write():
        for _ in range(40):
            with transaction.atomic():
                record(alice, "model.edit", alice)
        connection.close()

    def chain():
        while not done.is_set():
            actions.sequence(batch=5)
        connection.close()

    sequencer = threading.Thread(target=chain)
    sequencer.start()
    run_together([write] * 2)
    done.set()
    sequencer.join()
    while sequence():
        pass
    checkpoint()
    assert AuditEvent.objects.exclude(seq=None).count() == 80
    assert find_faults() == []


def tamper(statement):
    """What only somebody with the database's own superuser can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


def rechain():
    """Make every link fit again, as a clever forger would."""
    head = "0" * 64
    for event in AuditEvent.objects.order_by("seq"):
        event.prev_hash, event.hash = head, actions.link(head, event.seq, event.content())
        tamper(
            f"UPDATE {TABLE} SET prev_hash = '{head}', hash = '{event.hash}' WHERE seq = {event.seq}"
        )
        head = event.hash


def run_together(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
