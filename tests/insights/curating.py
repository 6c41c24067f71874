"""What tests of the curation desk are about: a published model at a chosen age, calls on chosen days, a sweep on a chosen day."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.insights.curation.sweep import sweep
from marketplace.insights.models import (
    CurationItem,
    HealthScore,
    QualityFinding,
    QualityReview,
)
from marketplace.insights.ownership import actions as ownership
from tests import factories

PARTS = {
    "Documentation": 25,
    "Evaluation, current": 25,
    "Operations": 20,
    "Freshness": 15,
    "Feedback": 15,
}
NOW = datetime(2026, 6, 1, 2, 10, tzinfo=UTC)
LONG = "It is only used at the end of the year, for the annual report."


def published(days=400, now=NOW, **listing):
    """A model whose only version was published so many days before, and whose approval holds."""
    version = factories.published_version(factories.model(**listing)) if listing else None
    version = version or factories.published_version()
    aged(version, days, now)
    factories.rita()
    return version


def aged(version, days, now=NOW):
    at = now - timedelta(days=days)
    ModelVersion.objects.filter(pk=version.pk).update(
        published_at=at, approved_until=now + timedelta(days=400)
    )
    RegisteredModel.objects.filter(pk=version.model_id).update(last_published_at=at)
    version.refresh_from_db()


def swept(days=0, now=NOW):
    """The run of a sweep so many days after `now`."""
    return sweep(now + timedelta(days=days))


def items(kind, **facts):
    return CurationItem.objects.filter(kind=kind, **facts).order_by("pk")


def one(kind, **facts):
    return items(kind, **facts).get()


def called(subscription, days_before, calls=10, now=NOW):
    return factories.called(subscription, calls, day=(now - timedelta(days=days_before)).date())


def finding(version, kind="unused", **facts):
    """An open finding about the version's model, which rita has."""
    today = timezone.localdate()
    given = {
        "step": 90,
        "since": today - timedelta(days=91),
        "evidence": {"last_call": None, "subscriptions": 0},
        "due_on": today + timedelta(days=14),
        "owner": factories.rita(),
    }
    return CurationItem.objects.create(kind=kind, model=version.model, **given | facts)


def answered(version):
    """A finding that alice answered: her team keeps the model as it is."""
    said = {"answer": "keep", "answer_reason": LONG, "answered_by": factories.alice()}
    return finding(version, asked_at=timezone.now(), answered_at=timezone.now(), **said)


def health(version, score=74):
    """A score that is shown."""
    points = dict(zip(PARTS, (22, 21, 20, 6, score - 69), strict=True))
    return HealthScore.objects.create(
        model=version.model,
        score=score,
        parts=[
            {"name": name, "points": points[name], "of": most, "facts": ["It was measured."]}
            for name, most in PARTS.items()
        ],
        card_score=90,
        card_needed=80,
        card_passes=True,
        known_from=timezone.localdate() - timedelta(days=1),
    )


def succession(version):
    """Alice names rita, of the head office, for her model; it waits."""
    return ownership.name_successor(
        factories.alice(),
        version.model,
        team=factories.head_office(),
        owner=factories.rita(),
        support_contact="new@example.com",
        reason=LONG,
    )


def quality_review(version, **facts):
    """An open review that rita has."""
    due_on = timezone.localdate() + timedelta(days=30)
    given = {"quarter": "2026-Q2", "reason": "used", "due_on": due_on}
    return QualityReview.objects.create(
        model=version.model, reviewer=factories.rita(), **given | facts
    )


def quality_finding(version):
    """Of a review that is done."""
    done = {"state": "done", "done_by": factories.rita(), "done_at": timezone.now()}
    review = quality_review(version, quarter="2026-Q1", **done)
    day = timezone.localdate() + timedelta(days=30)
    return QualityFinding.objects.create(review=review, severity="major", text=LONG, due_on=day)
