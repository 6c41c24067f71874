"""Issue 13, C9: what a team and a publisher read of calls. Parts add up to totals on every page, in every export and in the API."""

import csv
import io
import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption.dashboards import adoption, call_log
from consumption.metering import burn, failures, measures, received, rollups, usage
from consumption.models import (
    ApiKey,
    Application,
    Budget,
    BudgetStop,
    Outcome,
    Plan,
    RejectedHour,
    ScheduledChange,
    Subscription,
    UsageEvent,
)
from tests import factories
from tests.tiers import only

pytestmark = pytest.mark.django_db
# How a call may end: every pair that the gateway writes.
ENDS = [
    (Outcome.OK, 200),
    (Outcome.CLIENT_ERROR, 400),
    (Outcome.CLIENT_ERROR, 413),
    (Outcome.CLIENT_ERROR, 422),
    (Outcome.UPSTREAM_ERROR, 502),
    (Outcome.UPSTREAM_ERROR, 503),
    (Outcome.UPSTREAM_ERROR, 504),
    (Outcome.ABORTED, 499),
    (Outcome.ABORTED, 504),
    (Outcome.ABORTED, 403),
    (Outcome.UNKNOWN, 0),
]


@pytest.fixture(autouse=True)
def no_events():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")


def event(subscription, key, at, end=ENDS[0], duration_us=900, environment="prod", version=None):
    outcome, status = end
    return UsageEvent(
        event_id=uuid.uuid4(),
        at=at,
        subscription_id=subscription.pk,
        key_id=key,
        application_id=subscription.application_id,
        team_id=subscription.application.team_id,
        model_id=subscription.model_id,
        version_id=version or subscription.pinned_version_id,
        outcome=outcome,
        http_status=status,
        units=int(outcome == Outcome.OK),
        duration_us=duration_us,
        environment=environment,
    )


def rolled_up(events):
    UsageEvent.objects.bulk_create(events)
    rollups.mark_all_stale()
    rollups.roll_up_all()


STEPPED = {"price_kind": "graduated", "price_steps": [[20, 9_000_000], [None, 1_234_567]]}


def company():
    """Two models, two applications of Maya's team that call both, with two keys each; one subscription of another team.

    The second model's price depends on a call's number in its month.
    """
    versions = [
        factories.published_version(factories.model(name=name))
        for name in ("Income verification", "Affordability")
    ]
    factories.plan(versions[0].model, slug="paid", price_micros_per_1000=3_141_593)
    factories.plan(versions[1].model, slug="paid", **STEPPED)
    apps = [factories.application(name=name) for name in ("Origination", "Servicing")]
    held = [
        factories.subscription(version, app=app, plan_slug="paid")
        for version in versions
        for app in apps
    ]
    keys = {one.pk: [factories.key(one)[0].pk for _ in range(2)] for one in held}
    nina = factories.person("nina", factories.wealth())
    other = factories.subscription(
        versions[0], by=nina, app=factories.application(nina, factories.wealth(), name="Advice")
    )
    return held, keys, other


def page(person, name, *args, **query):
    client = Client()
    client.force_login(person)
    return client.get(reverse(name, args=args), query)


def table(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


COUNTED = (*measures.COUNTS, "units")


@pytest.mark.parametrize("seed", only((1, 2, 3), 1))
def test_whatever_was_called_the_parts_of_every_table_add_up(seed):
    source = random.Random(seed)
    held, keys, other = company()
    now = timezone.now()
    events = [
        event(
            one,
            source.choice([*keys[one.pk], 10**9]),  # one key is gone
            now - timedelta(hours=source.random() * 24 * 40),
            source.choice(ENDS),
            source.randrange(1, 10**6),
            source.choice(["prod", "test"]),
        )
        for one in source.choices(held, k=300)
    ]
    rolled_up([*events, *(event(other, 5, now) for _ in range(7))])
    for window in ("7d", "90d"):
        whole = page(factories.maya(), "consumption:usage", window=window).context
        totals = whole["usage"].totals
        assert totals["calls"] == sum(one.at >= _start(window) for one in events), (
            "and nothing of another team"
        )
        assert sum(row.calls for row in whole["failures"]) == totals["calls"] - totals["ok"]
        for what, _, rows in whole["groups"]:
            sums = {name: sum(row.counts[name] for row in rows) for name in COUNTED}
            assert sums == totals, what
            cost = sum((row.costs.get("USD", Decimal()) for row in rows), Decimal())
            assert cost == whole["usage"].costs.get("USD", Decimal()), what
            exported = table(
                page(
                    factories.maya(),
                    "consumption:usage",
                    window=window,
                    **{"as": "csv", "table": what},
                )
            )
            told = page(factories.maya(), "api:usage-figures-detail", what, window=window).json()
            for name in COUNTED:
                assert sum(int(row[name]) for row in exported) == totals[name]
                assert sum(row[name] for row in told) == totals[name]
            assert sum(Decimal(row.get("cost_usd", 0)) for row in exported) == cost
            _each_alone_adds_up(what, rows, totals, window)


def _start(window):
    first = usage.window(window).starts()[0]
    return first if isinstance(first, datetime) else datetime(*first.timetuple()[:3], tzinfo=UTC)


def _each_alone_adds_up(what, rows, totals, window):
    """Narrowed to each row in turn, the page says what the row said, and errors and table agree with it."""
    if what == "version" or any(not row.name for row in rows):
        return
    for row in rows:
        alone = page(
            factories.maya(), "consumption:usage", window=window, **{what: row.name}
        ).context
        assert alone["usage"].totals == {name: row.counts[name] for name in COUNTED}
        assert sum(one.calls for one in alone["failures"]) == row.counts["calls"] - row.counts["ok"]
        for _, _, parts in alone["groups"]:
            assert sum(part.counts["calls"] for part in parts) == row.counts["calls"]


def test_every_end_of_a_call_has_a_kind_a_side_and_a_remedy():
    kinds = {end: failures.kind_of(*end) for end in ENDS[1:]}
    assert set(kinds.values()) == set(failures.KINDS.values()), "each kind happens"
    assert kinds[Outcome.ABORTED, 504].by == failures.MODEL, "the caller did not hang up"
    assert kinds[Outcome.ABORTED, 499].by == failures.CALLER
    for kind in kinds.values():
        assert kind.remedy and kind.by in failures.BY_WHOM
        if kind.problem:
            assert Client().get(reverse("problem", args=[kind.problem])).status_code in (200, 302)


def test_tables_link_to_what_they_name():
    held, keys, _ = company()
    rolled_up([event(held[0], keys[held[0].pk][0], timezone.now(), end) for end in ENDS[:6]])
    text = page(factories.maya(), "consumption:usage").content.decode()
    for link in (
        held[0].model.get_absolute_url(),
        held[0].application.get_absolute_url(),
        held[0].get_absolute_url(),
        held[0].pinned_version.get_absolute_url(),
    ):
        assert f'href="{link}"' in text, link


def test_an_address_that_chooses_what_is_not_ones_own_is_told_so():
    held, keys, other = company()
    for name, value in (
        ("application", other.application.slug),
        ("team", "wealth-advice"),
        ("key", "nothing1"),
        ("model", "no-such"),
        ("environment", "sandbox"),
        ("version", "1.0.0"),
    ):
        assert page(factories.maya(), "consumption:usage", **{name: value}).status_code == 400, name
        answer = page(factories.maya(), "api:call-list", **{name: value})
        assert answer.status_code == 400 and answer.json()["field"] == name
    kid = ApiKey.objects.get(pk=keys[held[0].pk][0]).kid
    assert page(factories.maya(), "consumption:usage", key=kid).status_code == 200


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_name_runs_as_a_formula(start):
    held, keys, _ = company()
    rolled_up([event(held[0], keys[held[0].pk][0], timezone.now())])
    Application.objects.filter(pk=held[0].application_id).update(name=f"{start}HYPERLINK(1)")
    answer = page(factories.maya(), "consumption:usage", **{"as": "csv", "table": "application"})
    assert [row["label"] for row in table(answer)] == [f"'{start}HYPERLINK(1)"]


# The log of recent calls


def log(**query):
    return page(factories.maya(), "consumption:calls", **query)


@pytest.mark.parametrize("narrow", [False, True])
def test_pages_of_the_log_hold_every_call_once_newest_first(narrow, monkeypatch):
    monkeypatch.setattr(call_log, "LOOKED", 40)
    source = random.Random(7)
    held, keys, other = company()
    now = timezone.now()
    moments = [now - timedelta(microseconds=number // 3) for number in range(180)]
    events = [
        event(one, source.choice(keys[one.pk]), at, source.choice(ENDS))
        for at in moments
        for one in [source.choice(held)]
    ]
    UsageEvent.objects.bulk_create([*events, event(other, 5, now)])
    key = ApiKey.objects.get(pk=keys[held[0].pk][0])
    asked = {"key": key.kid} if narrow else {}
    wanted = {one.event_id for one in events if not narrow or one.key_id == key.pk}
    seen, before = [], ""
    for _ in range(20):
        answer = page(factories.maya(), "api:call-list", **asked, before=before).json()
        seen += [(row["at"], uuid.UUID(row["request_id"])) for row in answer["results"]]
        before = answer["before"]
        if not before:
            break
    assert Counter(event_id for _, event_id in seen) == Counter(wanted)
    assert seen == sorted(seen, reverse=True)


def test_the_log_says_why_a_call_failed_and_finds_one_by_its_id():
    held, keys, other = company()
    now = timezone.now()
    mine = [event(held[0], keys[held[0].pk][0], now, end) for end in ENDS]
    strangers = event(other, 5, now)
    UsageEvent.objects.bulk_create([*mine, strangers])
    text = log().content.decode()
    for end in ENDS[1:]:
        assert failures.kind_of(*end).reason.replace("'", "&#x27;") in text
    failed = log(failed="1").context["page"].calls
    assert len(failed) == len(ENDS) - 1 and all(call.kind for call in failed)
    assert [
        call.request_id for call in log(request=mine[3].event_id.hex).context["page"].calls
    ] == [mine[3].event_id]
    assert log(request=str(strangers.event_id)).context["page"].calls == []
    assert log(request="nonsense").status_code == log(before="nonsense").status_code == 400
    assert page(factories.alice(), "consumption:calls").context["page"].calls == []


def test_the_log_reads_what_it_shows_and_not_what_there_is():
    held, keys, _ = company()
    now = timezone.now()

    def read(minutes):
        UsageEvent.objects.bulk_create(
            event(
                one,
                keys[one.pk][0],
                now - timedelta(minutes=minutes, seconds=number),
                ENDS[number % 4 == 0],
            )
            for one in held
            for number in range(600)
        )
        return [_rows_read(failed) for failed in (False, True)]

    first = read(0)
    for minutes in (100, 200, 300):
        last = read(minutes)
    assert all(most <= 1.3 * least + 60 for least, most in zip(first, last, strict=True)), (
        first,
        last,
    )


def _rows_read(is_failed):
    statement = "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables"
    ids = list(Subscription.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE consumption_usageevent")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(statement)
        before = cursor.fetchone()[0]
        call_log.page(call_log.Question(ids, is_failed=is_failed))
        cursor.execute(statement)
        return int(cursor.fetchone()[0] - before)


# Limits, service level, what will change


def burned(subscription):
    [row] = burn.burns(Subscription.objects.filter(pk=subscription.pk))
    return row


def on_day(monkeypatch, day):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2040, 6, day, 12, tzinfo=UTC))


def test_the_quota_its_forecast_and_the_limit_in_words(monkeypatch):
    held, _, _ = company()
    one = held[0]
    Plan.objects.filter(pk=one.plan_id).update(monthly_quota=1_000, rate_per_second=20, burst=40)
    ApiKey.objects.update(expires_at=datetime(2041, 1, 1, tzinfo=UTC))
    on_day(monkeypatch, 15)
    assert burned(one).limit.sentence == (
        "Nothing now: 1,000 of 1,000 calls left this month, and at most 20 calls a second, 40 in a burst."
    )
    for day in range(8, 15):
        factories.called(one, 70, day=datetime(2040, 6, day, tzinfo=UTC).date())
    factories.called(one, 30, day=datetime(2040, 6, 1, tzinfo=UTC).date())
    row = burned(one)
    assert (row.used, row.left, row.forecast) == (520, 480, 520 + 70 * 15)
    assert row.full_on == datetime(2040, 6, 22, tzinfo=UTC).date()
    assert row.limit.sentence.startswith("The monthly quota of the") and (
        "480 of 1,000 calls left, used up about 22 June" in row.limit.sentence
    )
    RejectedHour.objects.create(
        hour=timezone.now() - timedelta(hours=2),
        subscription=one,
        limit="rate",
        calls=312,
        last_at=timezone.now(),
    )
    assert "20 calls a second, 40 in a burst. 312 calls refused" in burned(one).limit.sentence
    factories.called(one, 600, day=timezone.now().date())
    full = burned(one)
    assert "0 of 1,000 calls left until 1 July (UTC)" in full.limit.sentence
    assert full.limit.tone == "bad" and full.full_on is None and full.percent == 100
    ApiKey.objects.update(expires_at=timezone.now())
    assert burned(one).limit.sentence == "No call is answered: it has no live key."


def test_a_used_up_budget_is_named_as_the_limit():
    held, _, _ = company()
    month = timezone.now().date().replace(day=1)
    budget = Budget.objects.create(
        team=factories.mortgage(),
        amount_micros=1,
        is_hard=True,
        from_month=month,
        set_by=factories.finn(),
    )
    BudgetStop.objects.create(subscription=held[0], budget=budget, month=month)
    Subscription.objects.filter(pk=held[0].pk).update(state="paused")
    said = burned(held[0]).limit
    assert said.sentence.startswith(
        "Budget of Mortgage origination is used up: no call is answered"
    )
    assert str(factories.finn()) in said.sentence and said.tone == "bad"
    assert burned(held[1]).limit.tone == ""


def test_a_team_reads_the_service_level_that_it_received_itself():
    held, keys, other = company()
    one, now = held[0], timezone.now()
    type(one.pinned_version).objects.filter(pk=one.pinned_version_id).update(
        sla={"availability": 99.5, "p95_ms": 300}
    )
    key = keys[one.pk][0]
    good = [event(one, key, now, duration_us=200_000) for _ in range(380)]
    slow = [event(one, key, now, duration_us=400_000) for _ in range(20)]
    bad = [event(one, key, now, end) for end in (ENDS[4], (Outcome.ABORTED, 504))]
    left = [event(one, key, now, (Outcome.ABORTED, 499)) for _ in range(50)]
    theirs = [event(other, 5, now, ENDS[4]) for _ in range(300)]
    rolled_up([*good, *slow, *bad, *left, *theirs])
    scope = usage.of_teams([factories.mortgage()])
    [row] = received.received(scope, usage.window("30d"))
    assert (row.served, row.failed, row.answered, row.in_time) == (400, 2, 400, 380)
    assert row.availability_verdict == received.KEPT and row.in_time_verdict == received.KEPT
    rolled_up([event(one, key, now, ENDS[4]), event(one, key, now, duration_us=400_000)])
    [row] = received.received(scope, usage.window("24h"))
    assert (row.availability_verdict, row.in_time_verdict) == (received.BROKEN, received.BROKEN)
    [told] = page(factories.maya(), "api:received-service-level-list").json()
    assert (told["failed"], told["in_time"]) == (3, 380) and told[
        "availability_verdict"
    ] == "broken"


def test_few_calls_are_not_judged():
    held, keys, _ = company()
    rolled_up([event(held[0], keys[held[0].pk][0], timezone.now(), ENDS[4])])
    [row] = received.received(usage.of_teams([factories.mortgage()]), usage.window("24h"))
    assert row.availability_verdict in (received.TOO_LITTLE, received.UNPROMISED)
    assert row.availability == 0


def test_what_will_change_stands_beside_the_limits():
    held, keys, _ = company()
    one, soon = held[0], timezone.now() + timedelta(days=9)
    long_ago = timezone.now() - timedelta(days=80)
    ApiKey.objects.filter(pk=keys[one.pk][0]).update(expires_at=soon, created_at=long_ago)
    ScheduledChange.objects.create(
        kind=ScheduledChange.Kind.SUBSCRIPTION,
        model=one.model,
        subscription=one,
        state=ScheduledChange.State.SCHEDULED,
        reason="The programme ends.",
        effective_from=soon + timedelta(days=30),
        proposed_by=factories.alice(),
        before={"state": "active"},
        after={"state": "closed"},
    )
    context = page(factories.maya(), "consumption:limits").context
    assert [row.subscription.pk for row in context["deadlines"]] == [one.pk, one.pk]
    assert [row.kind for row in context["deadlines"]] == ["key", "end"]
    rows = table(page(factories.maya(), "consumption:limits", **{"as": "csv", "table": "changes"}))
    assert [row["kind"] for row in rows] == ["key", "end"]
    assert page(factories.alice(), "consumption:limits").context["deadlines"] == []


# The publisher


def test_a_publisher_sees_consumers_versions_errors_feedback_and_who_has_to_move():
    first = factories.published_version()
    held = factories.subscription(first)
    key = factories.key(held)[0].pk
    second = factories.published_version(first.model, "2.0.0")
    type(first).objects.filter(pk=first.pk).update(state="deprecated")
    nina = factories.person("nina", factories.wealth())
    moved = factories.subscription(
        second, by=nina, app=factories.application(nina, factories.wealth(), name="Advice")
    )
    factories.discussion(second)
    now = timezone.now()
    rolled_up(
        [
            *(event(held, key, now, end) for end in ENDS),
            *(event(moved, 5, now, version=second.pk) for _ in range(9)),
        ]
    )
    found = page(factories.alice(), "consumption:model_usage", first.model.slug).context["adoption"]
    assert [(row.version.number, row.callers, row.to_move) for row in found.versions] == [
        ("2.0.0", 1, 0),
        ("1.0.0", 1, 1),
    ]
    assert [row.subscription.pk for row in found.migrations] == [held.pk]
    assert sum(row.calls for row in found.consumers) == len(ENDS) + 9
    assert sum(sum(series.values) for series in found.series) == len(ENDS) + 9
    assert round(sum(row.percent for row in found.versions)) == 100 and found.feedback.waits == 1
    [own] = page(factories.alice(), "consumption:publisher").context["rows"]
    assert (own.use.counts["calls"], own.subscriptions, own.to_move, own.waits) == (
        len(ENDS) + 9,
        2,
        1,
        1,
    )
    told = page(factories.alice(), "api:adoption", first.model.slug).json()
    assert sum(row["calls"] for row in told["failures"]) == len(ENDS) - 1
    assert [row["to_move"] for row in told["versions"]] == [0, 1]
    rows = table(
        page(
            factories.alice(),
            "consumption:model_usage",
            first.model.slug,
            **{"as": "csv", "table": "consumers"},
        )
    )
    assert [row["has_to_move"] for row in rows] == ["yes", "no"]


def test_who_calls_a_model_stays_between_its_owner_and_those_who_oversee():
    version = factories.published_version()
    factories.subscription(version)
    slug = version.model.slug
    for person in (factories.charlie(), factories.maya()):
        assert page(person, "api:adoption", slug).status_code == 403
        assert "adoption" not in page(person, "consumption:model_usage", slug).context
        refused = page(
            person, "consumption:model_usage", slug, **{"as": "csv", "table": "consumers"}
        )
        assert refused.status_code == 400
    assert page(factories.vera(), "api:adoption", slug).status_code == 200


def test_more_versions_and_consumers_need_no_more_queries(django_assert_max_num_queries):
    version = factories.published_version()
    for name in ("One", "Two", "Three"):
        factories.subscription(version, app=factories.application(name=name))
    with django_assert_max_num_queries(7):
        adoption.adoption(version.model, usage.window("30d"))
