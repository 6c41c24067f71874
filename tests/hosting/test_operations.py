"""What operators see: load, what piles up, each store being away in words; metrics; replicas over time."""

import time
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from consumption import metering, spool
from consumption.backlog import backlog
from consumption.models import UsageEvent
from hosting import fleet, gateways, scale, tasks, watch
from hosting.models import Deployment, Incident, Replica
from marketplace.lib import broker
from tests import cast

pytestmark = pytest.mark.django_db

WORKER = """gateway_calls_total{{worker="{0}",version="7",outcome="ok"}} 5
gateway_in_flight{{worker="{0}"}} {1}
gateway_connections{{worker="{0}"}} 3
gateway_degraded_decisions_total{{worker="{0}"}} 4
gateway_stale_key_answers_total{{worker="{0}"}} 0
gateway_redis_up{{worker="{0}"}} {2}
gateway_postgres_up{{worker="{0}"}} 1
gateway_refused_rate_total{{worker="{0}"}} 10
"""
CALL = (1, 2, 3, 4, 5, 6)  # subscription, key, application, team, model, version


@pytest.fixture(autouse=True)
def run_dir(settings, tmp_path):
    """Nothing of this machine's own gateway or engine; nothing remembered from the last test."""
    settings.GATEWAY_METRICS_DIR = tmp_path / "metrics"
    settings.GATEWAY_METRICS_DIR.mkdir()
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.ENGINE_API_URL = "http://127.0.0.1:9"
    cache.clear()
    return tmp_path


@pytest.fixture
def deployment():
    version = cast.published_version()
    made = Deployment.objects.create(version=version, app_name="live", state="ready", max_replicas=3, target_ongoing_requests=4)
    Replica.objects.create(deployment=made, replica_id="a", state="running")
    Replica.objects.create(deployment=made, replica_id="b", state="running")
    return made


def gateway_reports(settings, *, in_flight=2, redis_up=1):
    for worker in (0, 1):
        (settings.GATEWAY_METRICS_DIR / f"{worker}.prom").write_text(WORKER.format(worker, in_flight, redis_up if worker else 1))


def page(person):
    client = Client()
    client.force_login(person)
    return client.get(reverse("hosting:operations")).content.decode()


def event(version, seconds_ago=10, duration_us=1_000_000):
    UsageEvent.objects.create(
        event_id=uuid.uuid4(), at=timezone.now() - timedelta(seconds=seconds_ago), subscription_id=1, key_id=1, application_id=1, team_id=1,
        model_id=version.model_id, version_id=version.pk, outcome="ok", http_status=200, units=1, duration_us=duration_us,
    )  # fmt: skip


def test_the_processes_of_the_gateway_are_summed(settings):
    gateway_reports(settings, redis_up=0)
    told = gateways.report()
    assert (told.processes, told.in_flight, told.degraded) == (2, 4, 8)
    assert dict(told.refused) == {"Rate": 20, "Monthly quota": 0, "Calls at once": 0}
    assert (told.is_redis_up, told.is_postgres_up) == (False, True), "one process that misses it is enough"


def test_a_gateway_that_fell_silent_is_not_reachable_in_words(settings):
    assert gateways.report().processes == 0
    assert "The gateway is not reachable" in page(cast.otto())


def test_an_address_that_does_not_answer_is_no_crash(settings):
    settings.GATEWAY_METRICS_URL = "http://127.0.0.1:9/metrics"
    assert gateways.report().processes == 0


def test_degraded_decisions_are_shown(settings):
    gateway_reports(settings, redis_up=0)
    text = page(cast.otto())
    assert "8 made without Redis or Postgres" in text and "Redis does not answer" in text and "2 answering" in text


def test_saturation_is_calls_at_once_over_places(deployment):
    for _ in range(120):
        event(deployment.version)
    event(deployment.version, seconds_ago=90)
    [row] = watch.overview()["deployments"]
    assert (row.running, round(row.calls_per_s, 3), round(row.busy, 3), round(row.full_percent, 3)) == (2, 2.0, 2.0, 25.0)


def test_the_journal_tells_what_is_not_in_postgres(settings):
    assert not backlog().is_here
    journal = spool.Spool(settings.SPOOL_DIR)
    assert (backlog().waiting, backlog().oldest_s) == (0, None)
    began = (time.time_ns() // 1000) - 90_000_000
    for number in range(7):
        ticket = journal.start(began + number, CALL, 1, 0)
        journal.end(ticket, 5, 5, 1, 200, spool.OK)
    running = journal.start(began + 60_000_000, CALL, 1, 0)
    assert backlog().waiting == 8 and 89 < backlog().oldest_s < 100
    assert "Usage piles up in the journal" in page(cast.otto())
    metering.Shipper(settings.SPOOL_DIR).ship()
    assert backlog().waiting == 1 and 29 < backlog().oldest_s < 40, "the call that still runs"
    assert backlog().shipped_at is not None
    journal.end(running, 5, 5, 1, 200, spool.OK)
    journal.close()


def test_a_segment_that_is_full_is_counted_whole(settings, monkeypatch):
    monkeypatch.setattr(spool, "SLOTS", 16)
    journal = spool.Spool(settings.SPOOL_DIR)
    for number in range(20):
        journal.end(journal.start(1 + number, CALL, 1, 0), 5, 5, 1, 200, spool.OK)
    assert (backlog().segments, backlog().waiting) == (2, 20)
    journal.close()


def test_redis_away_is_an_answer_and_not_an_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert broker.queue() is None and broker.ended() == {}
    broker.count(tasks.probe, "SUCCESS")
    assert "background work waits for the sweeps" in page(cast.otto())


def test_all_is_well_says_so(settings, monkeypatch):
    gateway_reports(settings)
    monkeypatch.setattr(watch, "engine_answers", lambda: True)
    monkeypatch.setattr(broker, "queue", lambda: broker.Queue(0, 1))
    assert "Everything answers, nothing piles up" in page(cast.otto())


# ── Metrics ───────────────────────────────────────────────────────────────


def metrics(client=None, **sent):
    return (client or Client()).get(reverse("hosting:metrics"), **sent)


def test_metrics_tell_the_state(deployment, settings):
    Incident.objects.create(version=deployment.version, summary="Three probes failed.")
    answer = metrics()
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
    assert found["marketplace_deployments", "ready"] == 1 and found["marketplace_deployments", "failed"] == 0
    assert found["marketplace_replicas_running", None] == 2 and found["marketplace_incidents_open", None] == 1
    assert found["marketplace_audit_events_unsequenced", None] == watch.audit_waiting() > 0
    assert found["marketplace_redis_up", None] == 1 and ("marketplace_tasks_waiting", None) in found
    assert ("marketplace_spool_waiting_calls", None) not in found, "there is no journal on this machine"


def test_tasks_are_counted_by_how_they_ended():
    told = broker.ended().get(("hosting.probe", "FAILURE"), 0)
    broker.count(tasks.probe, "FAILURE")
    assert f'marketplace_tasks_ended_total{{state="FAILURE",task="hosting.probe"}} {told + 1}.0' in metrics().content.decode()


def test_metrics_are_for_this_machine_and_for_operators():
    assert metrics(REMOTE_ADDR="10.1.2.3").status_code == 404
    assert metrics(headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 404, "a proxy on this machine lends nobody its address"
    client = Client()
    for person, expected in ((cast.charlie(), 404), (cast.finn(), 404), (cast.otto(), 200)):
        client.force_login(person)
        assert metrics(client, REMOTE_ADDR="10.1.2.3").status_code == expected, person


def test_metrics_cost_few_queries_and_live_without_redis(deployment, settings, django_assert_max_num_queries):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with django_assert_max_num_queries(12):
        text = metrics().content.decode()
    assert "marketplace_redis_up 0.0" in text and "marketplace_tasks_waiting" not in text


# ── Replicas over time ────────────────────────────────────────────────────


def test_the_most_at_once_in_each_step():
    start = timezone.now()
    at = [start + timedelta(minutes=minute) for minute in range(7)]
    half = timedelta(seconds=30)
    lives = [(at[0], at[6]), (at[1] + half, at[2] + half), (at[4], at[4] + half), (at[4] + half, at[5])]
    assert scale.most_at_once(lives, at) == [1, 2, 2, 1, 2, 1], "a replica that took over from another is not two at once"
    assert scale.most_at_once([], at) == [0] * 6


def over_time(deployment, slug):
    return scale.charts([deployment], scale.span(slug))[deployment.pk]["series"][0]["values"]


def test_a_replica_that_runs_is_shown_however_many_ended_since(deployment):
    since = timezone.now()
    Replica.objects.bulk_create(
        Replica(deployment=deployment, replica_id=f"old{n}", state="gone", started_at=since, ended_at=since) for n in range(30)
    )
    [shown] = fleet.deployments_of([deployment.version_id])
    assert {replica.replica_id for replica in shown.live_replicas} == {"a", "b"} and len(shown.past_replicas) == 18


def test_the_page_draws_the_hour_and_the_day(client, deployment, django_assert_num_queries):
    hours_ago = timezone.now() - timedelta(hours=5, minutes=10)
    Replica.objects.create(
        deployment=deployment, replica_id="c", state="gone", started_at=hours_ago, ended_at=hours_ago + timedelta(minutes=5)
    )
    with django_assert_num_queries(1):
        hour = over_time(deployment, "nonsense")
    day = over_time(deployment, "24h")
    assert (hour[-1], max(hour), len(hour)) == (2, 2, 60)
    assert (day[-1], sum(value == 1 for value in day), len(day)) == (2, 1, 96)
    client.force_login(cast.maya())
    address = reverse("hosting:deployment", args=[deployment.version.model.slug])
    assert "Replicas of version 1.0.0, last hour" in client.get(address).content.decode()
    assert "Replicas of version 1.0.0, last 24 hours" in client.get(address, {"span": "24h"}).content.decode()
