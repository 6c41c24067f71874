"""By which channels people want which notices, when they want quiet, and which models they watch."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.db import models
from django.db.models import Q

from marketplace.accounts.models import User
from marketplace.notices.kinds import Mail

WEEK = timedelta(days=7)


def time_zones() -> list[str]:
    """The names of the zones that this machine knows, UTC first."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name)]


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


class Weekday(models.IntegerChoices):
    """As datetime counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class PreferenceSet(models.QuerySet["Preference"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)


class Preference(models.Model):
    """What a person chose for a kind of notice; without a row the kind's defaults hold (notices/kinds.py)."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    page = models.BooleanField(default=True)
    mail = models.CharField(max_length=10, choices=Mail)

    objects = PreferenceSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="preference_once"),
            models.CheckConstraint(condition=Q(mail__in=Mail.values), name="preference_mail"),
        ]


class NoticeSettingsSet(models.QuerySet["NoticeSettings"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)


class NoticeSettings(models.Model):
    """When mail comes to a person: not in the quiet hours, and the digest once a week. Times are of `time_zone`."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_settings"
    )
    time_zone = models.CharField(max_length=40, default="UTC")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    digest_day = models.PositiveSmallIntegerField(choices=Weekday, default=Weekday.MONDAY)
    digest_at = models.TimeField(default=time(8))

    objects = NoticeSettingsSet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_whole",
            ),
            models.CheckConstraint(condition=Q(digest_day__lte=6), name="digest_day_of_week"),
        ]

    def end_of_quiet(self, now: datetime) -> datetime | None:
        """When the quiet hours end in which `now` lies; None outside of them. They may go over midnight."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        local = now.astimezone(_zone(self.time_zone))
        for day in (local.date() - timedelta(days=1), local.date()):
            begin = datetime.combine(day, self.quiet_from, local.tzinfo)
            later = self.quiet_until <= self.quiet_from
            end = datetime.combine(day + timedelta(days=later), self.quiet_until, local.tzinfo)
            if begin <= local < end:
                return end.astimezone(UTC)
        return None

    def next_digest(self, now: datetime) -> datetime:
        """The first moment after `now` at which the digest is sent."""
        local = now.astimezone(_zone(self.time_zone))
        day = local.date() + timedelta(days=(self.digest_day - local.weekday()) % 7)
        moment = datetime.combine(day, self.digest_at, local.tzinfo)
        if moment <= local:
            moment = datetime.combine(day + WEEK, self.digest_at, local.tzinfo)
        return moment.astimezone(UTC)


class WatchLevel(models.TextChoices):
    WATCHED = "watched", "Watched"
    MUTED = "muted", "Not watched"


class WatchSet(models.QuerySet["Watch"]):
    def visible_to(self, user: User) -> Self:
        """One's own."""
        return self.filter(person=user)


class Watch(models.Model):
    """A person wants to be told of a model, or not to be. Without a row: of what the teams use and own.

    model  its slug: the catalog stands above this app, and asks whether the person may see it (catalog/watches.py).
    """

    Level = WatchLevel

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watches")
    model = models.CharField(max_length=100)
    level = models.CharField(max_length=10, choices=WatchLevel)

    objects = WatchSet.as_manager()

    class Meta:
        ordering = ["model"]
        constraints = [
            models.UniqueConstraint(fields=["person", "model"], name="watch_once"),
            models.CheckConstraint(condition=Q(level__in=WatchLevel.values), name="watch_level"),
        ]
        indexes = [models.Index(fields=["model", "level"], name="watch_of_model")]
