"""The end of an approval acts, and late reviews are told. Rule: docs/governance.md, "Re-review"."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance import renewals
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db


def ending(days, tier="low"):
    """A published version whose approval ends in so many days."""
    factories.rita(), factories.gus(), factories.mira()
    version = factories.published_version(tier=tier)
    version.approved_until = timezone.now() + timedelta(days=days, minutes=-1)
    ModelVersion.objects.filter(pk=version.pk).update(approved_until=version.approved_until)
    return version


def renew(version, by=None, reason=factories.REASON, no_conflict=True):
    return renewals.renew(by or factories.rita(), version, reason, no_conflict)


def test_reminders_come_once_at_60_30_7_days_and_at_the_end():
    version = ending(61)
    end, sent = version.approved_until, []
    for days_left in (60.5, 60, 59, 30, 8, 7, 1, 0, -1, -2):
        for _ in range(2):
            renewals.remind_of_ends(end - timedelta(days=days_left))
        sent.append(Notice.objects.filter(recipient=factories.alice(), kind="re-review").count())
    assert sent == [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    told = Notice.objects.filter(kind="re-review").values_list("recipient__username", flat=True)
    assert set(told) == {"alice", "rita"}


@pytest.mark.parametrize(
    ("tier", "days", "is_refused"),
    [("low", -1, False), ("low", -31, True), ("medium", 1, False), ("medium", -1, True)],
)
def test_an_ended_approval_takes_no_new_subscriptions(tier, days, is_refused):
    version = ending(days, tier)
    if not is_refused:
        assert factories.subscription(version).state == "active"
        return
    with pytest.raises(RuleError, match="its approval ended on"):
        factories.subscription(version)


def test_a_subscription_goes_on_after_the_end():
    held = factories.subscription(factories.published_version())
    ModelVersion.objects.update(approved_until=timezone.now() - timedelta(days=90))
    held.refresh_from_db()
    assert held.state == "active" and held.pinned_version.is_callable


def test_a_re_review_sets_the_next_day_and_leaves_a_trace():
    version = ending(-3)
    renewals.remind_of_ends(timezone.now())
    renew(version)
    version.refresh_from_db()
    assert (version.approved_until - timezone.now()).days in (729, 730)
    assert AuditEvent.objects.get(action="version.renew").reason == factories.REASON
    assert not Notice.objects.filter(kind="re-review", read_at=None).exists()


def test_nobody_reviews_own_work_again():
    version = ending(-3)
    own_curator = factories.also(factories.bob(), "curator")
    for person in (factories.alice(), own_curator, factories.gus(), factories.root()):
        with pytest.raises(NotAllowed):
            renew(version, person)


def test_a_re_review_has_its_time_and_its_form():
    with pytest.raises(RuleError, match="is not due"):
        renew(ending(61))
    ModelVersion.objects.update(approved_until=timezone.now() + timedelta(days=5))
    version = ModelVersion.objects.get()
    with pytest.raises(Invalid) as refusal:
        renew(version, no_conflict=False)
    assert refusal.value.field == "no_conflict"


def test_the_queue_and_the_model_page_show_what_is_overdue(client):
    version = ending(-3)
    address = reverse("governance:renew", args=[version.model.slug, version.number])
    client.force_login(factories.rita())
    assert address in client.get(reverse("governance:queue")).content.decode()
    assert "Review overdue" in client.get(version.model.get_absolute_url()).content.decode()
    client.post(address, {"reason": factories.REASON, "no_conflict": "on"})
    assert address not in client.get(reverse("governance:queue")).content.decode()
    assert "Review overdue" not in client.get(version.model.get_absolute_url()).content.decode()


def test_a_late_review_is_told_at_75_100_and_150_percent():
    for person in (factories.rita, factories.evan, factories.gus, factories.mira):
        person()
    review = factories.in_review_version().reviews.get(kind="evaluation")
    span = review.due_at - review.opened_at
    told = []
    for share in (0.5, 0.8, 0.8, 1.1, 1.6, 1.7):
        renewals.remind_of_reviews(review.opened_at + span * share)
        notices = Notice.objects.filter(key__regex=rf"^review-\d+:{review.pk}$")
        told.append(sorted(notices.values_list("recipient__username", flat=True)))
    assert told == [
        [],
        ["evan"],
        ["evan"],
        ["evan", "evan", "gus"],
        ["evan", "evan", "evan", "gus", "gus", "mira"],
        ["evan", "evan", "evan", "gus", "gus", "mira"],
    ]


def test_an_overdue_review_says_so_in_the_queue(client):
    version = factories.in_review_version()
    version.reviews.update(due_at=timezone.now() - timedelta(days=1))
    client.force_login(factories.rita())
    assert "Overdue" in client.get(reverse("governance:queue")).content.decode()
