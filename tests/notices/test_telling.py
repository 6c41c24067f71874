"""Telling: once per occasion and person; reading is one's own."""

import pytest

from marketplace.notices.actions import mark_read, tell
from marketplace.notices.models import Notice
from tests import cast

pytestmark = pytest.mark.django_db


def test_the_same_occasion_is_told_once():
    for _ in range(2):
        tell([cast.alice(), cast.bob(), cast.alice()], "review", "To decide", key="review-open:1")
    assert Notice.objects.count() == 2


def test_another_occasion_is_told_again():
    tell([cast.alice()], "review", "To decide", key="review-open:1")
    tell([cast.alice()], "review", "To decide", key="review-open:2")
    assert Notice.objects.filter(recipient=cast.alice()).count() == 2


def test_marking_as_read_touches_only_ones_own():
    tell([cast.alice(), cast.bob()], "review", "To decide", key="review-open:1")
    mark_read(cast.alice(), Notice.objects.all())
    assert Notice.objects.get(recipient=cast.alice()).read_at
    assert Notice.objects.get(recipient=cast.bob()).read_at is None


def test_a_long_title_is_cut_not_refused():
    tell([cast.alice()], "review", "x" * 500, key="long")
    assert len(Notice.objects.get().title) == 200
