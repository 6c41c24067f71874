"""Issue 8, line 8: what the clock starts does the same work, however much exists that did not change."""

import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from celery import current_app
from celery.schedules import crontab
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from bench import scale_data, scale_pages
from catalog.models import RegisteredModel
from consumption.metering import projections, rollups
from consumption.models import (
    FiguresDay,
    Outcome,
    StaleFigures,
    StaleHour,
    Subscription,
    UsageEvent,
    UsageHour,
)
from hosting import service_levels
from marketplace.operations import summary

pytestmark = pytest.mark.django_db
SMALL, LARGE = 100, 300
# Their facets and figures have a row for each team that publishes.
COUNT_TEAMS = ("home", "list", "search", "insights")
ENGINE = ("hosting.reconcile",)  # asks the engine: tests/hosting/test_reconcile.py
# Look over the whole catalog once a night, in statements that do not grow: tests/insights/test_curation_sweep.py, test_demand.py
NIGHTLY = ("insights.sweep_curation", "insights.plan_quality_reviews", "insights.count_demand")
# Their first turn takes marks away, and nobody clears those out of the index before this transaction ends.
LEAVE_MARKS = {"consumption.project", "governance.remind"}
IN_STEPS = ("audit.watch",)  # a step is so many rows: tests/audit/test_tampering.py
# Rows that indexes and tables gave in this transaction; of a table without a fitting index it is all of them.
READ = "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables"


class Work:
    """What a piece of code asked of Postgres: statements, rows that came back or were written, rows that Postgres looked at."""

    def __init__(self):
        self.statements = self.rows = self.read = 0

    def __call__(self, execute, statement, parameters, many, context):
        found = execute(statement, parameters, many, context)
        self.statements += 1
        self.rows += max(context["cursor"].rowcount, 0)
        return found

    def more_than(self, other):
        """What is more than the same at another size; what really runs in the engine is looked at, a few rows here."""
        both = {
            name: (getattr(other, name), getattr(self, name))
            for name in ("statements", "rows", "read")
        }
        return {name: pair for name, pair in both.items() if pair[1] > 1.2 * pair[0] + 30}


@contextmanager
def working():
    work, before = Work(), _read()
    with connection.execute_wrapper(work):
        yield work
    work.read = _read() - before


def _read():
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return int(cursor.fetchone()[0])


@contextmanager
def company(listings, keys=60):
    """So many listings, most of their versions retired; the same teams, keys and usage at any size. Gone afterwards."""
    with transaction.atomic():
        made = scale_data.make(listings, teams=LARGE, keys=keys, hours=600)
        with connection.cursor() as cursor:
            # Tables are small here; where there is an index it would be used. Which of two, the planner knows from statistics.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("ANALYZE")
        yield made
        transaction.set_rollback(True)


def tasks():
    current_app.autodiscover_tasks(force=True)
    names = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} - {
        *ENGINE,
        *IN_STEPS,
        *NIGHTLY,
    }
    return {name: current_app.tasks[name] for name in sorted(names)}


def seldom():
    """The tasks that run once an hour, or once a night. How long they take at 10 000 listings: bench/scale."""
    beats = settings.CELERY_BEAT_SCHEDULE.values()
    return {
        entry["task"]
        for entry in beats
        if isinstance(entry["schedule"], crontab) or entry["schedule"] >= 3600
    }


@cache
def measured(listings):
    """{name: Work} of every page and API list, and of every task, in a company of that size, which takes seconds to make."""
    with company(listings) as made:
        return read_pages(made), at_rest()


def at_rest():
    """{name: Work} of every task and of the operations page, when they ran before and nothing has changed."""
    found = {}
    for name, run in (*tasks().items(), ("operations", summary.overview)):
        run()
        with working() as found[name]:
            run()
    return found


@pytest.mark.slow
def test_no_task_does_more_because_more_exists():
    (_, small), (_, large) = measured(SMALL), measured(LARGE)
    grown = {name: more for name in small if (more := large[name].more_than(small[name]))}
    grown.get("operations", {}).pop("read", None)  # it counts the fleet by state
    for name in grown.keys() & LEAVE_MARKS:
        grown[name].pop("read", None)
    for name in grown.keys() & seldom():  # they may look at all that exists, in a few statements
        grown[name].pop("read", None)
        grown[name].pop("rows", None)

    assert not any(grown.values()), "what grew: (at the small size, at the large one)"


def read_pages(made):
    """{name: Work} of every page and API list, read once before."""
    found = {}
    for person, named in scale_pages.addresses(made).items():
        client = Client()
        client.force_login(person)
        for name, address in named.items():
            client.get(address)
            with working() as found[name]:
                assert client.get(address).status_code == 200, address
    return found


@pytest.mark.slow
def test_no_page_asks_for_more_because_more_exists():
    """Issue 8, C9: pages and API lists of each kind of person, and the support desk: statements, and rows that come back.

    What Postgres reads for them depends on plans that tables of this size do not have; bench/scale measures it.
    """
    (small, _), (large, _) = measured(SMALL), measured(LARGE)
    grown = {name: large[name].more_than(small[name]) for name in small}
    for name, more in grown.items():
        more.pop("read", None)
        if any(word in name for word in COUNT_TEAMS):
            more.pop("rows", None)

    assert not any(grown.values()), {name: more for name, more in grown.items() if more}


def test_figures_are_written_for_models_that_were_called_and_for_no_other():
    """A change of an hour marks its model; the others are not even read. With a new day all that have figures are written once."""
    with company(SMALL):
        UsageHour.objects.update(p95_us=2)
        projections.project()
        service_levels.project()
        hour = UsageHour.objects.select_related("subscription").first()
        model = RegisteredModel.objects.get(pk=hour.subscription.model_id)
        before = model.calls_30d
        UsageHour.objects.filter(pk=hour.pk).update(p95_us=1)
        assert set(StaleFigures.objects.values_list("model", "figures")) == {
            (model.pk, "usage"),
            (model.pk, "service"),
        }
        with working() as work:
            projections.project()
        assert work.rows < 100 and not StaleFigures.objects.filter(figures="usage").exists()
        RegisteredModel.objects.filter(pk=model.pk).update(calls_30d=before + 1)
        FiguresDay.objects.all().delete()
        projections.project()
        model.refresh_from_db()
        assert model.calls_30d == before


@pytest.mark.slow
def test_a_roll_up_reads_what_was_called_and_not_all_that_could_be():
    """Price periods were built for every subscription, and every version was read, each time."""
    works = []
    for keys in (60, 600):
        with company(SMALL, keys):
            held = Subscription.objects.select_related("application").first()
            at = timezone.now() - timedelta(days=60)  # a day without other usage
            _call(held, at)
            StaleHour.objects.create(
                hour=at.replace(minute=0, second=0, microsecond=0), touched_at=at
            )
            with working() as work:
                assert rollups.roll_up() == 1
            assert UsageHour.objects.filter(subscription=held, hour__lte=at).count() == 1
            works.append(work)
    assert not works[1].more_than(works[0])


def test_hours_that_lie_far_apart_are_read_apart():
    """One late event of last year made the roll-up read all events since."""
    first, hour = datetime(2026, 3, 1, 5, tzinfo=UTC), timedelta(hours=1)
    far = first + 400 * hour
    assert list(rollups._stretches([first, first + hour, far], hour)) == [
        {"since": first, "until": first + 2 * hour},
        {"since": far, "until": far + hour},
    ]


def _call(subscription, at):
    UsageEvent.objects.create(
        event_id=uuid.uuid4(),
        at=at,
        subscription_id=subscription.pk,
        key_id=1,
        application_id=subscription.application_id,
        team_id=subscription.application.team_id,
        model_id=subscription.model_id,
        version_id=subscription.pinned_version_id,
        outcome=Outcome.OK,
        http_status=200,
        units=1,
        duration_us=900,
    )
