"""What a consuming team sees of the calls that its limits refused, and when it is told that its quota ends."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consumption.metering.quota import period_start
from consumption.metering.quota_notices import notify_of_quotas
from consumption.models import QuotaPeriod, RejectedHour
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db


def refuse(subscription, limit="rate", calls=312, ago=timedelta(0)):
    at = timezone.now() - ago
    hour = at.replace(minute=0, second=0, microsecond=0)
    return RejectedHour.objects.create(
        hour=hour, subscription=subscription, limit=limit, calls=calls, last_at=at
    )


def page(person, url):
    client = Client()
    client.force_login(person)
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_consumer_reads_which_limit_how_many_when_last_and_what_to_do():
    subscription = factories.subscription()
    row = refuse(subscription)
    refuse(subscription, "key", 4)
    shown = page(factories.maya(), "/usage/")
    assert "312 calls" in shown and f"{row.last_at:%H:%M} UTC" in shown
    assert "ask for a larger plan" in shown and f"/models/{subscription.model.slug}/plans/" in shown
    assert (
        subscription.model.support_contact in shown and "4 calls" in shown and "Ended key" in shown
    )
    shown = page(factories.maya(), subscription.application.get_absolute_url())
    assert (
        "Calls were refused in the last 24 hours" in shown
        and "<strong>Rate</strong>: 312 calls" in shown
    )


def test_the_window_is_the_pages():
    subscription = factories.subscription()
    refuse(subscription, calls=7, ago=timedelta(days=5))
    assert "No call was refused" in page(factories.maya(), "/usage/?window=24h")
    assert "7 calls" in page(
        factories.maya(), "/usage/?window=7d"
    ) and "No call was refused" not in page(factories.maya(), "/usage/?window=30d")
    assert "refused in the last 24 hours" not in page(
        factories.maya(), subscription.application.get_absolute_url()
    )


def test_the_publisher_sees_whose_calls_and_no_advice_for_callers():
    subscription = factories.subscription()
    refuse(subscription)
    shown = page(factories.alice(), f"/models/{subscription.model.slug}/usage/")
    assert (
        "312 calls" in shown
        and str(subscription.application.team) in shown
        and "What to do" not in shown
    )


def test_others_see_nothing_of_it():
    subscription = factories.subscription()
    refuse(subscription)
    assert "Refused calls" not in page(
        factories.charlie(), f"/models/{subscription.model.slug}/usage/"
    )
    assert "312 calls" not in page(factories.charlie(), "/usage/")
    assert Api(factories.charlie()).get("rejections/")["results"] == []


def test_the_api_tells_the_same():
    subscription = factories.subscription()
    refuse(subscription)
    refuse(subscription, "quota", 2)
    for person in (factories.maya(), factories.alice(), factories.vera()):
        [row] = Api(person).get(f"rejections/?limit=rate&model={subscription.model.slug}")[
            "results"
        ]
        assert (row["calls"], row["limit"], row["team"]) == (312, "rate", "mortgage-origination")
        assert "larger plan" in row["remedy"]
    assert len(Api(factories.maya()).get("rejections/")["results"]) == 2


# ── Quota ─────────────────────────────────────────────────────────────────


def period(used, quota=1000):
    subscription = factories.subscription()
    type(subscription.plan).objects.filter(pk=subscription.plan_id).update(monthly_quota=quota)
    return QuotaPeriod.objects.create(
        subscription=subscription,
        period_start=period_start(timezone.now()),
        quota=quota,
        leased=used,
        used=used,
    )


def notices(person):
    return list(
        Notice.objects.filter(recipient=person, kind="quota", read_at=None).values_list(
            "title", flat=True
        )
    )


def test_the_team_is_told_once_at_four_fifths_and_once_at_the_end():
    found = period(799)
    notify_of_quotas()
    assert notices(factories.maya()) == []
    for used, said in (
        (800, "80 % of the month's quota is used"),
        (950, "80 % of the month's quota is used"),
        (1000, "is used up"),
    ):
        QuotaPeriod.objects.filter(pk=found.pk).update(used=used, leased=used)
        notify_of_quotas()
        notify_of_quotas()
        [title] = notices(factories.maya())
        assert said in title
    notice = Notice.objects.get(recipient=factories.maya(), title__contains="used up")
    assert "1,000 of 1,000 calls" in notice.body and "larger plan" in notice.body
    assert notices(factories.alice()) == []


def test_a_larger_quota_is_a_new_occasion():
    found = period(900)
    notify_of_quotas()
    type(found.subscription.plan).objects.update(monthly_quota=2000)
    notify_of_quotas()
    assert len(notices(factories.maya())) == 1
    QuotaPeriod.objects.filter(pk=found.pk).update(quota=2000, used=1700, leased=1700)
    notify_of_quotas()
    assert len(notices(factories.maya())) == 2


def test_no_quota_no_notice_and_no_rounding_up():
    found = period(2, quota=3)
    notify_of_quotas()
    assert notices(factories.maya()) == []
    type(found.subscription.plan).objects.update(monthly_quota=None)
    notify_of_quotas()
    assert notices(factories.maya()) == []


def test_last_month_is_over():
    found = period(1000)
    QuotaPeriod.objects.filter(pk=found.pk).update(
        period_start=period_start(timezone.now() - timedelta(days=32))
    )
    notify_of_quotas()
    assert notices(factories.maya()) == []
