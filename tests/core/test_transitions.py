"""transition(): the one writer of state columns."""

import threading

import pytest
from django.db import connection, transaction

from catalog.models import RegisteredModel
from marketplace.core.errors import RuleError
from marketplace.core.transitions import StaleState, transition
from tests import factories

State = RegisteredModel.State


@pytest.mark.django_db
def test_a_legal_move_is_written_with_its_fields():
    entry = factories.model()
    transition(entry, State.PUBLISHED, summary="Now in the catalog.")
    entry.refresh_from_db()
    assert (entry.state, entry.summary) == (State.PUBLISHED, "Now in the catalog.")


@pytest.mark.django_db
def test_an_illegal_move_is_refused_with_the_states_in_words():
    entry = transition(transition(factories.model(), State.PUBLISHED), State.ARCHIVED)
    with pytest.raises(RuleError, match="is archived; it cannot become draft"):
        transition(entry, State.DRAFT)


@pytest.mark.django_db
def test_a_stale_reader_is_refused():
    entry = factories.model()
    stale = RegisteredModel.objects.get(pk=entry.pk)
    transition(entry, State.PUBLISHED)
    with pytest.raises(StaleState, match="changed by somebody else"):
        transition(stale, State.ARCHIVED)
    assert RegisteredModel.objects.get(pk=entry.pk).state == State.PUBLISHED


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_at_once_the_second_is_refused():
    entry = factories.model()
    first_wrote, refused = threading.Event(), []

    def second():
        stale = RegisteredModel.objects.get(pk=entry.pk)
        first_wrote.set()
        try:
            transition(stale, State.ARCHIVED)  # waits for the first writer's row lock
        except StaleState as answer:
            refused.append(answer)
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        transition(entry, State.PUBLISHED)
        thread.start()
        assert first_wrote.wait(5)
        thread.join(0.3)
    thread.join(5)
    assert refused and RegisteredModel.objects.get(pk=entry.pk).state == State.PUBLISHED
