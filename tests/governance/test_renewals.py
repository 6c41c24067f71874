"""The end of an approval acts, and late reviews are told. Rule: docs/governance.md, "Re-review"."""

from datetime import UTC, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.deadlines import Kind, of_subscriptions
from consumption.models import Subscription
from governance import actions, overdue, renewals
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


def sweep(now):
    """What the task `governance.remind` does about high-risk versions."""
    return overdue.announce(now), overdue.suspend(now), overdue.remind(now)


def test_a_high_risk_version_that_nobody_reviews_again_is_suspended_after_notices():
    version = ending(0, "high")
    held = factories.subscription(ending_later(version))
    ended = version.approved_until
    told = []
    for days in (-1, 0.1, 0.2, 15, 16, 17, 24, 29.5, 29.6):
        for _ in range(2):
            sweep(ended + timedelta(days=days))
        notices = Notice.objects.filter(key__startswith="suspension-due-")
        told.append(notices.filter(recipient=factories.maya()).count())
    assert told == [0, 1, 1, 1, 2, 2, 3, 4, 4]
    people = Notice.objects.filter(key__startswith="suspension-due-1:")
    assert {"maya", "alice", "mira"} <= set(people.values_list("recipient__username", flat=True))
    version.refresh_from_db()
    assert version.suspends_at == ended + timedelta(days=30) and version.is_callable
    (deadline,) = of_subscriptions(Subscription.objects.filter(pk=held.pk).for_list())
    assert (deadline.kind, deadline.due, deadline.is_at_risk) == (
        Kind.SUSPENSION,
        version.suspends_at,
        True,
    )
    assert version.model.support_contact in deadline.text
    assert sweep(ended + timedelta(days=30, minutes=1))[1] == 1
    version.refresh_from_db()
    assert not version.is_callable and "was not reviewed again" in version.suspension_reason
    assert AuditEvent.objects.get(action="version.suspend").actor.username == "system:renewals"
    assert sweep(ended + timedelta(days=40)) == (0, 0, 0)


def ending_later(version):
    """The version while it takes subscribers: its approval has not ended yet."""
    ModelVersion.objects.update(approved_until=timezone.now() + timedelta(days=1))
    version.refresh_from_db()
    return version


def test_a_late_sweep_gives_a_week_all_the_same_and_other_tiers_go_on():
    version, now = ending(-90, "high"), timezone.now()
    assert sweep(now) == (1, 0, 1)
    version.refresh_from_db()
    assert version.suspends_at == now + timedelta(days=7)
    ModelVersion.objects.update(suspends_at=None, risk_tier="medium")
    assert sweep(now) == (0, 0, 0)


def test_two_people_start_it_again_and_nobody_without_the_review():
    version, mira = ending(-40, "high"), factories.mira()
    now = timezone.now()
    sweep(now - timedelta(days=8)), sweep(now)
    version.refresh_from_db()
    assert version.suspended_at and not version.is_callable
    with pytest.raises(RuleError, match="ended on") as refused:
        actions.resume(factories.gus(), version, factories.REASON)
    assert "model risk officer" in refused.value.remedy
    renew(version, mira)
    version.refresh_from_db()
    assert version.suspended_at and version.suspends_at is None
    waiting = Notice.objects.get(key__startswith="resume-open:")
    assert waiting.recipient == factories.gus() and waiting.read_at is None
    assert version.number in waiting.title
    actions.resume(factories.gus(), version, factories.REASON)
    version.refresh_from_db()
    assert version.is_callable
    assert not Notice.objects.filter(key__startswith="resume-open:", read_at=None).exists()
    assert sweep(now) == (0, 0, 0)


def test_model_risk_puts_the_suspension_off_once_and_not_for_long(client):
    version, mira, now = ending(-20, "high"), factories.mira(), timezone.now()
    with pytest.raises(RuleError, match="No suspension"):
        overdue.extend(mira, version, now.date(), factories.REASON, True)
    sweep(now)
    version.refresh_from_db()
    first = version.suspends_at
    for day in (first - timedelta(days=1), first + timedelta(days=61)):
        with pytest.raises(Invalid) as refusal:
            overdue.extend(mira, version, day.astimezone(UTC).date(), factories.REASON, True)
        assert refusal.value.field == "until"
    own = factories.also(factories.bob(), "model_risk_officer")
    for person in (factories.alice(), own, factories.gus(), factories.root()):
        with pytest.raises(NotAllowed):
            overdue.extend(person, version, first.date(), factories.REASON, True)
    client.force_login(mira)
    address = reverse("governance:extend", args=[version.model.slug, version.number])
    renewal = reverse("governance:renew", args=[version.model.slug, version.number])
    assert address in client.get(renewal).content.decode()
    later = (first + timedelta(days=60)).astimezone(UTC).date()
    given = {"until": later.isoformat(), "reason": factories.REASON, "no_conflict": "on"}
    assert client.post(address, given).status_code == 302
    version.refresh_from_db()
    assert version.suspends_at.date() == later
    assert not Notice.objects.filter(key__startswith="suspension-due-", read_at=None).exists()
    assert AuditEvent.objects.get(action="version.extend").reason == factories.REASON
    assert sweep(first + timedelta(days=1))[1] == 0, "it goes on"
    with pytest.raises(RuleError, match="done once"):
        overdue.extend(mira, version, later, factories.REASON, True)
    page = client.get(version.model.get_absolute_url()).content.decode()
    assert "unless it is reviewed again" in page and version.model.support_contact in page
    renew(version, mira)
    version.refresh_from_db()
    assert (version.suspends_at, version.extended_at) == (None, None)
