"""NOTICES: messages to people, by which channels they want them, and of which models."""

from marketplace.notices.models.messages import Notice, NoticeSet
from marketplace.notices.models.preferences import (
    NoticeSettings,
    Preference,
    Watch,
    WatchLevel,
    Weekday,
    time_zones,
)

__all__ = [
    "Notice",
    "NoticeSet",
    "NoticeSettings",
    "Preference",
    "Watch",
    "WatchLevel",
    "Weekday",
    "time_zones",
]
