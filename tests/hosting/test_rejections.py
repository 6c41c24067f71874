"""Who was refused what: counted by real gateways, booked once, told to the consuming team."""

import os

import pytest
from django.db import connection
from django.utils import timezone

from consumption import actions
from consumption.metering import rejections
from consumption.metering.rejection_counter import HOUR_S, RejectionCounter
from consumption.models import RejectedHour
from tests import factories
from tests.gateway import QUICK, Gateway, infer_path, same_kid, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


def refused(subscription):
    """{limit: calls} as booked so far."""
    connection.close()  # the next look sees what the gateway has committed
    rows = RejectedHour.objects.filter(subscription=subscription).values_list("limit", "calls")
    return {limit: sum(calls for name, calls in rows if name == limit) for limit, _ in rows}


def test_every_refusal_is_told_with_its_limit(stage):
    version = stage.version()
    slow, slow_key = subscriber(version, rate_per_second=1, burst=1)
    small, small_key = subscriber(version, monthly_quota=2)
    hasty, many = (
        [stage.gateway.infer(infer_path(version), key)[0] for _ in range(5)]
        for key in (slow_key, small_key)
    )
    assert set(hasty) == {200, 429} and many.count(429) == 3
    until(lambda: refused(slow) == {"rate": hasty.count(429)}, 10, stage.gateway.said)
    until(lambda: refused(small) == {"quota": 3}, 10, stage.gateway.said)
    told = {one.subscription.pk: one for one in rejections.of([slow, small], timezone.now())}
    assert (
        told[small.pk].limit.name == "Monthly quota"
        and "larger plan" in told[small.pk].limit.remedy
    )
    assert abs((timezone.now() - told[small.pk].last_at).total_seconds()) < 60


def test_a_key_that_has_ended_is_told_and_an_invented_one_is_not(stage):
    version = stage.version()
    subscription, key = subscriber(version)
    assert stage.gateway.infer(infer_path(version), key)[0] == 200
    actions.revoke_key(factories.maya(), subscription.keys.get(), "Replaced.")
    until(lambda: stage.gateway.infer(infer_path(version), key)[0] == 401)
    for _ in range(3):
        assert stage.gateway.infer(infer_path(version), key)[0] == 401
    assert stage.gateway.infer(infer_path(version), same_kid(key))[0] == 401
    until(lambda: refused(subscription).get("key", 0) >= 4)
    assert refused(subscription) == {"key": 4}


def test_a_key_used_from_elsewhere_is_told(stage):
    version = stage.version()
    subscription, _ = subscriber(version)
    _, key = actions.create_key(
        factories.maya(), subscription, name="Elsewhere", networks=["192.0.2.0/24"]
    )
    assert stage.gateway.infer(infer_path(version), key)[0] == 403
    until(lambda: refused(subscription) == {"network": 1})


@pytest.mark.slow
def test_counts_survive_restarts_and_a_killed_worker(stage, tmp_path):
    version = stage.version()
    subscription, key = subscriber(version, monthly_quota=1)
    with Gateway(
        tmp_path, 1, stage.gateway.database_url, stage.gateway.redis_url, stage.stub.host, **QUICK
    ) as gateway:

        def refuse(count):
            assert [gateway.infer(infer_path(version), key)[0] for _ in range(count)] == [
                429
            ] * count

        assert gateway.infer(infer_path(version), key)[0] == 200
        refuse(4)
        gateway.stop()  # told on the way out, though no second passed
        assert refused(subscription) == {"quota": 4}
        gateway.start()
        refuse(3)
        until(lambda: refused(subscription) == {"quota": 7}, 10, gateway.said)
        assert gateway.kill("0")
        gateway.wait_ready()
        refuse(2)
        until(lambda: refused(subscription) == {"quota": 9}, 10, gateway.said)


# ── The files ─────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_files_are_imported_once_however_often_they_are_read(tmp_path):
    subscription, now_s = factories.subscription(), int(timezone.now().timestamp())
    counter = RejectionCounter()
    for at_s in (now_s - HOUR_S, now_s, now_s):
        counter.add(subscription.pk, "rate", at_s)
    counter.add(subscription.pk + 1000, "rate", now_s)  # nobody's: it must not stop the others
    counter.write(tmp_path, "one")
    for importer in (
        rejections.RejectionImporter(tmp_path),
        rejections.RejectionImporter(tmp_path),
    ):
        importer.run()
        importer.run()
    assert list(RejectedHour.objects.order_by("hour").values_list("subscription", "calls")) == [
        (subscription.pk, 1),
        (subscription.pk, 2),
    ]


@pytest.mark.django_db
def test_processes_are_added_up(tmp_path):
    subscription, now_s = factories.subscription(), int(timezone.now().timestamp())
    for owner, calls in (("one", 2), ("two", 3)):
        counter = RejectionCounter()
        for _ in range(calls):
            counter.add(subscription.pk, "quota", now_s)
        counter.write(tmp_path, owner)
    rejections.RejectionImporter(tmp_path).run()
    [row] = RejectedHour.objects.all()
    assert (row.calls, row.reported) == (5, {"one": 2, "two": 3})


@pytest.mark.django_db
def test_a_file_goes_when_its_hour_is_long_over(tmp_path):
    subscription, now_s = factories.subscription(), int(timezone.now().timestamp())
    for owner, at_s in (("old", now_s - 3 * HOUR_S), ("new", now_s)):
        counter = RejectionCounter()
        counter.add(subscription.pk, "rate", at_s)
        counter.write(tmp_path, owner)
    importer = rejections.RejectionImporter(tmp_path)
    importer.run()
    importer.run()
    assert [path.stem.partition("-")[2] for path in tmp_path.glob("*.json")] == ["new"]
    assert RejectedHour.objects.count() == 2


@pytest.mark.django_db
def test_a_torn_file_stops_nobody(tmp_path):
    subscription, now_s = factories.subscription(), int(timezone.now().timestamp())
    (tmp_path / f"{now_s // HOUR_S}-torn.json").write_text("[[1, ")
    counter = RejectionCounter()
    counter.add(subscription.pk, "rate", now_s)
    counter.write(tmp_path, "whole")
    rejections.RejectionImporter(tmp_path).run()
    assert RejectedHour.objects.get().calls == 1


def test_a_process_keeps_a_bounded_number(tmp_path, monkeypatch):
    monkeypatch.setattr("consumption.metering.rejection_counter.MOST", 3)
    counter = RejectionCounter()
    for number in range(10):
        counter.add(number, "rate", 1_000_000_000)
    counter.write(tmp_path, "one")
    [path] = tmp_path.iterdir()
    assert path.read_text().count("rate") == 3 and os.path.getsize(path) < 200
