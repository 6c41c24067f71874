"""One definition for each word, and parts that add up, on every page of figures (issue 9, A3)."""

import csv
import io
import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption.metering import measures, projections, rollups
from consumption.models import Application, RejectedHour, UsageDay, UsageEvent, UsageHour
from hosting import service_levels
from tests import factories
from tests.consumption.counting import count_all
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
# How many calls end in each way: all differ, so that no two are taken for each other.
ENDS = {"ok": 7, "client_error": 5, "upstream_error": 3, "aborted": 18, "unknown": 2}
CALLS = sum(ENDS.values())
REJECTED = 11


@pytest.fixture
def used(db):
    return two_models_used()


@replayed
def two_models_used():
    """Two models of one team, called by two applications of Maya's, yesterday and today; each time in all ways."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM consumption_usageevent")
    held = []
    for name in ("Income verification", "Affordability"):
        entry = factories.model(name=name)
        factories.plan(entry, price_micros_per_1000=3_141_593)
        version = factories.published_version(entry)
        held += [
            factories.subscription(version, app=factories.application(name=app))
            for app in ("Origination", "Servicing")
        ]
    now = timezone.now()
    for subscription in held:
        for back in (0, 1):
            for outcome, count in ENDS.items():
                UsageEvent.objects.bulk_create(
                    event(subscription, outcome, now - timedelta(days=back)) for _ in range(count)
                )
        hour = now.replace(minute=0, second=0, microsecond=0)
        RejectedHour.objects.create(
            hour=hour, subscription=subscription, limit="rate", calls=REJECTED, last_at=now
        )
    rollups.mark_all_stale()
    rollups.roll_up_all()
    projections.project()
    return held


def event(subscription, outcome, at):
    return UsageEvent(
        event_id=uuid.uuid4(),
        at=at,
        subscription_id=subscription.pk,
        key_id=1,
        application_id=subscription.application_id,
        team_id=subscription.application.team_id,
        model_id=subscription.model_id,
        version_id=subscription.pinned_version_id,
        outcome=outcome,
        http_status=499 if outcome == "aborted" else 200,
        units=int(outcome == "ok"),
        duration_us=900,
    )


def page(person, name, *args, **query):
    client = Client()
    client.force_login(person)
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer


def assert_parts(row, times):
    """The parts of one row are what happened, and add up to its calls."""
    found = {part.outcome: row[part.column] for part in measures.PARTS}
    assert found == {outcome: count * times for outcome, count in ENDS.items()}
    assert row["calls"] == sum(found.values()) and row["units"] == ENDS["ok"] * times


def assert_rows(rows, totals, times):
    """Rows add up to the totals, count by count."""
    assert len(rows) == times
    for name in (*measures.COUNTS, "units"):
        assert sum(row.counts[name] for row in rows) == totals[name], name


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d"])
def test_my_usage_adds_up_figures_chart_and_rows(used, window):
    """Callers hanging up were "model's errors 0" in the figure and 18 in the chart beside it."""
    context = page(factories.maya(), "consumption:usage", window=window).context
    times = len(used) * (1 if window == "24h" else 2)
    if window == "24h":
        # Yesterday's calls are 24 hours old: in or out, but whole.
        times = context["usage"].totals["calls"] // CALLS
    assert_parts(context["usage"].totals, times)
    assert {part.label: part.calls for part in context["usage"].parts} == {
        series.name: sum(series.values) for series in context["usage"].series
    }
    assert sum(part.calls for part in context["usage"].parts) == context["usage"].totals["calls"]
    for name in ("by_model", "by_application"):
        assert_rows(context[name], context["usage"].totals, 2)
        assert sum(row.costs["USD"] for row in context[name]) == context["usage"].costs["USD"]
    assert sum(row.calls for row in context["refused"]) == REJECTED * len(used), (
        "beside the calls, never among them"
    )


def test_a_models_usage_adds_up_by_team_and_by_version(used):
    entry = used[0].model
    context = page(factories.alice(), "consumption:model_usage", entry.slug).context
    assert_parts(context["usage"].totals, 4)
    assert_rows(context["by_team"], context["usage"].totals, 1)
    assert_rows(context["by_version"], context["usage"].totals, 1)
    assert [row.costs for row in context["by_team"]] == [context["usage"].costs]


def test_the_figures_that_stand_beside_the_chart_are_on_the_page(used):
    text = re.sub(r"<[^>]+>|\s+", " ", page(factories.maya(), "consumption:usage").content.decode())
    for part in measures.PARTS:
        label = part.label.replace("'", "&#x27;")
        assert re.search(rf"{label}\s+{ENDS[part.outcome] * 8}\b", text), part.label


def test_what_consumers_pay_is_seen_by_them_and_the_publisher_and_not_by_strangers(used):
    assert (
        page(factories.charlie(), "consumption:model_usage", used[0].model.slug)
        .context["usage"]
        .costs
        is None
    )


def test_days_add_up_to_hours_and_to_the_month(used):
    hours, days = (
        {
            name: sum(table.objects.values_list(name, flat=True))
            for name in (*measures.COUNTS, "units", "cost")
        }
        for table in (UsageHour, UsageDay)
    )
    assert (
        hours == days
        and days["calls"] == CALLS * 8
        and days["cost"] == Decimal(3_141_593 * ENDS["ok"] * 8).scaleb(-9)
    )


def test_statement_page_csv_and_api_say_the_same_to_the_last_unit(used):
    months = {(timezone.now() - timedelta(days=back)).strftime("%Y-%m") for back in (0, 1)}
    shown, exported, answered = {}, {}, {}
    for month in months:
        lines = page(factories.maya(), "consumption:statement", month=month).context["page_obj"]
        exact = page(
            factories.maya(), "consumption:statement", month=month, **{"as": "csv"}
        ).content.decode()
        rows = list(csv.DictReader(io.StringIO(exact)))
        told = page(factories.maya(), "api:statement-detail", month).json()
        assert (
            [f"{line.cost:.9f}" for line in lines]
            == [row["cost"] for row in rows]
            == [row["cost"] for row in told]
        )
        for line, row in zip(lines, rows, strict=True):
            assert (
                line.calls
                == int(row["calls"])
                == sum(int(row[part.column]) for part in measures.PARTS)
            )
        for found, values in (
            (shown, [line.cost for line in lines]),
            (exported, [row["cost"] for row in rows]),
            (answered, [row["cost"] for row in told]),
        ):
            found[month] = sum(map(Decimal, values), Decimal())
    assert shown == exported == answered
    assert (
        sum(shown.values())
        == page(factories.maya(), "consumption:usage").context["usage"].costs["USD"]
    )


def test_the_usage_api_adds_up_and_has_no_column_that_is_always_nothing(used):
    """`refused` in the usage API was always 0: what a limit turned away is no call, and has its own resource."""
    rows = page(factories.maya(), "api:usage-list").json()["results"]
    assert sum(row["calls"] for row in rows) == CALLS * 8 and "refused" not in rows[0]
    for row in rows:
        assert row["calls"] == sum(row[part.column] for part in measures.PARTS)
        assert Decimal(row["cost"]) == row["units"] * row["price_micros_per_1000"] * Decimal("1E-9")
    assert sum(
        row["calls"] for row in page(factories.maya(), "api:rejection-list").json()["results"]
    ) == REJECTED * len(used)


def test_the_catalog_the_start_page_and_reconciliation_count_the_same_calls(used):
    assert page(factories.maya(), "home").context["story"].calls_30d == CALLS * 8
    used[0].model.refresh_from_db()
    assert used[0].model.calls_30d == CALLS * 4
    count_all()
    found = page(factories.finn(), "consumption:reconciliation").context["reconciliation"]
    assert {way: count.calls for way, count in found.totals.items()} == dict.fromkeys(
        ("events", "hours", "days"), CALLS * 8
    )
    assert len({count.cost for count in found.totals.values()}) == 1 and not found.wrong


def test_the_service_level_says_nothing_of_calls_that_their_callers_left(used):
    figures = service_levels.report(used[0].pinned_version)
    assert (figures.served, figures.failed) == (
        (ENDS["ok"] + ENDS["client_error"]) * 4,
        ENDS["upstream_error"] * 4,
    )


@pytest.mark.parametrize("table", [UsageHour, UsageDay])
@pytest.mark.parametrize("column", measures.COUNTS)
def test_the_database_refuses_parts_that_do_not_add_up(used, table, column):
    with pytest.raises(IntegrityError, match="parts_add_up"), transaction.atomic():
        table.objects.filter(pk=table.objects.first().pk).update(**{column: F(column) + 1})


def test_a_changed_cost_is_found_by_reconciliation(used):
    row = UsageHour.objects.first()
    UsageHour.objects.filter(pk=row.pk).update(cost=F("cost") + Decimal("0.000000001"))
    count_all()
    [line] = page(factories.finn(), "consumption:reconciliation").context["reconciliation"].wrong
    assert line.differences == ["Hours count a cost of 0.000000001 more than the events."]


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_name_runs_as_a_formula_in_a_spreadsheet(used, start):
    """Anybody may name an application; finance opens the export."""
    name = f"{start}HYPERLINK(1)"
    Application.objects.filter(pk=used[0].application_id).update(name=name)
    month = f"{timezone.now() - timedelta(days=1):%Y-%m}"
    exact = page(factories.maya(), "consumption:statement", month=month, **{"as": "csv"})
    rows = csv.DictReader(io.StringIO(exact.content.decode()))
    assert f"'{name}" in {row["application_name"] for row in rows}
