"""Gives the demo's rows the dates of the company's past. The audit record keeps the true moment of each act."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Subscription
from governance.actions import VALID_DAYS
from governance.calendar import business_days_after
from governance.models import Decision, GateResult, Review
from governance.policies import required_reviews

from .consumers import Use
from .listing import Release

DRAFTED, DECIDED, HOSTED = timedelta(days=4), timedelta(days=5), timedelta(days=1)
ANNOUNCED = timedelta(days=28)


def backdate_version(version: ModelVersion, release: Release) -> None:
    """Submission, reviews and approval as long ago as the story says; later moments follow."""
    submitted = timezone.now() - timedelta(days=release.days_ago)
    facts = {"created_at": submitted - DRAFTED, "submitted_at": submitted if version.submitted_at else None}
    if version.approved_at:
        approved = min(submitted + DECIDED, timezone.now())
        facts |= {"approved_at": approved, "approved_until": approved + timedelta(days=VALID_DAYS[version.risk_tier])}
    ModelVersion.objects.filter(pk=version.pk).update(**facts)
    RegisteredModel.objects.filter(pk=version.model_id, created_at__gt=submitted - DRAFTED).update(created_at=submitted - DRAFTED)
    GateResult.objects.filter(version=version).update(at=submitted)
    version.assessments.update(at=submitted - timedelta(days=1))
    backdate_reviews(version, submitted)


def backdate_reviews(version: ModelVersion, submitted: datetime) -> None:
    days = dict(required_reviews(version)) if version.reviews.exists() else {}
    for order, review in enumerate(version.reviews.all()):
        decided = min(submitted + timedelta(days=1 + order * 0.7), timezone.now()) if review.decided_at else None
        due = business_days_after(submitted, days.get(review.kind, 5))
        Review.objects.filter(pk=review.pk).update(opened_at=submitted, due_at=due, decided_at=decided)
        Decision.objects.filter(review=review).update(at=decided or submitted)


def backdate_publication(version: ModelVersion) -> None:
    """It went live a day after its approval; left alone once that is so."""
    if version.published_at > version.approved_at + 2 * HOSTED:
        ModelVersion.objects.filter(pk=version.pk).update(published_at=version.approved_at + HOSTED)


def backdate_deprecation(version: ModelVersion) -> None:
    """Announced four weeks ago; the day it ends stays as announced."""
    ModelVersion.objects.filter(pk=version.pk).update(deprecated_at=timezone.now() - ANNOUNCED)


def backdate_subscription(made: Subscription, use: Use) -> None:
    """Asked for, and decided, as long ago as the use began."""
    began = timezone.now() - timedelta(days=use.since)
    asked = began - timedelta(days=2)
    decided = began - timedelta(days=1) if made.decided_at else None
    Subscription.objects.filter(pk=made.pk).update(requested_at=asked, decided_at=decided)
    made.keys.update(created_at=began)
