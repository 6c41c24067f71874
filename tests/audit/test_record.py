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


@pytest.mark.parametrize(
    ("action", "is_at_once"),
    [
        ("policy.approved", True),
        ("waiver.granted", True),
        ("amendment.approved", True),
        ("role.granted", True),
        ("version.resume", True),
        ("card.edit", False),
    ],
)
def test_what_is_decided_for_others_is_witnessed_at_once(
    db, django_capture_on_commit_callbacks, action, is_at_once
):
    with django_capture_on_commit_callbacks() as sent:
        record(factories.alice(), action, factories.alice())
    assert [task.args[:2] for task in sent] == [("audit.sequence", (is_at_once,))]


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


def run_together(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
