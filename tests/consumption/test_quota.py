"""Quota leases: overrun is 0 for any number of processes, and what nobody spends comes back."""

import os
import random
import signal
import subprocess
import sys
from datetime import date

import pytest
from django.conf import settings
from django.db import connection

from consumption.metering import quota
from consumption.models import QuotaLease, QuotaPeriod
from marketplace.launcher.rundir import ROOT
from tests.gateway import live_version, subscriber
from tests.stack import on_database

MONTH = date(2026, 11, 1)
SPENDER = """
import sys, django
django.setup()
from datetime import date
from consumption.metering import quota
print("ready", flush=True)
for line in sys.stdin:
    subscription, limit, lease = map(int, line.split())
    spent = 0
    while granted := quota.take(subscription, date(2026, 11, 1), limit, lease, sys.argv[1]).granted:
        spent += granted
        print("lease", granted, flush=True)
    print("spent", spent, flush=True)
"""


@pytest.fixture
def subscription(db):
    return subscriber(live_version())[0]


def period():
    return QuotaPeriod.objects.get()


def test_a_lease_is_never_larger_than_what_is_left(subscription):
    assert quota.take(subscription.pk, MONTH, 10, 4, "one") == (4, 6)
    assert quota.take(subscription.pk, MONTH, 10, 8, "two") == (6, 0)
    assert quota.take(subscription.pk, MONTH, 10, 1, "one") == (0, 0)
    assert period().leased == 10


def test_a_living_process_brings_back_what_it_did_not_spend(subscription):
    quota.take(subscription.pk, MONTH, 10, 10, "one")
    quota.give_back(subscription.pk, MONTH, "one", 7)
    assert period().leased == 3 and QuotaLease.objects.get().granted == 3
    assert quota.take(subscription.pk, MONTH, 10, 9, "two").granted == 7


def test_nobody_brings_back_more_than_was_granted(subscription):
    quota.take(subscription.pk, MONTH, 10, 2, "one")
    quota.give_back(subscription.pk, MONTH, "one", 3)
    quota.give_back(subscription.pk, MONTH, "two", 1)
    assert period().leased == 2


def test_what_is_asked_again_after_a_lost_reply_is_done_once(subscription):
    assert (
        quota.take(subscription.pk, MONTH, 10, 4, "one", request_id=1)
        == quota.take(subscription.pk, MONTH, 10, 4, "one", request_id=1)
        == (4, 6)
    )
    assert quota.take(subscription.pk, MONTH, 10, 4, "two", request_id=1) == (4, 2), (
        "each owner has numbers of its own"
    )
    for _ in range(2):
        quota.give_back(subscription.pk, MONTH, "one", 2, request_id=2)
    assert period().leased == 6
    assert quota.take(subscription.pk, MONTH, 10, 9, "one", request_id=3) == (4, 0)


def test_a_dead_process_leaves_only_what_its_events_spent(subscription):
    quota.take(subscription.pk, MONTH, 100, 20, "dead")
    quota.commit("dead", {(subscription.pk, MONTH): 12})
    assert quota.expire("dead") == 8
    assert (period().leased, period().used) == (12, 12)
    assert quota.expire("dead") == 0


def test_a_changed_plan_is_followed_but_never_below_what_is_leased(subscription):
    quota.take(subscription.pk, MONTH, 10, 6, "one")
    assert quota.take(subscription.pk, MONTH, 20, 1, "one") == (1, 13)
    assert quota.take(subscription.pk, MONTH, 5, 1, "one") == (0, 0)
    assert period().quota == 7


def test_calls_of_a_time_without_a_quota_count_when_one_comes(subscription):
    """The plan had a quota, then none, then one again; a process held a lease of the first time."""
    quota.take(subscription.pk, MONTH, 100, 10, "one")
    quota.commit("one", {(subscription.pk, MONTH): 25})
    quota.commit("two", {(subscription.pk, MONTH): 5})
    assert (period().used, period().leased) == (30, 30)
    quota.give_back(subscription.pk, MONTH, "one", 10)
    assert period().leased == 30, "its lease stood for ten of the calls"
    assert quota.take(subscription.pk, MONTH, 40, 40, "two") == (10, 0)
    assert (quota.expire("one"), quota.expire("two")) == (0, 10)


def test_a_first_quota_in_the_middle_of_a_month_finds_what_was_called_before(subscription):
    quota.commit("one", {(subscription.pk, MONTH): 30, (subscription.pk, date(2026, 10, 1)): 500})
    assert quota.take(subscription.pk, MONTH, 20, 5, "one").granted == 0
    assert quota.take(subscription.pk, MONTH, 40, 20, "one") == (10, 0)


def test_a_lease_that_was_brought_back_before_its_calls_were_shipped_is_charged_for_them(
    subscription,
):
    quota.take(subscription.pk, MONTH, 10, 10, "one")
    quota.give_back(subscription.pk, MONTH, "one", 7)
    quota.give_back(subscription.pk, MONTH, "one", 3)
    quota.commit("one", {(subscription.pk, MONTH): 3})
    assert (period().used, period().leased) == (3, 3), (
        "it said twice what it did not spend; the calls say otherwise"
    )


def test_a_lease_of_last_month_ends_with_its_process_and_never_counts_in_this_month(subscription):
    quota.take(subscription.pk, date(2026, 10, 1), 10, 8, "one")
    quota.take(subscription.pk, MONTH, 10, 4, "one")
    quota.commit("one", {(subscription.pk, date(2026, 10, 1)): 5})
    assert quota.expire("one") == 3 + 4
    periods = dict(QuotaPeriod.objects.values_list("period_start", "leased"))
    assert periods == {date(2026, 10, 1): 5, MONTH: 0}


def test_calls_of_a_subscription_that_nobody_knows_are_passed_over(subscription):
    quota.commit("one", {(subscription.pk + 1, MONTH): 5, (subscription.pk, MONTH): 1})
    connection.check_constraints()
    assert period().used == 1


def test_periods_are_calendar_months():
    assert quota.next_period(date(2026, 12, 1)) == date(2027, 1, 1)
    assert quota.next_period(date(2028, 2, 1)) == date(2028, 3, 1)


def spenders(count):
    """Processes that lease and spend what they are told, as fast as they can."""
    environment = os.environ | {
        "DATABASE_URL": on_database(connection.settings_dict["NAME"]),
        "REDIS_URL": settings.REDIS_URL,
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, f"p{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        for n in range(count)
    ]
    for one in started:
        assert one.stdout.readline() == "ready\n"
    return started


def tell(one, *words):
    one.stdin.write(" ".join(map(str, words)) + "\n")
    one.stdin.flush()


def spent_by(one):
    """What it says it spent in the end; 0 when it was killed."""
    return next((int(line.split()[1]) for line in one.stdout if line.startswith("spent")), 0)


def race(count, limits):
    """All processes race for each limit; in the last one the first process is killed."""
    started = spenders(count)
    version = live_version()
    try:
        for limit in limits:
            subscription = subscriber(version)[0]
            for one in started:
                tell(one, subscription.pk, limit, max(1, limit // 200))
            if limit == limits[-1]:
                started[0].stdout.readline()
                started[0].send_signal(signal.SIGKILL)
            spent = [spent_by(one) for one in started]
            lost = sum(
                QuotaLease.objects.filter(
                    period__subscription=subscription, owner="p0"
                ).values_list("granted", flat=True)
            )
            assert QuotaPeriod.objects.get(subscription=subscription).leased == limit
            assert sum(spent[1:]) + (lost if limit == limits[-1] else spent[0]) == limit
    finally:
        for one in started:
            one.kill()
            one.wait()


@pytest.mark.slow
@pytest.mark.fault("F25")
@pytest.mark.django_db(transaction=True)
def test_processes_that_race_never_overrun_even_when_one_is_killed():
    race(3, [1, 10, 100, 2000])


@pytest.mark.fault("F25")
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_eight_processes_never_overrun():
    race(8, [1, 10, 100, 2000])


def test_any_order_of_takes_returns_and_deaths_keeps_the_books(subscription):
    """A small model: what processes hold and spent, against what Postgres says."""
    source = random.Random(7)
    held, spent = {}, {}
    for step in range(150):
        name = f"p{source.randrange(3)}-{step // 50}"
        act = source.choice(["take", "spend", "return", "die"])
        have = held.get(name, 0)
        if act == "take":
            held[name] = (
                have + quota.take(subscription.pk, MONTH, 60, source.randint(1, 9), name).granted
            )
        elif act == "spend" and have:
            units = source.randint(1, have)
            quota.commit(name, {(subscription.pk, MONTH): units})
            held[name], spent[name] = have - units, spent.get(name, 0) + units
        elif act == "return" and have:
            quota.give_back(subscription.pk, MONTH, name, have)
            held[name] = 0
        elif act == "die":
            assert quota.expire(name) == held.pop(name, 0)
        row = QuotaPeriod.objects.filter(subscription=subscription).first()
        if row:
            assert row.leased == sum(held.values()) + sum(spent.values()) <= 60 and row.used == sum(
                spent.values()
            )
