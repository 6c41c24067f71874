"""A short record with its checkpoints, for those who tamper with it."""

import pytest
from django.db import connection

from marketplace.audit.actions import checkpoint, record, sequence
from marketplace.audit.models import AuditEvent
from tests import factories


@pytest.fixture
def witness(settings, tmp_path):
    settings.AUDIT_WITNESS_FILE = str(tmp_path / "witness.jsonl")
    return tmp_path / "witness.jsonl"


@pytest.fixture
def chained(db, witness):
    """Six events, chained, with a witnessed checkpoint over them."""
    write_events(6)
    checkpoint()
    settle_constraints()
    return list(AuditEvent.objects.order_by("seq"))


def write_events(count):
    alice = factories.alice()
    for number in range(count):
        record(alice, "model.edit", alice, reason=f"change {number}", fields=["summary"])
    sequence()


def settle_constraints():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE wants no check outstanding
