"""The roll-ups of metrics, and the pages, downloads and API that read them."""

import csv
import dataclasses
import html
import io
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel, SearchLog
from consumption.models import KeyDay
from marketplace.accounts.models import Team
from marketplace.insights import tasks
from marketplace.insights.metrics import METRICS, board, rollup
from marketplace.insights.metrics.scope import COMPANY, OPEN, sight_of
from marketplace.insights.models import MetricRow, MetricValue
from marketplace.insights.quarters import Quarter
from tests import factories
from tests.insights.histories import NOW, Company
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
ADOPTION = "insights:insights"


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def text_of(answer):
    return html.unescape(answer.content.decode())


@replayed
def counted():
    """A company of which all metrics are counted at NOW; one of its people."""
    company = Company(1)
    rollup.count_due(NOW)
    return company.someone


def everything():
    """All that is kept, but when it was counted."""
    kept = MetricValue.objects.order_by("quarter", "sight", "metric").values()
    values = [
        {name: one[name] for name in one if name not in ("id", "computed_at", "is_fixed")}
        for one in kept
    ]
    rows = MetricRow.objects.order_by("value__quarter", "value__sight", "value__metric", "position")
    return values, list(rows.values_list("label", "numerator", "denominator", "facts"))


# ── Roll-ups ──────────────────────────────────────────────────────────────


def test_counting_twice_changes_nothing():
    Company(1)  # not put back: rows of equal figures come as they lie in the table
    rollup.count_due(NOW)
    before = everything()
    assert before[0] and before[1]
    rollup.count_due(NOW)
    assert everything() == before


def test_what_was_counted_lately_is_not_counted_again():
    counted()
    assert rollup.count_due(NOW + timedelta(hours=4), again_after=timedelta(hours=5)) == 0
    later = NOW + timedelta(hours=5)
    assert rollup.count_due(later, again_after=timedelta(hours=5)) == 2 * len(METRICS)


def test_the_clock_counts_and_forgets(today):
    company = Company(1)
    task = tasks.count_metrics.name
    assert task in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    SearchLog.objects.create(day=NOW.date() - timedelta(days=731), query="old", results=0)
    tasks.count_metrics()
    assert MetricValue.objects.filter(quarter=Quarter.of(NOW.date()).start).exists()
    assert company and not SearchLog.objects.filter(query="old").exists()


def test_past_quarters_are_fixed_and_the_running_one_is_not():
    counted()
    running = Quarter.of(NOW.date())
    fixed = MetricValue.objects.filter(is_fixed=True).values_list("quarter", flat=True)
    assert set(fixed) == {running.previous.start, running.previous.previous.start, *fixed}
    assert running.start not in set(fixed)
    assert MetricValue.objects.filter(quarter=running.start).count() == 2 * len(METRICS)


def test_figures_of_the_past_stay_when_their_events_change():
    counted()
    quarter = Quarter.of(NOW.date()).previous
    before = MetricValue.objects.filter(quarter=quarter.start).values_list(
        "pk", "numerator", "value"
    )
    before = list(before)
    KeyDay.objects.filter(day__lt=quarter.end).update(ok=0, calls=0, client_errors=0)
    others = Team.objects.exclude(pk=RegisteredModel.objects.get(slug="model-0").owner_team_id)
    RegisteredModel.objects.filter(slug="model-0").update(owner_team=others.first())
    rollup.count_due(NOW + timedelta(hours=6))
    after = MetricValue.objects.filter(quarter=quarter.start).values_list(
        "pk", "numerator", "value"
    )
    assert list(after) == before


def test_the_database_refuses_to_change_the_past():
    counted()
    value = MetricValue.objects.filter(is_fixed=True, metric="published-models").first()
    acts = [
        lambda: MetricValue.objects.filter(pk=value.pk).update(numerator=99),
        lambda: MetricValue.objects.filter(pk=value.pk).delete(),
        lambda: value.rows.create(position=9_999, label="One more", numerator=1, denominator=1),
        lambda: value.rows.update(numerator=7),
        lambda: value.rows.all().delete(),
    ]
    assert value.rows.exists()
    for act in acts:
        with pytest.raises(IntegrityError), transaction.atomic():
            act()


def test_a_quarter_waits_for_late_usage_before_it_is_fixed():
    Company(1)
    quarter = Quarter.of(NOW.date())
    rollup.count_due(quarter.ends_at + timedelta(days=2))
    assert not MetricValue.objects.filter(quarter=quarter.start, is_fixed=True).exists()
    rollup.count_due(quarter.ends_at + timedelta(days=3))
    assert MetricValue.objects.filter(quarter=quarter.start, is_fixed=True).count() == 2 * len(
        METRICS
    )


def test_a_metric_that_is_new_is_counted_for_the_past_too():
    counted()
    quarter = Quarter.of(NOW.date()).previous
    assert quarter not in rollup.due(NOW)
    first, *_ = METRICS
    with pytest.MonkeyPatch.context() as patch:
        new = dataclasses.replace(first, name="brand-new")
        patch.setattr(rollup, "METRICS", (*METRICS, new))
        assert quarter in rollup.due(NOW)
        rollup.count_due(NOW)
    assert MetricValue.objects.filter(metric="brand-new", quarter=quarter.start).count() == 2


# ── Who sees which figures ────────────────────────────────────────────────


def test_most_people_read_figures_over_what_everybody_may_see():
    counted()
    hidden = RegisteredModel.objects.exclude(visibility="enterprise").values_list("name", flat=True)
    assert sight_of(factories.vera()) == COMPANY
    assert sight_of(factories.maya()) == sight_of(factories.finn()) == OPEN
    labels = set(MetricRow.objects.filter(value__sight=OPEN).values_list("label", flat=True))
    assert hidden and not labels & set(hidden)
    assert set(hidden) & set(
        MetricRow.objects.filter(value__sight=COMPANY).values_list("label", flat=True)
    )


# ── Pages, downloads, API ─────────────────────────────────────────────────


@pytest.fixture
def today(monkeypatch):
    """Pages look at the quarters before today: here, before NOW."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def figures(request):
    """Counted, and then read by pages from NOW: with the clock as it is, figures of before are put back."""
    counted()
    request.getfixturevalue("today")


def test_before_the_first_count_pages_say_so():
    reader = signed_in(factories.maya())
    assert "Not counted yet" in reader.get(reverse(ADOPTION)).content.decode()
    page = reader.get(reverse("insights:metric", args=["freshness"])).content.decode()
    assert "Not counted yet" in page and "at most 182 days old" in page
    assert reader.get("/api/v1/metrics/").json() == []
    assert reader.get("/api/v1/metrics/freshness/").status_code == 204
    assert reader.get("/api/v1/metrics/freshness/rows/").status_code == 204


def test_the_adoption_page_has_every_metric_with_its_verdict(figures):
    page = text_of(signed_in(factories.vera()).get(reverse(ADOPTION)))
    lines = board.board(COMPANY).lines
    assert [line.metric for line in lines] == list(METRICS)
    for line in lines:
        assert reverse("insights:metric", args=[line.metric.name]) in page
        assert line.verdict.text in page


def test_every_metric_page_api_and_csv_say_the_same(figures):
    reader = signed_in(factories.vera())
    listed = {one["name"]: one for one in reader.get("/api/v1/metrics/").json()}
    assert list(listed) == [metric.name for metric in METRICS]
    for metric in METRICS:
        address = reverse("insights:metric", args=[metric.name])
        page = reader.get(address)
        detail = reader.get(f"/api/v1/metrics/{metric.name}/").json()
        rows = reader.get(f"/api/v1/metrics/{metric.name}/rows/").json()
        table = list(csv.reader(io.StringIO(reader.get(f"{address}?as=csv").content.decode())))
        begins = table.index([]) + 1
        assert page.status_code == 200
        assert metric.definition in text_of(page)
        assert {name: detail[name] for name in listed[metric.name]} == listed[metric.name]
        assert len(table) - begins - 1 == rows["count"]
        assert sum(int(line[3]) for line in table[begins + 1 :]) == detail["numerator"]
        if detail["denominator"] is not None:
            assert sum(int(line[4]) for line in table[begins + 1 :]) == detail["denominator"]
        for parts in (detail["by_unit"], detail["by_team"]):
            if parts:
                assert sum(part["numerator"] for part in parts) == detail["numerator"]


def test_rows_come_in_pages(today, monkeypatch):
    monkeypatch.setattr("marketplace.insights.metrics.api.PAGE", 2)
    counted()
    reader, after, found = signed_in(factories.vera()), 0, []
    while after is not None:
        page = reader.get(f"/api/v1/metrics/published-models/rows/?after={after}").json()
        found += [row["row"] for row in page["results"]]
        after = page["after"]
    value = MetricValue.objects.filter(metric="published-models", sight=COMPANY).first()
    assert found == list(value.rows.values_list("label", flat=True)) and len(found) > 2


def test_a_past_quarter_is_read_by_its_first_day(figures):
    quarter = Quarter.of(NOW.date()).previous
    reader = signed_in(factories.vera())
    address = reverse("insights:metric", args=["published-models"])
    assert (
        "fixed: figures of a past quarter never change"
        in reader.get(address, {"quarter": f"{quarter.start}"}).content.decode()
    )
    answer = reader.get(f"/api/v1/metrics/published-models/?quarter={quarter.start}").json()
    assert (answer["quarter"], answer["is_fixed"]) == (f"{quarter.start}", True)
    assert [point["quarter"] for point in answer["trend"]][-1] == f"{quarter.start}"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/insights/metrics/nothing-like-it/", 404),
        ("/insights/metrics/freshness/?quarter=2026-02-30", 400),
        ("/insights/metrics/freshness/?quarter=1999-01-01", 400),
        ("/insights/metrics/freshness/?by=colour", 400),
        ("/insights/metrics/freshness/?page=zwölf", 200),
        ("/api/v1/metrics/nothing-like-it/", 404),
        ("/api/v1/metrics/freshness/?quarter=soon", 400),
        ("/api/v1/metrics/freshness/rows/?after=-1", 400),
        ("/api/v1/metrics/?quarter=2026-07-01", 400),
    ],
)
def test_addresses_that_say_something_else(figures, address, status):
    assert signed_in(factories.vera()).get(address).status_code == status


def test_the_board_as_csv(figures):
    text = signed_in(factories.vera()).get(reverse(ADOPTION), {"as": "csv"}).content.decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["metric"] for line in lines] == [metric.name for metric in METRICS]
