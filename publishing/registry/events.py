"""MLflow's webhook events: how one is signed, and which version of which registered model it is about. Pure.

The scheme is Standard Webhooks' with headers of MLflow's own: HMAC-SHA256 over `delivery id.timestamp.body`, "v1," and Base64. The
key is the secret's text itself, not what its Base64 holds (docs/pipeline.md, "MLflow").
"""

import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.core import json_reader, webhooks
from marketplace.core.errors import Invalid
from marketplace.core.query import whole_number
from publishing.models import RegistryConnection, RegistryTrigger

ID, TIMESTAMP, SIGNATURE = "X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"
NAME_MAX = 256  # characters, as in MLflow
VERSION = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Event:
    """What happened in the registry. `name` and `version` are "" where it is not about a version; `marker`: alias, or tag as name=value."""

    kind: str  # entity.action
    name: str = ""
    version: str = ""
    marker: str = ""


# What publishes, by MLflow's names of its events.
KINDS = {
    RegistryTrigger.CREATED: "model_version.created",
    RegistryTrigger.ALIAS: "model_version_alias.created",
    RegistryTrigger.TAG: "model_version_tag.set",
}


def signed_id(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> str | None:
    """The delivery's id when one of the secrets signed these bytes within five minutes of now; else None."""
    delivery, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    sent_at = whole_number(timestamp)
    if not 0 < len(delivery) <= webhooks.LONGEST_ID or sent_at is None:
        return None
    if not delivery.isascii() or abs(time.time() - sent_at) > webhooks.TOLERANCE_S:
        return None
    given = headers.get(SIGNATURE, "").encode()
    matches = [
        hmac.compare_digest(
            webhooks.signature(secret.encode(), delivery, timestamp, body).encode(), given
        )
        for secret in secrets
    ]
    return delivery if any(matches) else None


def read(body: bytes) -> Event:
    """The Event of a signed body. Raises Invalid."""
    try:
        document = json_reader.read(body)
    except (json_reader.Malformed, json_reader.Unusable) as error:
        raise Invalid(f"The event cannot be read: {error}") from None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise Invalid("An event is an object with entity, action and data.", field="data")
    kind = f"{_text(document, 'entity')}.{_text(document, 'action')}"
    name, version = _text(data, "name"), _text(data, "version")
    if len(kind) > 80 or len(name) > NAME_MAX or not (not version or VERSION.fullmatch(version)):
        raise Invalid("The event names no version of a registered model.", field="data")
    return Event(kind, name, version, _marker(data))


def publishes(connection: RegistryConnection, event: Event) -> bool:
    """Is this the event that the connection waits for?"""
    is_kind = event.kind == KINDS[RegistryTrigger(connection.trigger)]
    is_marked = connection.trigger == RegistryTrigger.CREATED or event.marker == connection.marker
    return is_kind and is_marked and bool(event.name and event.version)


def _marker(data: Mapping[str, Any]) -> str:
    if "alias" in data:
        return _text(data, "alias")
    return f"{_text(data, 'key')}={_text(data, 'value')}" if "key" in data else ""


def _text(owner: Mapping[str, Any], name: str) -> str:
    value = owner.get(name)
    return value if isinstance(value, str) else ""
