"""Verbs on notices."""

from collections.abc import Iterable

from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.notices.models import Notice


def notify(
    people: Iterable[User], kind: str, title: str, *, key: str, body: str = "", url: str = ""
) -> None:
    """Send a notice to each of `people`, once per `key` (the occasion: "review-opened:41"). In the caller's transaction."""
    Notice.objects.bulk_create(
        [
            Notice(recipient=person, kind=kind, title=title[:200], body=body, url=url, key=key)
            for person in set(people)
        ],
        ignore_conflicts=True,
    )


def mark_read(by: User, notices: Iterable[Notice] | None = None) -> None:
    """Mark the person's own notices (all, or those given) as read."""
    unread = Notice.objects.filter(recipient=by, read_at=None)
    if notices is not None:
        unread = unread.filter(pk__in=[notice.pk for notice in notices])
    unread.update(read_at=timezone.now())


def resolve(key: str) -> None:
    """The occasion is over: nobody needs to act on the notices of `key` any more."""
    Notice.objects.filter(key=key, read_at=None).update(read_at=timezone.now())
