"""One team on its way from the first look at a model to the hundredth production call, step by step."""

from datetime import UTC, datetime, timedelta

import pytest

from catalog.models import ModelView
from consumption.models import ApiKey, KeyDay, Subscription
from marketplace.insights.metrics import BY_NAME
from marketplace.insights.metrics.scope import Scope
from marketplace.insights.quarters import Quarter
from tests import factories

pytestmark = pytest.mark.django_db
METRIC = BY_NAME["time-to-integrate"]
DAY_0 = datetime(2026, 7, 6, 9, tzinfo=UTC)


def day(number):
    return DAY_0 + timedelta(days=number)


def looked(held, number):
    ModelView.objects.create(team=held.application.team, model=held.model, day=day(number).date())


def asked(held, number, **facts):
    Subscription.objects.filter(pk=held.pk).update(requested_at=day(number), **facts)


def keyed(held, number):
    return ApiKey.objects.create(
        kid=f"k{held.pk:07d}"[-8:],
        mac="0" * 64,
        subscription=held,
        created_by=factories.maya(),
        created_at=day(number),
        expires_at=day(number + 300),
    )


def called(held, number, ok, environment="prod"):
    KeyDay.objects.create(
        day=day(number).date(),
        subscription=held,
        version=held.pinned_version,
        environment=environment,
        calls=ok,
        ok=ok,
        units=ok,
        duration_us=1,
        **dict.fromkeys(("client_errors", "upstream_errors", "aborted", "unknown"), 0),
        **factories.paid_by(held),
    )


def rows(number):
    """The rows as they are at the end of that day."""
    return METRIC.rows(scope(number))


def scope(number):
    now = day(number).replace(hour=23)
    return Scope(Quarter.of(now.date()), now)


def facts(number):
    (row,) = rows(number)
    return dict(zip(METRIC.columns, row.facts, strict=True))


def test_each_step_says_what_comes_next():
    held = factories.subscription()
    owner = held.model.owner_team
    looked(held, 0)
    assert rows(-1) == []
    asked(held, 3, state="pending")
    assert facts(3)["Next"] == f"Waits for {owner} to decide: {held.model.support_contact}"
    asked(held, 3, state="active")
    assert facts(3)["Next"] == "Has no key yet"
    keyed(held, 4)
    assert facts(5)["Next"].startswith("Has no answer yet")
    called(held, 6, 60)
    called(held, 7, 39)
    called(held, 7, 500, environment="test")
    assert facts(8) == {
        "Discovered": "2026-07-06",
        "Asked": "2026-07-09",
        "Key": "2026-07-10",
        "First answer": "2026-07-12",
        "100th answer": None,
        "Days": 8,
        "State": "open",
        "Next": f"99 of 100 calls: {held.model.support_contact} helps",
    }
    called(held, 12, 1)
    done = facts(13)
    assert (done["100th answer"], done["Days"], done["State"]) == ("2026-07-18", 12, "done")


def test_the_funnel_has_the_median_of_each_step():
    held = factories.subscription()
    other = factories.subscription(
        held.pinned_version,
        by=factories.person("nina", factories.wealth()),
        app=factories.application(factories.person("nina"), factories.wealth(), name="Advice"),
    )
    looked(held, 0)
    looked(other, 1)
    ModelView.objects.create(
        team=factories.team("Cards", "Cards"), model=held.model, day=day(2).date()
    )
    for one, begins in ((held, 3), (other, 9)):
        asked(one, begins)
        keyed(one, begins + 1)
    called(held, 10, 100)
    now = scope(20)
    funnel = METRIC.figure(now, METRIC.rows(now)).details["funnel"]
    assert funnel == [
        ["Discovered", 3, None],
        ["Asked for access", 2, 5.5],
        ["Got a key", 2, 1],
        ["First answer", 1, 6],
        ["100th answer", 1, 0],
    ]


def test_those_that_go_on_for_long_are_counted_and_listed():
    held = factories.subscription()
    asked(held, 0)
    figure = METRIC.figure(scope(14), rows(14))
    assert (figure.details["open"], figure.details["late"]) == (1, 0)
    figure = METRIC.figure(scope(15), rows(15))
    assert (figure.details["open"], figure.details["late"]) == (1, 1)
    assert figure.details["survival_median"] is None  # more than half go on
    assert (figure.value, figure.reason) == (None, "nothing to count")


@pytest.mark.parametrize(
    ("looks", "discovered"),
    [
        ([], "2026-07-06"),
        ([-180], "2026-01-07"),
        ([-181], "2026-07-06"),
        ([-181, -2], "2026-07-04"),
        ([1], "2026-07-06"),
    ],
)
def test_a_look_counts_for_180_days(looks, discovered):
    held = factories.subscription()
    asked(held, 0)
    for number in looks:
        looked(held, number)
    assert facts(2)["Discovered"] == discovered


def test_what_is_no_integration():
    """A closed request, a test application, and the owner's own use."""
    held = factories.subscription()
    asked(held, 0, state="closed")
    assert rows(5) == []
    asked(held, 0, state="active")
    held.application.environment = "test"
    held.application.save()
    assert rows(5) == []
    held.application.environment, held.application.team = "prod", held.model.owner_team
    held.application.save()
    assert rows(5) == []
