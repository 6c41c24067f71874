"""Quality reviews: who is reviewed in a quarter, by whom, and what two late findings mean (docs/quality-reviews.md)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.curation.sweep import sweep
from marketplace.insights.models import CurationItem, QualityFinding, QualityReview
from marketplace.insights.quality import actions, schedule
from marketplace.insights.quality.actions import Found
from marketplace.insights.quality.checklist import POINTS
from marketplace.insights.start_page import recommendations
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
LONG = "The examples answer with another currency than the card says."
YES = {point.id: {"answer": "yes", "note": ""} for point in POINTS}
NOW = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def later(days=30):
    return timezone.localdate() + timedelta(days=days)


def planned(version=None, **facts):
    version = version or factories.published_version()
    given = {
        "quarter": "2026-Q2",
        "reason": "used",
        "due_on": later(),
        "reviewer": factories.rita(),
    }
    return QualityReview.objects.create(model=version.model, **given | facts)


def models(number, prefix="Model"):
    made = [
        factories.published_version(factories.model(name=f"{prefix} {n}")).model
        for n in range(number)
    ]
    return [model.pk for model in made]


# ── Which models ──────────────────────────────────────────────────────────


def test_the_used_the_risky_and_a_fifth_of_the_others():
    used, risky = models(2, "Used one"), models(1, "Risky one")
    models(7, "Other one")
    RegisteredModel.objects.filter(pk__in=used).update(consumer_teams=3)
    RegisteredModel.objects.filter(pk__in=risky).update(risk_tier="high")
    drawn = dict(schedule.due("2026-Q2"))
    reasons = list(drawn.values())
    assert {pk for pk, why in drawn.items() if why == "used"} == set(used)
    assert {pk for pk, why in drawn.items() if why == "high"} == set(risky)
    assert reasons.count("sample") == 2  # a fifth of seven, rounded up
    assert dict(schedule.due("2026-Q2")) == drawn


def test_another_quarter_draws_others():
    draws = {
        tuple(sorted((schedule.lot(quarter, f"model-{n}"), n) for n in range(20))[:4])
        for quarter in ("2026-Q1", "2026-Q2", "2026-Q3")
    }
    assert len(draws) == 3


def test_planning_twice_plans_once_and_gives_reviews_to_other_teams():
    factories.person("ana", factories.lending(), roles=["curator"])
    factories.evan(), factories.rita()
    models(5)
    assert schedule.plan(NOW) == 1
    assert schedule.plan(NOW + timedelta(days=3)) == 0
    review = QualityReview.objects.get()
    assert (review.quarter, review.due_on) == ("2026-Q2", date(2026, 6, 30))
    assert review.reviewer.username in ("evan", "rita")


@pytest.mark.parametrize(
    ("day", "quarter", "end"),
    [
        (date(2026, 1, 1), "2026-Q1", date(2026, 3, 31)),
        (date(2026, 6, 30), "2026-Q2", date(2026, 6, 30)),
        (date(2026, 12, 31), "2026-Q4", date(2026, 12, 31)),
    ],
)
def test_quarters(day, quarter, end):
    assert (schedule.quarter_of(day), schedule.end_of_quarter(day)) == (quarter, end)


# ── The review ────────────────────────────────────────────────────────────


def test_a_review_is_completed_with_findings_and_the_team_is_told():
    review = planned()
    answers = YES | {"examples": {"answer": "no", "note": "USD, not EUR"}}
    actions.complete(
        factories.rita(), review, answers=answers, findings=[Found("major", LONG, later())]
    )
    review.refresh_from_db()
    assert (review.state, review.done_by) == ("done", factories.rita())
    assert review.answers["examples"] == {"answer": "no", "note": "USD, not EUR"}
    assert Notice.objects.filter(
        recipient=factories.alice(), key=f"finding-quality:{review.pk}"
    ).exists()
    with pytest.raises(RuleError):
        actions.complete(factories.rita(), review, answers=YES)


def test_nobody_reviews_their_own_teams_model():
    review = planned()
    factories.also(factories.alice(), "curator")
    for person in (factories.alice(), factories.maya(), factories.vera()):
        with pytest.raises(NotAllowed):
            actions.complete(person, review, answers=YES)
    actions.complete(factories.evan(), review, answers=YES)


@pytest.mark.parametrize(
    ("answers", "findings", "field"),
    [
        ({}, [], "answers.card"),
        (YES | {"card": {"answer": "maybe"}}, [], "answers.card"),
        (YES | {"colour": {"answer": "yes"}}, [], "answers"),
        (YES | {"card": {"answer": "no"}}, [], "findings"),
        (YES, [Found("huge", LONG, later())], "findings.0.severity"),
        (YES, [Found("minor", "Short", later())], "findings.0.text"),
        (YES, [Found("minor", LONG, later(-1))], "findings.0.due_on"),
        (YES, [Found("minor", LONG, later(400))], "findings.0.due_on"),
        (YES, [Found("minor", LONG, later())] * 21, "findings"),
    ],
)
def test_a_review_names_what_is_wrong(answers, findings, field):
    with pytest.raises(Invalid) as refused:
        actions.complete(factories.rita(), planned(), answers=answers, findings=findings)
    assert refused.value.field == field and not QualityFinding.objects.exists()


def test_the_publisher_mends_and_a_reviewer_confirms():
    found = finding(planned())
    with pytest.raises(NotAllowed):
        actions.report_mended(factories.maya(), found, LONG)
    actions.report_mended(factories.alice(), found, LONG)
    with pytest.raises(NotAllowed):
        actions.confirm_mended(factories.alice(), found, is_mended=True)
    actions.confirm_mended(factories.rita(), found, is_mended=False)
    found.refresh_from_db()
    assert found.state == "open"
    actions.report_mended(factories.alice(), found, LONG)
    actions.confirm_mended(factories.rita(), found, is_mended=True)
    found.refresh_from_db()
    assert (found.state, found.closed_by) == ("closed", factories.rita())


def finding(review, days=30, severity="major"):
    return QualityFinding.objects.create(
        review=review, severity=severity, text=LONG, due_on=later(days)
    )


# ── Quality watch ─────────────────────────────────────────────────────────


def test_two_late_major_findings_put_a_model_on_watch_until_one_is_mended():
    review = planned()
    first, second = finding(review, -9), finding(review, -1)
    finding(review, -9, "minor"), finding(review, 5)
    schedule.write_watch()
    review.model.refresh_from_db()
    assert review.model.quality_watch_since == later(0)
    client = Client()
    client.force_login(factories.maya())
    assert "Quality watch" in client.get(review.model.get_absolute_url()).content.decode()
    RegisteredModel.objects.filter(pk=review.model_id).update(consumer_teams=3)
    seen = RegisteredModel.objects.published()
    assert not recommendations.for_person(factories.maya(), set(), seen)
    actions.confirm_mended(factories.rita(), second, is_mended=True)
    assert recommendations.for_person(factories.maya(), set(), seen)
    review.model.refresh_from_db()
    assert review.model.quality_watch_since is None
    sweep()
    item = CurationItem.objects.get(kind="quality")
    assert (item.evidence["findings"], item.since) == (1, first.due_on)


def test_pages_show_the_checklist_and_keep_what_was_typed():
    review = planned()
    client = Client()
    client.force_login(factories.rita())
    address = review.get_absolute_url()
    assert all(point.asks in client.get(address).content.decode() for point in POINTS)
    sent = {f"answer_{point.id}": "yes" for point in POINTS} | {"text_0": LONG}
    refused = client.post(address, sent)
    assert refused.status_code == 422 and LONG in refused.content.decode()
    sent |= {"severity_0": "major", "due_on_0": later().isoformat()}
    assert client.post(address, sent).status_code == 302
    assert review.findings.get().severity == "major"
    client.force_login(factories.alice())
    assert "It is mended" in client.get(address).content.decode()
    client.post(f"/quality-findings/{review.findings.get().pk}/report/", {"text": LONG})
    assert review.findings.get().state == "reported"
