"""Verbs on notices: tell people, mark as read, choose channels, watch models."""

from collections.abc import Iterable
from datetime import time
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from marketplace.accounts.models import Team, User
from marketplace.accounts.permissions import require_person
from marketplace.core.errors import Invalid, RuleError
from marketplace.notices import kinds, outbox
from marketplace.notices.kinds import Mail
from marketplace.notices.models import Notice, NoticeSettings, Preference, Watch, time_zones

MOST_AT_ONCE = 200  # notices that one act names
MOST_WATCHED = 500  # models of a person
LONGEST_BODY = 4_000  # characters


def notify(
    people: Iterable[User],
    kind: str,
    title: str,
    *,
    key: str,
    body: str = "",
    url: str = "",
    model: str = "",
    application: str = "",
    teams: Iterable[Team | int] = (),
) -> None:
    """Send a notice to each of `people`, once per `key` (the occasion: "review-opened:41"). In the caller's transaction.

    model, application  the slugs of what it is about: people filter by them, and are not told of a model that they do not
    watch unless the kind is one that everybody is told of (notices/kinds.py).
    teams  whose webhooks get the event, too: those that it is about, as rows or their numbers.
    """
    kinds.check_declared(kind, key)
    recipients = {person.pk: person for person in people}
    if model and not kinds.of(kind).must:
        muted = Watch.objects.filter(
            model=model, level=Watch.Level.MUTED, person__in=list(recipients)
        )
        for pk in muted.values_list("person", flat=True):
            del recipients[pk]
    now = timezone.now()
    Notice.objects.bulk_create(
        [
            Notice(
                recipient=person,
                kind=kind,
                title=title[:200],
                body=body[:LONGEST_BODY],
                url=url,
                key=key,
                model=model,
                application=application,
                at=now,
                mail_at=now,
            )
            for person in recipients.values()
        ],
        ignore_conflicts=True,
    )
    facts = {"body": body[:LONGEST_BODY], "url": url, "model": model}
    outbox.publish(teams, kind, title, key=key, application=application, **facts)


def mark_read(by: User, notices: Iterable[Notice] | None = None) -> int:
    """Mark the person's own notices (all, or those given) as read. Returns how many were unread."""
    return _own(by, notices).filter(read_at=None).update(read_at=timezone.now())


def mark_unread(by: User, notices: Iterable[Notice]) -> int:
    """Mark these as unread again, if they are the person's own. Returns how many were read."""
    return _own(by, notices).exclude(read_at=None).update(read_at=None)


def resolve(key: str) -> None:
    """The occasion is over: nobody needs to act on the notices of `key` any more."""
    Notice.objects.filter(key=key, read_at=None).update(read_at=timezone.now())


@transaction.atomic
def prefer(by: User, kind: str, *, page: bool, mail: str) -> Preference:
    """Choose the channels of a kind of notice. Raises Invalid, RuleError for a kind that everybody is told of on the page."""
    declared = kinds.KINDS.get(kind)
    if declared is None:
        raise Invalid(f"There is no kind of notice “{kind}”.", field="kind")
    if mail not in Mail.values:
        raise Invalid(f"Choose one of {', '.join(Mail.values)}.", field="mail")
    if declared.must and not page:
        raise RuleError(
            f"“{declared.label}” is always on the page: who relies on something has to be told.",
            field="page",
            remedy="Choose whether it comes by mail, too.",
        )
    preference, _ = Preference.objects.update_or_create(
        person=by, kind=kind, defaults={"page": page, "mail": mail}
    )
    return preference


def set_times(
    by: User,
    *,
    time_zone: str,
    digest_day: int,
    digest_at: time,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
) -> NoticeSettings:
    """Choose the quiet hours and when the weekly digest comes. Raises Invalid naming the field."""
    if time_zone not in time_zones():
        raise Invalid(
            "There is no such time zone.", field="time_zone", remedy="Write it as Europe/Zurich."
        )
    if (quiet_from is None) != (quiet_until is None):
        raise Invalid("Quiet hours need a beginning and an end.", field="quiet_until")
    if quiet_from is not None and quiet_from == quiet_until:
        raise Invalid("Quiet hours end at another time than they begin.", field="quiet_until")
    values: dict[str, Any] = {
        "time_zone": time_zone,
        "digest_day": digest_day,
        "digest_at": digest_at,
        "quiet_from": quiet_from,
        "quiet_until": quiet_until,
    }
    chosen, _ = NoticeSettings.objects.update_or_create(person=by, defaults=values)
    return chosen


@transaction.atomic
def set_watch(by: User, model: str, level: str) -> Watch:
    """Watch the model of this slug, or be told no more of it than must be. Raises Invalid, RuleError beyond MOST_WATCHED.

    Whether the person may see the model is asked by catalog.watches, which calls this.
    """
    require_person(by, "People choose what they watch; no token does.")
    if level not in Watch.Level.values:
        raise Invalid(f"Choose one of {', '.join(Watch.Level.values)}.", field="level")
    User.objects.select_for_update().get(pk=by.pk)
    others = Watch.objects.visible_to(by).exclude(model=model)
    if others.count() >= MOST_WATCHED:
        raise RuleError(
            f"One watches at most {MOST_WATCHED} models.", remedy="Stop watching one first."
        )
    watch, _ = Watch.objects.update_or_create(person=by, model=model, defaults={"level": level})
    return watch


def forget_watch(by: User, model: str) -> None:
    """Be told of the model as before: of what one's teams use and own."""
    Watch.objects.visible_to(by).filter(model=model).delete()


def _own(by: User, notices: Iterable[Notice] | None) -> QuerySet[Notice]:
    own = Notice.objects.visible_to(by).order_by()
    if notices is None or isinstance(notices, QuerySet):
        return own if notices is None else own.filter(pk__in=notices.order_by().values("pk"))
    return own.filter(pk__in=[notice.pk for notice in notices])
