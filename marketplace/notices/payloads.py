"""What a webhook sends: a CloudEvents 1.0 envelope, or what Slack or Microsoft Teams shows (docs/notices.md, "Webhooks")."""

import json
from typing import Any

from django.conf import settings

from marketplace.core.webhooks import ID, SIGNATURE, TIMESTAMP, secrets, signature
from marketplace.notices.models import WebhookEvent, WebhookFormat

AGENT = "ModelMarketplace-Webhooks/1"
MEDIA_TYPES = {
    WebhookFormat.STANDARD: "application/cloudevents+json; charset=utf-8",
    WebhookFormat.SLACK: "application/json; charset=utf-8",
    WebhookFormat.TEAMS: "application/json; charset=utf-8",
}
LONGEST = 2_500  # characters of a text in a chat: Slack takes 3,000 in a section


def type_of(kind: str) -> str:
    """The CloudEvents type of a kind of notice: marketplace.version.deprecated.v1."""
    return f"marketplace.{kind.replace('_', '-')}.v1"


def body_of(event: WebhookEvent, format: str) -> bytes:
    """The event in a webhook's format, the same bytes each time."""
    shape = {WebhookFormat.SLACK: _slack, WebhookFormat.TEAMS: _teams}.get(
        WebhookFormat(format), _cloud_event
    )
    return json.dumps(shape(event), ensure_ascii=False, separators=(",", ":")).encode()


def challenge_body(webhook_id: int, text: str, code: str, at: str) -> bytes:
    """The CloudEvent that a receiver answers with the `challenge` in its data."""
    envelope = _envelope(f"challenge-{webhook_id}-{code[:8]}", "webhook.challenge", at)
    data = envelope | {"data": {"title": text, "challenge": code}}
    return json.dumps(data, separators=(",", ":")).encode()


def headers_of(
    format: str, signing: list[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """HTTP headers of a message; `signing` holds the secrets that sign it, as whsec_ texts."""
    keys = secrets(",".join(f"own:{text}" for text in signing))
    return {
        "Content-Type": MEDIA_TYPES[WebhookFormat(format)],
        "User-Agent": AGENT,
        ID: message_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: " ".join(signature(key.key, message_id, timestamp, body) for key in keys),
    }


def _envelope(id: str, kind: str, at: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": settings.PORTAL_URL,
        "type": type_of(kind),
        "time": at,
        "datacontenttype": "application/json",
    }


def _cloud_event(event: WebhookEvent) -> dict[str, Any]:
    subject = {"subject": f"models/{event.model}"} if event.model else {}
    data = {
        "kind": event.kind,
        "occasion": event.key.partition(":")[0],
        "title": event.title,
        "text": event.body,
        "url": _address(event),
        "team": event.team.slug,
        "model": event.model or None,
        "application": event.application or None,
    }
    at = event.at.isoformat().replace("+00:00", "Z")
    return _envelope(str(event.pk), event.kind, at) | subject | {"data": data}


def _slack(event: WebhookEvent) -> dict[str, Any]:
    text = f"*{_escaped(event.title)}*"
    if event.body:
        text += f"\n{_escaped(event.body)[:LONGEST]}"
    if event.url:
        text += f"\n<{_address(event)}|Show>"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"text": _escaped(event.title), "blocks": [section]}


def _escaped(text: str) -> str:
    """Slack's three characters that would be markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(event: WebhookEvent) -> dict[str, Any]:
    lines = [{"type": "TextBlock", "weight": "Bolder", "text": event.title, "wrap": True}]
    if event.body:
        lines.append({"type": "TextBlock", "text": event.body[:LONGEST], "wrap": True})
    show = [{"type": "Action.OpenUrl", "title": "Show", "url": _address(event)}]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": lines,
        "actions": show if event.url else [],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _address(event: WebhookEvent) -> str:
    return f"{settings.PORTAL_URL}{event.url}" if event.url.startswith("/") else event.url
