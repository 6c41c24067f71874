"""One call by its id: the gateway's X-Request-Id names the usage event (docs/feedback.md)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from consumption.models import UsageEvent

MARGIN = timedelta(minutes=1)  # a call's id is made within a second of its event's time


def called_at(request_id: UUID) -> datetime | None:
    """When the id was made (UUID version 7); None when it is none of the gateway's."""
    if request_id.version != 7:
        return None
    try:
        return datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def events_of(request_ids: Iterable[UUID]) -> "QuerySet[UsageEvent]":
    """The usage events of these ids; only the months in which they were made are read."""
    made = {request_id: at for request_id in request_ids if (at := called_at(request_id))}
    if not made:
        return UsageEvent.objects.none()
    first, last = min(made.values()) - MARGIN, max(made.values()) + MARGIN
    return UsageEvent.objects.filter(event_id__in=list(made), at__range=(first, last))
