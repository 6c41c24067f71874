"""Puts what teams are told on its way to their webhooks: rows in the caller's transaction, which tasks and sweeps send."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from marketplace.accounts.models import Team
from marketplace.core.background import enqueue
from marketplace.notices.models import Webhook, WebhookDelivery, WebhookEvent

MOST_WAITING = 1_000  # deliveries of a webhook that fails; further ones are given up at once


def publish(
    teams: Iterable[Team | int], kind: str, title: str, *, key: str, application: str, **facts: Any
) -> None:
    """Put an event for these teams' webhooks on its way, once per team and `key`. In the caller's transaction."""
    ids = list({team if isinstance(team, int) else team.pk for team in teams})
    webhooks = list(Webhook.objects.wanting(kind, application, ids)) if ids else []
    if not webhooks:
        return
    addressed, now = {webhook.team_id for webhook in webhooks}, timezone.now()
    facts |= {"kind": kind, "title": title[:200], "application": application, "at": now}
    new = [WebhookEvent(team_id=team, key=key, **facts) for team in addressed]
    WebhookEvent.objects.bulk_create(new, ignore_conflicts=True)
    events = {
        event.team_id: event for event in WebhookEvent.objects.filter(team__in=addressed, key=key)
    }
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                webhook=webhook,
                event=events[webhook.team_id],
                made_at=now,
                try_at=now,
                state=WebhookDelivery.State.FAILED
                if _has_too_many_waiting(webhook)
                else WebhookDelivery.State.PENDING,
            )
            for webhook in webhooks
        ],
        ignore_conflicts=True,
    )
    enqueue("notices.deliver")


def _has_too_many_waiting(webhook: Webhook) -> bool:
    waiting = webhook.deliveries.filter(state=WebhookDelivery.State.PENDING)
    return webhook.failing_since is not None and waiting.count() >= MOST_WAITING
