"""Tasks are sent after commit, and the same one once for a transaction."""

import pytest
from django.db import transaction

from marketplace.core import background
from marketplace.core.background import enqueue


@pytest.fixture
def sent(monkeypatch):
    found = []
    monkeypatch.setattr(
        background, "_send", lambda name, args, cause, delay_s: found.append((name, *args, delay_s))
    )
    return found


@pytest.mark.django_db(transaction=True)
def test_the_same_task_is_sent_once_for_a_transaction(sent):
    with transaction.atomic():
        for pk in (1, 1, 2):
            enqueue("app.task", pk)
        with transaction.atomic():
            enqueue("app.task", 1)
        enqueue("app.task", 1, delay_s=5)
        assert sent == []
    enqueue("app.task", 1)
    assert sent == [("app.task", 1, 0), ("app.task", 2, 0), ("app.task", 1, 5), ("app.task", 1, 0)]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_taken_for_sent(sent):
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            enqueue("app.task", 1)
            1 / 0  # noqa: B018
        enqueue("app.task", 1)
    assert sent == [("app.task", 1, 0)]
