"""docs/governance.md says the numbers that the code has."""

import re

from governance import cards, gates, matrix, periods, tiering
from marketplace.launcher.rundir import ROOT

TEXT = (ROOT / "docs" / "governance.md").read_text()


def rows_below(heading):
    """[[cell]] of the tables of one section, their header and rule left out."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in lines
        if not line.startswith("|---")
    ]


def test_the_card_has_these_fields():
    written = [
        (field, need, weight, bool(star))
        for field, _, need, weight, star, _ in rows_below("Model card")[1:]
    ]
    assert written == [
        (field.id, " or ".join(field.terms) or "optional", str(field.weight), field.star)
        for field in cards.FIELDS
    ]


def test_a_card_is_complete_at_these_scores():
    scores = ", ".join(f"{cards.NEEDED[tier]} ({tier})" for tier in ("low", "medium"))
    assert f"at least {scores} or {cards.NEEDED['high']} (high)" in TEXT


def test_questions_and_floors_lead_to_these_tiers():
    rows = rows_below("Risk tiers")
    points = {row[0].split(":")[0].split(" ")[0]: row[1] for row in rows[1:]}
    for question in tiering.QUESTIONS:
        numbers = [int(found) for found in re.findall(r"(\d+)(?:;|,|$)", points[question.id])]
        assert numbers == [option.points for option in question.options], question.id
    floors = {row[0]: row[2] for row in rows if row[0].startswith("OV")}
    assert floors == {name: tier for name, _, tier, _ in tiering.FLOORS}
    assert [least for least, _ in tiering.BANDS] == [12, 6, 0]
    assert "0 to 5 low, 6 to 11 medium, 12 and more high" in TEXT


def test_reviews_take_these_days_and_people():
    written = {row[0]: row[1:4] for row in rows_below("Reviews")}
    for rule in matrix.RULES:
        for tier, cell in zip(("low", "medium", "high"), written[rule.kind], strict=True):
            assert cell == cell_of(rule, tier), (rule.kind, tier)
    people = written["different people who approve"]
    assert people == [str(matrix.MIN_PEOPLE[tier]) for tier in ("low", "medium", "high")]


def cell_of(rule, tier):
    needed = rule.when.get(tier)
    if not needed:
        return "–"
    days = str(rule.days[tier])
    return days if needed == matrix.ALWAYS else f"{days} if {' or '.join(sorted(needed))}"


def test_notices_and_approvals_last_these_days():
    low, medium, high = periods.BY_TIER["notice_days"][1].values()
    assert f"at least {low} days at low, {medium} at medium and {high} at high risk" in TEXT
    valid = periods.BY_TIER["valid_days"][1]
    assert valid["medium"] == valid["high"]
    assert f"{valid['low']} days at low risk, {valid['high']} at medium and high" in TEXT
    written = {row[0]: row[1:] for row in rows_below("Periods")[1:]}
    for name, (_, days) in periods.BY_TIER.items():
        assert written[name] == [str(number) for number in days.values()]


def test_these_are_the_gates():
    written = [row[:3] for row in rows_below("Gates") if len(row) == 6][1:]
    assert written == [[gate.name, gate.catalogue, gate.asks] for gate in gates.GATES]
