"""Staying in (issue 13): access ends on its last day, and is confirmed once a year; nothing happens without notice."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from consumption import actions, deadlines
from consumption.deadlines import Kind
from consumption.models import Subscription
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def held():
    made = factories.subscription()
    factories.key(made)
    return made


def noon(day):
    return datetime.combine(day, time(12), UTC)


def told(word):
    notices = Notice.objects.filter(recipient=factories.maya(), title__contains=word)
    return notices.order_by("pk").values_list("title", flat=True)


def set_days(held, **days):
    Subscription.objects.filter(pk=held.pk).update(**days)
    held.refresh_from_db()


def test_access_ends_with_its_last_day_after_four_notices(held):
    last = timezone.now().date() + 40 * DAY
    actions.change_end(factories.maya(), held, last)
    for left in range(40, -1, -1):
        assert actions.sweep_ends(noon(last - left * DAY)) == 0
        actions.sweep_ends(noon(last - left * DAY))
    assert len(told("access ends on")) == 4
    held.refresh_from_db()
    assert held.state == "active", "the whole last day"
    assert actions.sweep_ends(noon(last + DAY)) == 1
    held.refresh_from_db()
    assert (held.state, held.keys.get().state) == ("closed", "revoked")
    assert len(told("has ended")) == 1
    assert actions.sweep_ends(noon(last + 2 * DAY)) == 0


def test_a_later_day_is_told_to_the_owner_and_ends_the_notices(held):
    near = timezone.now().date() + 5 * DAY
    actions.change_end(factories.maya(), held, near)
    actions.sweep_ends()
    assert Notice.objects.filter(
        recipient=factories.maya(), read_at=None, title__contains="ends on"
    )
    actions.change_end(factories.maya(), held, near + 100 * DAY)
    assert not Notice.objects.filter(read_at=None, title__contains="access ends on").exists()
    assert Notice.objects.filter(recipient=factories.alice(), title__contains="until").exists()
    for stranger in (factories.alice(), factories.rita(), factories.charlie()):
        with pytest.raises(NotAllowed):
            actions.change_end(stranger, held, None)
    with pytest.raises(Invalid):
        actions.change_end(factories.maya(), held, timezone.now().date())


def test_without_a_confirmation_it_pauses_then_ends(held):
    by = timezone.now().date() + 35 * DAY
    set_days(held, confirm_by=by)
    for left in range(35, -1, -1):
        assert actions.sweep_ends(noon(by - left * DAY)) == 0
    assert len(told("confirm that it is used")) == 4
    assert actions.sweep_ends(noon(by + DAY)) == 1
    held.refresh_from_db()
    assert (held.state, held.paused_because, held.keys.get().state) == (
        "paused",
        "unconfirmed",
        "active",
    )
    assert actions.sweep_ends(noon(by + 7 * DAY)) == 0
    assert actions.sweep_ends(noon(by + 8 * DAY)) == 1
    held.refresh_from_db()
    assert held.state == "closed"


def test_one_act_of_the_team_confirms_or_reopens_it(held):
    with pytest.raises(Invalid, match="confirmed until"):
        actions.confirm_use(factories.maya(), held)
    today = timezone.now().date()
    set_days(held, confirm_by=today - DAY)
    actions.sweep_ends()
    held.refresh_from_db()
    assert held.state == "paused"
    [deadline] = deadlines.of_subscriptions([held])
    assert (deadline.kind, deadline.is_at_risk, deadline.tone) == (Kind.CONFIRMATION, True, "bad")
    for stranger in (factories.alice(), factories.rita(), factories.charlie()):
        with pytest.raises(NotAllowed):
            actions.confirm_use(stranger, held)
    actions.confirm_use(factories.maya(), held)
    held.refresh_from_db()
    assert (held.state, held.paused_because, held.confirm_by) == (
        "active",
        "",
        today + actions.CONFIRM_EVERY,
    )
    assert held.confirmed_by == factories.maya() and held.keys.live().exists()
    assert deadlines.of_subscriptions([held]) == []


def test_what_is_not_granted_is_not_confirmed(held):
    actions.close_subscription(factories.maya(), held)
    with pytest.raises(RuleError):
        actions.confirm_use(factories.maya(), held)


def test_dates_that_come_late_are_told_once(held):
    set_days(held, confirm_by=timezone.now().date() + 3 * DAY)
    actions.sweep_ends()
    actions.sweep_ends()
    assert len(told("confirm that it is used")) == 1
