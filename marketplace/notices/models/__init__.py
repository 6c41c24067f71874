"""NOTICES: messages to people, by which channels they want them, and of which models."""

from marketplace.notices.models.calendars import CalendarAddress
from marketplace.notices.models.letters import Letter, LetterState
from marketplace.notices.models.messages import Notice, NoticeSet
from marketplace.notices.models.preferences import (
    NoticeSettings,
    Preference,
    Watch,
    WatchLevel,
    Weekday,
    time_zones,
)
from marketplace.notices.models.webhooks import (
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookFormat,
    WebhookState,
    WebhookTry,
)

__all__ = [
    "CalendarAddress",
    "DeliveryState",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookFormat",
    "WebhookState",
    "WebhookTry",
    "Letter",
    "LetterState",
    "Notice",
    "NoticeSet",
    "NoticeSettings",
    "Preference",
    "Watch",
    "WatchLevel",
    "Weekday",
    "time_zones",
]
