"""Who gets what is one table, and the documentation is that table."""

import pytest

from marketplace.launcher.rundir import ROOT
from marketplace.notices import kinds
from marketplace.notices.actions import notify
from tests import factories


def test_the_documentation_has_the_declared_table():
    page = (ROOT / "docs" / "notices.md").read_text()
    missing = [row for row in kinds.table().splitlines() if row not in page]
    assert missing == []


def test_every_occasion_is_of_a_declared_kind_and_none_hides_another():
    assert {occasion.kind for occasion in kinds.OCCASIONS} <= set(kinds.KINDS)
    for occasion in kinds.OCCASIONS:
        assert kinds.occasion_of(occasion.pattern.replace("*", "x")) == occasion


@pytest.mark.django_db
def test_a_notice_that_nobody_declared_is_reported(monkeypatch):
    said = []
    monkeypatch.setattr(kinds, "undeclared", lambda kind, key: said.append((kind, key)))
    notify([factories.alice()], "surprise", "Boo", key="surprise:1")
    notify([factories.alice()], "review", "To decide", key="review-open:1")
    assert said == [("surprise", "surprise:1")]
