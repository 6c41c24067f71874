"""What operators see: load, what piles up, each store being away in words; metrics; replicas over time."""

import os
import time
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from consumption.metering import shipping, usage_journal
from consumption.metering.backlog import backlog
from consumption.models import UsageEvent
from hosting import deployments, gateway_metrics, replica_history, tasks
from hosting.gateway.metering import metrics as metrics_of_gateway
from hosting.models import Deployment, Incident, Replica, Upstream
from marketplace.core import broker, disk_space
from marketplace.core.transitions import transition
from marketplace.operations import summary
from tests import factories
from tests.hosting.prometheus import faults

pytestmark = pytest.mark.django_db

WORKER = """gateway_calls_total{{worker="{0}",version="7",outcome="ok"}} 5
gateway_in_flight{{worker="{0}"}} {1}
gateway_connections{{worker="{0}"}} 3
gateway_degraded_decisions_total{{worker="{0}"}} 4
gateway_stale_key_answers_total{{worker="{0}"}} 0
gateway_redis_up{{worker="{0}"}} {2}
gateway_postgres_up{{worker="{0}"}} 1
gateway_rejections_rate_total{{worker="{0}"}} 10
gateway_start_time_seconds{{worker="{0}"}} {3}
gateway_clock_skew_seconds{{worker="{0}"}} 0.01
gateway_decisions_total{{worker="{0}",decision="failure_mode_allowed"}} 3
gateway_rejections_last_hour{{worker="{0}",version="{4}",limit="rate"}} 6
gateway_breaker_open{{worker="{0}",version="{4}"}} {5}
"""
CALL = (1, 2, 3, 4, 5, 6)  # subscription, key, application, team, model, version


@pytest.fixture(autouse=True)
def run_dir(settings, tmp_path):
    """Nothing of this machine's own gateway or engine; nothing remembered from the last test."""
    settings.GATEWAY_METRICS_DIR = tmp_path / "metrics"
    settings.GATEWAY_METRICS_DIR.mkdir()
    settings.USAGE_JOURNAL_DIR = tmp_path / "journal"
    settings.ENGINE_API_URL = "http://127.0.0.1:9"
    cache.clear()
    return tmp_path


@pytest.fixture
def deployment():
    version = factories.published_version()
    made = Deployment.objects.create(
        version=version, app_name="live", state="ready", max_replicas=3, target_ongoing_requests=4
    )
    Replica.objects.create(deployment=made, replica_id="a", state="running")
    Replica.objects.create(deployment=made, replica_id="b", state="running")
    return made


def gateway_reports(settings, *, in_flight=2, redis_up=1, began=1.7e9, version=7, shut=0):
    for worker in (0, 1):
        told = WORKER.format(
            worker, in_flight, redis_up if worker else 1, began + worker, version, shut * worker
        )
        (settings.GATEWAY_METRICS_DIR / f"{worker}.prom").write_text(told)


def page(person):
    client = Client()
    client.force_login(person)
    return client.get(reverse("operations:operations")).content.decode()


def event(version, seconds_ago=10, duration_us=1_000_000, outcome="ok", http_status=200):
    UsageEvent.objects.create(
        event_id=uuid.uuid4(),
        at=timezone.now() - timedelta(seconds=seconds_ago),
        subscription_id=1,
        key_id=1,
        application_id=1,
        team_id=1,
        model_id=version.model_id,
        version_id=version.pk,
        outcome=outcome,
        http_status=http_status,
        units=1,
        duration_us=duration_us,
    )


def test_the_processes_of_the_gateway_are_summed(settings):
    gateway_reports(settings, redis_up=0)
    told = gateway_metrics.report()
    assert (len(told.workers), told.in_flight, told.degraded) == (2, 4, 8)
    assert dict(told.refused)["Rate"] == 20 and dict(told.refused)["Model full"] == 0
    assert [(refusal.count, refusal.reason) for refusal in told.recent_rejections(7)] == [
        (12, "by their plan's rate")
    ]
    assert told.recent_rejections(8) == [] and told.since.timestamp() == 1.7e9
    assert (told.is_redis_up, told.is_postgres_up) == (False, True), (
        "one process that misses it is enough"
    )


def test_a_gateway_that_fell_silent_is_not_reachable_in_words(settings):
    gateway_reports(settings)
    for path in settings.GATEWAY_METRICS_DIR.iterdir():
        os.utime(path, (time.time() - 600, time.time() - 600))
    assert gateway_metrics.report().workers == []
    [alert] = [one for one in summary.overview().alerts if "not reachable" in one.what]
    assert (alert.severity, round((timezone.now() - alert.since).total_seconds(), -1)) == (
        "critical",
        600,
    )
    assert "The gateway is not reachable" in page(factories.otto())


def test_an_address_that_does_not_answer_is_no_crash(settings):
    settings.GATEWAY_METRICS_URL = "http://127.0.0.1:9/metrics"
    assert gateway_metrics.report().workers == []


def test_degraded_decisions_are_shown(settings):
    gateway_reports(settings, redis_up=0)
    text = page(factories.otto())
    assert (
        "6 calls admitted without Redis" in text
        and "Redis does not answer" in text
        and "No. 1 for " in text
        and ", without Redis" in text
    )


def test_saturation_is_calls_at_once_over_places(deployment):
    for _ in range(120):
        event(deployment.version)
    event(deployment.version, seconds_ago=90)
    [row] = summary.overview().versions
    assert (
        row.deployment.running,
        round(row.load.calls_per_s, 3),
        round(row.load.busy, 3),
        round(row.full_percent, 3),
    ) == (2, 2.0, 2.0, 25.0)


def test_calls_that_the_version_failed_are_told_from_those_that_callers_spoilt_or_left(deployment):
    for outcome, status in (
        ("upstream_error", 502),
        ("aborted", 504),
        ("unknown", 0),
        ("aborted", 499),
        ("client_error", 422),
        ("ok", 200),
    ):
        event(deployment.version, outcome=outcome, http_status=status)
    [row] = summary.overview().versions
    assert row.load.failed == 3


def test_the_journal_tells_what_is_not_in_postgres(settings):
    assert not backlog().is_here
    journal = usage_journal.UsageJournal(settings.USAGE_JOURNAL_DIR)
    assert (backlog().waiting, backlog().oldest_s) == (0, None)
    began = (time.time_ns() // 1000) - 90_000_000
    for number in range(7):
        ticket = journal.start(began + number, CALL, 1, 0)
        journal.end(ticket, 5, 5, 1, 200, usage_journal.OK)
    running = journal.start(began + 60_000_000, CALL, 1, 0)
    assert backlog().waiting == 8 and 89 < backlog().oldest_s < 100
    assert "Usage piles up in the journal" in page(factories.otto())
    shipping.Shipper(settings.USAGE_JOURNAL_DIR).ship()
    assert backlog().waiting == 1 and 29 < backlog().oldest_s < 40, "the call that still runs"
    assert backlog().shipped_at is not None
    journal.end(running, 5, 5, 1, 200, usage_journal.OK)
    journal.close()


def test_an_archive_that_is_too_small_raises_an_alert_before_it_falls_short(settings, caplog):
    """Three segments of 4 MiB within six hours, where 72 hours should have room."""
    archive = settings.USAGE_JOURNAL_DIR / usage_journal.ARCHIVE
    now = time.time()
    for hours_ago in (6, 3, 1):
        journal = usage_journal.UsageJournal(settings.USAGE_JOURNAL_DIR)
        for number in range(9):
            journal.end(journal.start(number, CALL, 1, 0), 5, 5, 1, 200, usage_journal.OK)
        journal.close()
        [path] = usage_journal.segments(settings.USAGE_JOURNAL_DIR)
        archive.mkdir(exist_ok=True)
        path.rename(archive / path.name)
        os.utime(archive / path.name, (now, now - hours_ago * 3600))
    settings.JOURNAL_ARCHIVE_MIB = 1024
    assert backlog().archive.retention_s is None and "for a restore" not in page(factories.otto())
    settings.JOURNAL_ARCHIVE_MIB = 18
    assert 8.9 < backlog().archive.retention_s / 3600 < 9.1 and backlog().archive.mib_needed == 145
    assert "kept for 9.0 hours for a restore, not 72" in page(
        factories.otto()
    ) and "JOURNAL_ARCHIVE_MIB to 145" in page(factories.otto())
    settings.JOURNAL_ARCHIVE_MIB = 8
    shipping._prune_archive(archive)
    assert len(list(archive.iterdir())) == 1 and "JOURNAL_ARCHIVE_MIB is too small" in caplog.text


def test_a_segment_that_is_full_is_counted_whole(settings, monkeypatch):
    monkeypatch.setattr(usage_journal, "SLOTS", 16)
    journal = usage_journal.UsageJournal(settings.USAGE_JOURNAL_DIR)
    for number in range(20):
        journal.end(journal.start(1 + number, CALL, 1, 0), 5, 5, 1, 200, usage_journal.OK)
    assert (backlog().segments, backlog().waiting) == (2, 20)
    journal.close()


def test_redis_away_is_an_answer_and_not_an_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert broker.queue() is None and broker.ended() == {}
    broker.count(tasks.probe, "SUCCESS")
    assert "background work waits for the sweeps" in page(factories.otto())


def test_all_is_well_says_so(settings, monkeypatch):
    gateway_reports(settings)
    monkeypatch.setattr(summary, "engine_is_saturated", lambda: False)
    monkeypatch.setattr(summary, "engine_answers", lambda: True)
    monkeypatch.setattr(broker, "queue", lambda: broker.Queue(0, 1))
    assert "Everything answers, nothing piles up" in page(factories.otto())


# ── What needs somebody ───────────────────────────────────────────────────


def whats():
    return [one.what for one in summary.overview().alerts]


@pytest.fixture
def calm(settings, monkeypatch):
    """Everything around the versions is well."""
    gateway_reports(settings)
    monkeypatch.setattr(summary, "engine_answers", lambda: True)
    monkeypatch.setattr(summary, "engine_is_saturated", lambda: False)
    monkeypatch.setattr(broker, "queue", lambda: broker.Queue(0, 1))
    assert whats() == []


def test_an_incident_says_since_when_who_and_what_to_do(calm, deployment):
    factories.subscription(deployment.version)
    began = timezone.now() - timedelta(minutes=38)
    Incident.objects.create(
        version=deployment.version,
        summary=f"{deployment.version} does not answer. Refused.",
        opened_at=began,
    )
    Deployment.objects.filter(pk=deployment.pk).update(state="unhealthy")
    [alert] = summary.overview().alerts
    assert (alert.severity, alert.since, alert.affected) == (
        "critical",
        began,
        "1 application of 1 team may call it.",
    )
    assert (alert.what, alert.why) == (
        f"{deployment.version} does not answer.",
        "Refused.",
    ) and "Stop and start it" in alert.remedy
    text = page(factories.otto())
    assert "for 38 min" in text and "1 thing needs somebody" in text
    assert (
        reverse("hosting:manage_deployment", args=[deployment.version.model.slug, "1.0.0"]) in text
    )


def test_a_store_that_is_away_says_since_when(settings, calm):
    path = settings.GATEWAY_METRICS_DIR / "1.prom"
    path.write_text(
        path.read_text().replace('redis_up{worker="1"} 1', 'redis_up{worker="1"} 0')
        + 'gateway_redis_unavailable_since_seconds{worker="1"} 1.7e9\n'
    )
    [alert] = summary.overview().alerts
    assert (alert.what, alert.since.timestamp()) == ("Redis does not answer.", 1.7e9)


def test_a_store_that_answers_again_is_away_no_more(monkeypatch):
    counters, now = metrics_of_gateway.Counters(), [50.0]
    monkeypatch.setattr(metrics_of_gateway.time, "time", lambda: now[0])
    assert counters.unavailable_since("redis", True) == 0
    assert counters.unavailable_since("redis", False) == 50
    now[0] = 60.0
    assert (
        counters.unavailable_since("redis", False),
        counters.unavailable_since("postgres", False),
    ) == (50, 60)
    assert (
        counters.unavailable_since("redis", True),
        counters.unavailable_since("redis", False),
    ) == (0, 60)


def test_a_log_that_reaches_no_backup_needs_somebody(calm, monkeypatch):
    assert summary.not_archived_since() is None
    since = timezone.now() - timedelta(hours=2)
    monkeypatch.setattr(summary, "not_archived_since", lambda: since)
    [alert] = summary.overview().alerts
    assert (alert.what, alert.since) == ("Postgres cannot bring its log to the backup.", since)


def test_a_version_that_failed_says_since_when(calm, deployment):
    Deployment.objects.filter(pk=deployment.pk).update(
        state_since=timezone.now() - timedelta(days=3)
    )
    before = timezone.now()
    transition(
        Deployment.objects.get(pk=deployment.pk),
        Deployment.State.FAILED,
        reason="It has no output.",
    )
    [alert] = summary.overview().alerts
    assert (alert.what, alert.why) == (
        f"{deployment.version} does not run.",
        "It has no output.",
    ) and alert.since >= before
    assert (alert.affected, alert.severity) == ("Nobody subscribes to it.", "warning")
    factories.subscription(deployment.version)
    [alert] = summary.overview().alerts
    assert alert.severity == "critical"


def test_what_everybody_feels_comes_first(deployment, settings, tmp_path):
    settings.GATEWAY_METRICS_DIR = tmp_path  # no process of the gateway reports
    factories.subscription(deployment.version)
    long_ago = timezone.now() - timedelta(days=2)
    Incident.objects.create(
        version=deployment.version,
        summary=f"{deployment.version} does not answer.",
        opened_at=long_ago,
    )
    first, second = (one for one in summary.overview().alerts if one.severity == "critical")
    assert (
        "gateway is not reachable" in first.what
        and second.what == f"{deployment.version} does not answer."
    )


def test_many_at_once_are_one_alert(calm, monkeypatch):
    for number, name in enumerate(["Paper clips", "Sea weather", "Bee counting", "Ladder safety"]):
        version = factories.published_version(factories.model(name=name))
        Deployment.objects.create(version=version, app_name=f"app{number}", state="unhealthy")
        Incident.objects.create(
            version=version,
            summary=f"{version} does not answer.",
            opened_at=timezone.now() - timedelta(minutes=number),
        )
    [alert] = summary.overview().alerts
    assert alert.what.startswith("4 hosted versions do not answer: ") and alert.what.endswith(
        " and 1 more."
    )
    assert (
        170 < (timezone.now() - alert.since).total_seconds() < 190
        and "read engine.log" in alert.remedy
    )
    monkeypatch.setattr(summary, "engine_answers", lambda: False)
    cache.clear()
    remedies = [one.remedy for one in summary.overview().alerts]
    assert any(remedy.startswith("The engine does not answer either") for remedy in remedies)


def test_calls_that_fail_come_before_what_only_lags(settings, deployment):
    gateway_reports(settings, redis_up=0)
    factories.subscription(deployment.version)
    Deployment.objects.filter(pk=deployment.pk).update(state="failed")
    told = [one.severity for one in summary.overview().alerts]
    assert told[0] == "critical" and told == sorted(told), "critical sorts before warning"
    assert {"critical", "warning"} == set(told)


def test_a_full_version_that_may_not_grow(calm, deployment):
    Deployment.objects.filter(pk=deployment.pk).update(max_replicas=2, target_ongoing_requests=1)
    for _ in range(118):
        event(deployment.version)
    cache.clear()
    assert whats() == [f"{deployment.version} is 98 % full and may not grow: 2 of 2 replicas run."]
    Deployment.objects.filter(pk=deployment.pk).update(max_replicas=3)
    assert whats() == []


def test_a_version_that_fails_calls_though_its_probes_are_well(calm, deployment):
    factories.subscription(deployment.version)
    for number in range(100):
        event(
            deployment.version,
            outcome="upstream_error" if number < 10 else "ok",
            http_status=502 if number < 10 else 200,
        )
    cache.clear()
    [alert] = summary.overview().alerts
    assert (
        alert.what
        == f"{deployment.version} failed 10 of 100 calls in the last minute, though it answers the probes."
    )
    assert alert.severity == "critical"
    UsageEvent.objects.filter(outcome="upstream_error").update(
        at=timezone.now() - timedelta(minutes=2)
    )
    cache.clear()
    assert whats() == []


def test_a_version_that_keeps_losing_processes(calm, deployment):
    now = timezone.now()
    for number in range(6):
        ended = now - timedelta(minutes=11 * number + 1)
        Replica.objects.create(
            deployment=deployment,
            replica_id=str(number),
            state="crashed",
            started_at=ended,
            ended_at=ended,
        )
    assert whats() == [f"{deployment.version} lost 6 processes in the last hour; others took over."]
    Replica.objects.filter(replica_id__in=["0", "1"]).update(ended_at=now - timedelta(hours=2))
    assert whats() == []
    [row] = summary.overview().versions
    assert (row.deployment.running, row.deployment.crashed) == (2, 4)


def test_a_version_that_the_gateway_stopped_asking(settings, calm, deployment):
    gateway_reports(settings, version=deployment.version_id, shut=1)
    assert whats() == [
        f"{deployment.version} fails call after call: the gateway pauses before it asks again."
    ]


def test_a_saturated_engine_is_told_and_blames_no_model(calm, monkeypatch):
    """Issue 8, line 6."""
    monkeypatch.setattr(summary, "engine_is_saturated", lambda: True)
    cache.clear()
    assert whats() == ["The engine's machine has more to do than it has processors."]


def test_background_work_that_stands_still_is_noticed_by_its_probes(calm, deployment):
    at = timezone.now() - timedelta(minutes=4)
    Upstream.objects.filter(version=deployment.version).update(probe_due_at=at)
    (alert,) = summary.overview().alerts
    assert (alert.what, alert.since) == (
        "No model is being probed: background work stands still.",
        at,
    )
    Upstream.objects.filter(version=deployment.version).update(probe_due_at=None)
    assert whats() == [], "what sleeps is not probed"


@pytest.mark.parametrize(
    ("free", "severity", "said"),
    [
        (900, "warning", "uploads follow"),
        (700, "warning", "production calls follow"),
        (400, "critical", "refused until"),
    ],
)
def test_a_disk_that_fills_says_what_stops(calm, monkeypatch, free, severity, said):
    monkeypatch.setattr(
        disk_space,
        "measure",
        lambda folder: disk_space.DiskSpace(free * disk_space.MIB, 1000 * disk_space.MIB),
    )
    [alert] = summary.overview().alerts
    assert (
        alert.severity == severity
        and said in alert.affected
        and "journal and the artifacts" in alert.what
    )


def test_clocks_that_disagree_are_told(settings, calm):
    path = settings.GATEWAY_METRICS_DIR / "0.prom"
    path.write_text(
        path.read_text().replace(
            'clock_skew_seconds{worker="0"} 0.01', 'clock_skew_seconds{worker="0"} -7.5'
        )
    )
    assert whats() == ["A gateway machine's clock is 7.5 s off Postgres' clock."]


def test_a_gateway_that_sheds_calls_needs_somebody(settings, calm):
    path = settings.GATEWAY_METRICS_DIR / "1.prom"
    path.write_text(
        path.read_text() + 'gateway_rejections_last_hour{worker="1",version="7",limit="load"} 9\n'
    )
    assert whats() == [
        "9 calls were turned away in the last hour because the gateway was too busy."
    ]


def test_an_external_endpoint_is_part_of_the_fleet(calm):
    version = factories.published_version()
    assert version.upstream.kind == "external"
    [row] = summary.overview().versions
    assert (row.deployment.is_external, row.deployment.get_state_display()) == (True, "Answers")
    Upstream.objects.update(is_ready=False)
    Incident.objects.create(version=version, summary=f"{version} does not answer.")
    [alert] = summary.overview().alerts
    assert (
        alert.remedy.startswith("Ask who hosts it")
        and version.model.support_contact in alert.remedy
    )
    assert "Does not answer" in page(factories.otto())


# ── Metrics ───────────────────────────────────────────────────────────────


def metrics(client=None, **sent):
    return (client or Client()).get(reverse("operations:metrics"), **sent)


def test_metrics_tell_the_state(deployment, settings):
    Incident.objects.create(version=deployment.version, summary="Three probes failed.")
    answer = metrics()
    assert answer.status_code == 200 and answer["Content-Type"].startswith(
        "text/plain; version=0.0.4"
    )
    assert faults(answer.content.decode()) == []
    found = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
    assert (
        found["marketplace_deployments", "ready"] == 1
        and found["marketplace_deployments", "failed"] == 0
    )
    assert (
        found["marketplace_replicas_running", None] == 2
        and found["marketplace_incidents_open", None] == 1
    )
    assert found["marketplace_audit_events_unsequenced", None] == summary.audit_waiting() > 0
    assert found["marketplace_redis_up", None] == 1 and ("marketplace_tasks_waiting", None) in found
    assert ("marketplace_journal_waiting_calls", None) not in found, (
        "there is no journal on this machine"
    )
    assert 'marketplace_alerts{severity="critical"} 1.0' in answer.content.decode(), (
        "the gateway that is away"
    )
    assert 'marketplace_disk_free_bytes{holds="' in answer.content.decode()


def test_tasks_are_counted_by_how_they_ended():
    told = broker.ended().get(("hosting.probe", "FAILURE"), 0)
    broker.count(tasks.probe, "FAILURE")
    assert (
        f'marketplace_tasks_ended_total{{state="FAILURE",task="hosting.probe"}} {told + 1}.0'
        in metrics().content.decode()
    )


def test_metrics_are_for_this_machine_and_for_operators():
    assert metrics(REMOTE_ADDR="10.1.2.3").status_code == 404
    assert metrics(headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 404, (
        "a proxy on this machine lends nobody its address"
    )
    client = Client()
    for person, expected in (
        (factories.charlie(), 404),
        (factories.finn(), 404),
        (factories.otto(), 200),
    ):
        client.force_login(person)
        assert metrics(client, REMOTE_ADDR="10.1.2.3").status_code == expected, person


def test_metrics_cost_few_queries_and_live_without_redis(
    deployment, settings, django_assert_max_num_queries
):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with django_assert_max_num_queries(23):
        text = metrics().content.decode()
    assert "marketplace_redis_up 0.0" in text and "marketplace_tasks_waiting" not in text


# ── Replicas over time ────────────────────────────────────────────────────


def test_the_most_at_once_in_each_step():
    start = timezone.now()
    at = [start + timedelta(minutes=minute) for minute in range(7)]
    half = timedelta(seconds=30)
    lives = [
        (at[0], at[6]),
        (at[1] + half, at[2] + half),
        (at[4], at[4] + half),
        (at[4] + half, at[5]),
    ]
    assert replica_history.most_at_once(lives, at) == [1, 2, 2, 1, 2, 1], (
        "a replica that took over from another is not two at once"
    )
    assert replica_history.most_at_once([], at) == [0] * 6


def over_time(deployment, slug):
    chart = replica_history.charts([deployment], replica_history.span(slug))[deployment.pk]
    return chart.series[0].values


def test_a_replica_that_runs_is_shown_however_many_ended_since(deployment):
    since = timezone.now()
    Replica.objects.bulk_create(
        Replica(
            deployment=deployment,
            replica_id=f"old{n}",
            state="gone",
            started_at=since,
            ended_at=since,
        )
        for n in range(30)
    )
    span = replica_history.span(None)
    [card] = deployments.cards([deployment.version_id], gateway_metrics.Report(), span)
    shown = card.deployment
    assert {replica.replica_id for replica in shown.live_replicas} == {"a", "b"}
    assert len(shown.past_replicas) == deployments.PAST_SHOWN


def test_the_page_draws_the_hour_and_the_day(client, deployment, django_assert_num_queries):
    hours_ago = timezone.now() - timedelta(hours=5, minutes=10)
    Replica.objects.create(
        deployment=deployment,
        replica_id="c",
        state="gone",
        started_at=hours_ago,
        ended_at=hours_ago + timedelta(minutes=5),
    )
    with django_assert_num_queries(1):
        hour = over_time(deployment, "1h")
    day = over_time(deployment, "24h")
    assert (hour[-1], max(hour), len(hour)) == (2, 2, 60)
    assert (day[-1], sum(value == 1 for value in day), len(day)) == (2, 1, 96)
    client.force_login(factories.maya())
    address = reverse("hosting:deployment", args=[deployment.version.model.slug])
    assert "Version 1.0.0, last hour: running at once" in client.get(address).content.decode()
    assert (
        "Version 1.0.0, last 24 hours: running at once"
        in client.get(address, {"span": "24h"}).content.decode()
    )
