"""Telling: once per occasion and person; reading is one's own."""

import pytest

from marketplace.notices.actions import mark_read, notify
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_same_occasion_is_told_once():
    for _ in range(2):
        notify(
            [factories.alice(), factories.bob(), factories.alice()],
            "review",
            "To decide",
            key="review-open:1",
        )
    assert Notice.objects.count() == 2


def test_another_occasion_is_told_again():
    notify([factories.alice()], "review", "To decide", key="review-open:1")
    notify([factories.alice()], "review", "To decide", key="review-open:2")
    assert Notice.objects.filter(recipient=factories.alice()).count() == 2


def test_marking_as_read_touches_only_ones_own():
    notify([factories.alice(), factories.bob()], "review", "To decide", key="review-open:1")
    mark_read(factories.alice(), Notice.objects.all())
    assert Notice.objects.get(recipient=factories.alice()).read_at
    assert Notice.objects.get(recipient=factories.bob()).read_at is None


def test_a_long_title_is_cut_not_refused():
    notify([factories.alice()], "review", "x" * 500, key="review-open:1")
    assert len(Notice.objects.get().title) == 200
