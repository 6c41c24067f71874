"""Who gets what is one table, and the documentation is that table."""

import ast
from fnmatch import fnmatchcase as fnmatch

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


def calls_of_notify():
    """(where, the key's first part with * for what differs, are teams named?) of each call whose key begins with a text."""
    for app in ("catalog", "consumption", "governance", "hosting", "publishing", "marketplace"):
        for path in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
                if name not in ("notify", "tell_team"):
                    continue
                given = {one.arg: one.value for one in node.keywords}
                if isinstance(key := given.get("key"), ast.JoinedStr):
                    parts = [getattr(part, "value", None) for part in key.values]
                    text = "".join(part if isinstance(part, str) else "*" for part in parts)
                    yield (
                        f"{path.name}:{node.lineno}",
                        text.partition(":")[0],
                        "teams" in given or name != "notify",
                    )


def test_what_the_code_sends_is_what_the_table_says():
    wrong, seen, told = [], set(), set()
    for where, name, names_teams in calls_of_notify():
        fitting = [
            occasion
            for occasion in kinds.OCCASIONS
            if fnmatch(name, occasion.pattern) or fnmatch(occasion.pattern, name)
        ]
        exact = [occasion for occasion in fitting if occasion.pattern == name]
        seen |= {occasion.pattern for occasion in exact if occasion.teams}
        told |= {occasion.pattern for occasion in exact if names_teams}
        if not fitting or (names_teams and not any(occasion.teams for occasion in fitting)):
            wrong.append((where, name))
    assert len(seen) > 20 and seen - told == set() and wrong == []


@pytest.mark.django_db
def test_a_notice_that_nobody_declared_is_reported(monkeypatch):
    said = []
    monkeypatch.setattr(kinds, "undeclared", lambda kind, key: said.append((kind, key)))
    notify([factories.alice()], "surprise", "Boo", key="surprise:1")
    notify([factories.alice()], "review", "To decide", key="review-open:1")
    assert said == [("surprise", "surprise:1")]
