"""Builders of what notices are about, beside tests/factories.py."""

from marketplace.notices import webhooks
from marketplace.notices.models import Letter, WebhookDelivery, WebhookEvent
from tests import factories


def webhook(by=None, team=None, **changed):
    """A webhook of the mortgage team, not proven yet. Returns (Webhook, its secret)."""
    facts = {"name": "On call", "url": "https://93.184.216.34/hook"} | changed
    return webhooks.register(by or factories.maya(), team or factories.mortgage(), **facts)


def letter(person):
    return Letter.objects.create(
        recipient=person,
        address=f"{person.username}@company.example",
        subject="Income verification 1.0.0 ends",
        text="Move before.",
        html="<p>Move before.</p>",
        kinds=["rating"],
    )


def delivery(of_webhook, key="version.published:1"):
    """A delivery that waits, of an event that nobody else is told."""
    event = WebhookEvent.objects.create(
        team=of_webhook.team, kind="version.published", key=key, title="2.0.0 is published"
    )
    return WebhookDelivery.objects.create(webhook=of_webhook, event=event)
