"""What tests of minor updates by share are about: part of factories."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from consumption import actions
from consumption.models import Outcome, Rollout, UsageEvent
from tests import factories


def followers(version, count):
    """So many applications of maya's that follow its minor versions."""
    return [
        factories.subscription(version, app=factories.application(name=f"Desk {number}"))
        for number in range(1, count + 1)
    ]


def announced(model="Spreading model", count=1, number="1.1.0"):
    """(rollout of 1.1.0, the subscriptions on 1.0.0)."""
    first = factories.published_version(factories.model(name=model))
    held = followers(first, count)
    version = factories.published_version(first.model, number, by_canary=True)
    return Rollout.objects.for_list().get(version=version), held


def due(rollout):
    """Its notice has run."""
    Rollout.objects.filter(pk=rollout.pk).update(starts_at=timezone.now() - timedelta(minutes=1))


def calls(held, version, count, *, status=200, us=20_000, at=None):
    """Usage events as the gateway's journal has them."""
    at = at or timezone.now()
    outcome = Outcome.OK if status == 200 else Outcome.CLIENT_ERROR
    UsageEvent.objects.bulk_create(
        UsageEvent(
            event_id=uuid4(),
            at=at,
            subscription_id=held.pk,
            key_id=1,
            application_id=held.application_id,
            team_id=held.application.team_id,
            model_id=held.model_id,
            version_id=version.pk,
            outcome=Outcome.UPSTREAM_ERROR if status >= 500 else outcome,
            http_status=status,
            units=1,
            duration_us=us,
        )
        for _ in range(count)
    )


def spreading():
    """A rollout with its first application, and calls of both sides."""
    rollout, held = announced(count=3)
    due(rollout)
    actions.advance_rollouts()
    rollout = Rollout.objects.for_list().get(pk=rollout.pk)
    first = rollout.members.get(got_at__isnull=False).subscription_id
    for one in held:
        is_first = one.pk == first
        calls(one, rollout.version if is_first else one.pinned_version, 90)
    actions.advance_rollouts()
    return Rollout.objects.for_list().get(pk=rollout.pk)


def row(held):
    """A rollout of the version that the subscription has, as a row alone."""
    steps = [{"percent": 10, "hours": 48, "calls": 100, "days": 14}]
    rollout = Rollout.objects.create(
        version=held.pinned_version, starts_at=timezone.now(), steps=steps
    )
    rollout.members.create(subscription=held, from_version=held.pinned_version)
    return rollout
