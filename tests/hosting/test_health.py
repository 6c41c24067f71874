"""Probes, the incidents that they open and close, and what was measured against what was promised."""

import http.client
import json
import uuid
from datetime import UTC, timedelta
from decimal import Decimal
from unittest.mock import Mock

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from catalog.models import ModelVersion
from consumption.models import UsageEvent, UsageHour
from hosting import actions, credentials, health, service_levels, tasks
from hosting.drivers import ray_metrics
from hosting.models import Deployment, HealthSample, Incident, Upstream
from marketplace.audit.models import AuditEvent
from marketplace.core import egress, machine_load
from marketplace.core.errors import NotAllowed
from marketplace.notices.models import Notice
from tests import endpoints, factories
from tests.hosting.engines import FakeEngine

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream():
    return Upstream.objects.get(version=factories.published_version())


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """Whatever else runs beside the tests. `quiet_machine.is_saturated = True` is a busy one."""

    class Machine:
        is_saturated = False

    monkeypatch.setattr(machine_load, "is_saturated", lambda: Machine.is_saturated)
    return Machine


@pytest.fixture
def endpoint(monkeypatch):
    """The endpoint's answers: `endpoint.status` for ready and infer; None is a refused connection."""

    class FakeEndpoint:
        status = 200

    def exchange(_url, _method, path, body, _connect, authorization):
        if FakeEndpoint.status is None:
            raise ConnectionRefusedError("nobody there")
        return FakeEndpoint.status, endpoints.answer(
            json.loads(body)
        ) if path == "/infer" else b"{}"

    monkeypatch.setattr(health, "_exchange", exchange)
    return FakeEndpoint


def fail_three_times(upstream, endpoint):
    endpoint.status = None
    for _ in range(3):
        health.probe(upstream)


def test_a_probe_leaves_a_sample(upstream, endpoint):
    assert health.probe(upstream)
    sample = HealthSample.objects.get(version=upstream.version)
    assert sample.is_ok
    assert sample.latency_ms is not None


def test_why_it_does_not_answer_is_said_without_python(upstream, monkeypatch):
    said = {
        ConnectionRefusedError(111, "Connection refused"): "Nothing listens at its address.",
        TimeoutError("timed out"): "It said nothing for 5 seconds.",
        http.client.RemoteDisconnected("x"): "It broke the connection off.",
        http.client.BadStatusLine("x"): "It did not answer in HTTP.",
        OSError(113, "No route to host"): "It cannot be reached: No route to host.",
        egress.EgressDenied(
            "The host models.example is not found."
        ): "The host models.example is not found.",
    }
    for wrong, words in said.items():
        monkeypatch.setattr(health, "_exchange", Mock(side_effect=wrong))
        health.probe(upstream)
        assert upstream.version.health_samples.first().detail == words


def test_three_failures_open_one_incident_and_tell(upstream, endpoint):
    factories.subscription(upstream.version)
    factories.mortgage().memberships.update(role="lead")
    endpoint.status = None
    health.probe(upstream)
    health.probe(upstream)
    assert not Incident.objects.exists()
    for _ in range(3):
        health.probe(upstream)
    incident = Incident.objects.get(version=upstream.version)
    assert "does not answer" in incident.summary
    told = set(
        Notice.objects.filter(kind="incident.opened").values_list("recipient__username", flat=True)
    )
    assert told == {"alice", "maya"}
    upstream.refresh_from_db()
    assert not upstream.is_ready
    assert AuditEvent.objects.filter(action="incident.opened").count() == 1


def test_recovery_closes_it(upstream, endpoint):
    fail_three_times(upstream, endpoint)
    upstream.refresh_from_db()
    endpoint.status = 200
    health.probe(upstream)
    incident = Incident.objects.get(version=upstream.version)
    assert incident.closed_at is not None
    upstream.refresh_from_db()
    assert upstream.is_ready
    assert Notice.objects.filter(kind="incident.closed", recipient=factories.alice()).count() == 1


def test_after_a_restart_of_everything_a_version_has_time_to_come_up(upstream, endpoint):
    health.probe(upstream)
    HealthSample.objects.update(at=timezone.now() - timedelta(hours=2))
    fail_three_times(upstream, endpoint)
    upstream.refresh_from_db()
    assert upstream.is_ready and not Incident.objects.exists()
    HealthSample.objects.filter(is_ok=False).update(at=timezone.now() - health.UP_WITHIN)
    health.probe(upstream)
    assert Incident.objects.filter(version=upstream.version).count() == 1


def test_a_blip_costs_no_readiness(upstream, endpoint):
    health.probe(upstream)
    endpoint.status = 503
    health.probe(upstream)
    upstream.refresh_from_db()
    assert upstream.is_ready
    assert not Incident.objects.exists()


def test_probes_have_their_turn(upstream, endpoint):
    assert health.probe_due() == 1
    assert health.probe_due() == 0
    Upstream.objects.update(probe_due_at=timezone.now())
    assert health.probe_due() == 1


def test_on_a_saturated_machine_silence_counts_after_half_a_minute_and_other_faults_at_once(
    upstream, monkeypatch, quiet_machine
):
    """Issue 8, line 6: who gets no processor is late, not sick. Who breaks the connection off is."""
    waited = []

    def silent(_url, _method, _path, _body, connect, authorization):
        waited.append(connect.keywords["timeout"])
        raise TimeoutError

    monkeypatch.setattr(health, "_exchange", silent)
    health.probe(upstream)
    quiet_machine.is_saturated = True
    health.probe(upstream)
    assert waited == [5, 30]
    monkeypatch.setattr(health, "_exchange", Mock(side_effect=ConnectionResetError))
    health.probe(upstream)
    details = list(HealthSample.objects.order_by("at").values_list("detail", flat=True))
    assert details == [
        "It said nothing for 5 seconds.",
        "It said nothing for 30 seconds.",
        "It broke the connection off.",
    ]


def test_a_machine_that_becomes_busy_during_a_probe_is_asked_again_with_more_time(
    upstream, monkeypatch, quiet_machine
):
    def late(_url, _method, path, _body, connect, authorization):
        quiet_machine.is_saturated = True
        if connect.keywords["timeout"] == 5:
            raise TimeoutError
        return 200, b'{"outputs": []}' if path == "/infer" else b"{}"

    monkeypatch.setattr(health, "_exchange", late)
    assert health.probe(upstream)
    assert list(HealthSample.objects.values_list("is_ok", flat=True)) == [True]


def hosted_here(upstream, state="ready", **facts):
    """The version as one that our engine serves."""
    Upstream.objects.filter(pk=upstream.pk).update(
        kind="engine", base_url="http://127.0.0.1:1/v2/models/a/versions/1.0.0"
    )
    return Deployment.objects.create(
        version=upstream.version, app_name="income", state=state, **facts
    )


def test_what_sleeps_is_not_woken_and_costs_no_look(upstream, endpoint):
    """Issue 8, line 7. It is probed again when it is ready: the due time is gone until then."""
    hosted_here(upstream, "scaled_to_zero")
    assert health.probe_due(FakeEngine()) == 0
    assert Upstream.objects.get(pk=upstream.pk).probe_due_at is None
    assert not HealthSample.objects.exists()


def test_what_has_just_fallen_asleep_is_not_woken_either(upstream, endpoint):
    """The engine knows it some seconds before the reconciler has written it down."""
    deployment, engine = hosted_here(upstream), FakeEngine()
    engine.run(deployment.app_name, [], target=0)
    assert health.probe_due(engine) == 0
    engine.run(deployment.app_name, [7])
    assert health.probe_due(engine) == 1


@pytest.mark.parametrize(
    ("facts", "minutes"), [({}, 5), ({"min_replicas": 1}, 0.5), ({"awake_because": "plan"}, 0.5)]
)
def test_what_may_sleep_is_probed_rarely_so_that_it_falls_asleep(
    upstream, endpoint, facts, minutes
):
    hosted_here(upstream, **facts)
    assert health.probe_due(FakeEngine()) == 1
    due_in = Upstream.objects.get(pk=upstream.pk).probe_due_at - timezone.now()
    assert due_in.total_seconds() == pytest.approx(60 * minutes, abs=5)


def test_probes_read_what_is_due_and_not_what_exists(
    upstream, endpoint, django_assert_max_num_queries
):
    """Issue 8, line 8: nothing is due, one query; ten thousand retired ones are no longer looked at."""
    health.probe_due()
    with django_assert_max_num_queries(1):
        assert health.probe_due() == 0
    factories.published_version(factories.model(name="Retired"))
    ModelVersion.objects.filter(model__name="Retired").update(state="retired")
    assert health.probe_due() == 0
    assert Upstream.objects.get(version__model__name="Retired").probe_due_at is None


@pytest.mark.fault("F5")
@pytest.mark.django_db(transaction=True)
def test_tasks_do_not_notice_that_postgres_was_restarted(injected_faults):
    """Each connection that waits in the pool is cut on the server's side; the next task must not fail on one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    connection.close()  # back into the pool
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as server:
        injected_faults.add(server.execute("SELECT pg_terminate_backend(%s)", [pid]).fetchone()[0])
    tasks.probe()
    tasks.reconcile()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] != pid


def test_a_model_that_ran_out_of_memory_is_told_once_for_each_process(upstream):
    version = upstream.version
    deployment = Deployment.objects.create(version=version, app_name="thirsty", state="ready")
    engine = FakeEngine()
    engine.counted = ray_metrics.read(MEMORY)
    for _ in range(2):
        health.notify_out_of_memory(engine)
    told = Notice.objects.filter(kind="deployment.memory", recipient=factories.alice())
    assert told.get().body.startswith(
        "Out of memory: 3 of its calls needed more than a version that declares 512 MB gets"
    )
    assert str(deployment.pk) in told.get().key
    engine.counted = ray_metrics.read(MEMORY.replace("r1", "r2"))
    health.notify_out_of_memory(engine)
    assert told.count() == 2


MEMORY = """# HELP ray_model_out_of_memory_total Inferences refused because they need too much memory
# TYPE ray_model_out_of_memory_total counter
ray_model_out_of_memory_total{Component="core_worker",WorkerId="a",application="thirsty",deployment="model",replica="r1"} 3.0
ray_model_out_of_memory_total{Component="core_worker",WorkerId="b",application="sober",deployment="model",replica="r9"} 0.0
# HELP ray_raylet_heartbeats Something of Ray's own
# TYPE ray_raylet_heartbeats gauge
ray_raylet_heartbeats{Component="raylet"} 1.0
"""


def test_figures_of_replicas_keep_the_names_that_mean_something():
    families = {family.name: family for family in ray_metrics.read(MEMORY)}
    assert set(families) == {"model_out_of_memory"}
    assert families["model_out_of_memory"].samples[0].labels == {
        "application": "thirsty",
        "replica": "r1",
    }


def test_sums_that_ray_only_guesses_are_left_out():
    """One row in the bucket up to 1 is told as half a row."""
    text = """# HELP ray_model_batch_rows Rows in one request
# TYPE ray_model_batch_rows histogram
ray_model_batch_rows_bucket{application="a",le="1.0",replica="r"} 1.0
ray_model_batch_rows_bucket{application="a",le="+Inf",replica="r"} 1.0
ray_model_batch_rows_count{application="a",replica="r"} 1.0
ray_model_batch_rows_sum{application="a",replica="r"} 0.5
"""
    (family,) = ray_metrics.read(text)
    assert [sample.name for sample in family.samples] == [
        "model_batch_rows_bucket",
        "model_batch_rows_bucket",
        "model_batch_rows_count",
    ]

    class Told:
        def collect(self):
            return [family]

    registry = CollectorRegistry()
    registry.register(Told())
    assert b'model_batch_rows_bucket{application="a",le="1.0",replica="r"} 1.0' in generate_latest(
        registry
    )


def test_external_endpoints_are_asked_through_the_egress_policy(upstream, monkeypatch):
    upstream.base_url = "https://127.0.0.1/v2"
    upstream.save()
    assert not health.probe(upstream)
    assert "inside the network" in HealthSample.objects.get(version=upstream.version).detail
    assert egress.EgressDenied


def test_credentials_are_sealed_for_their_version(upstream):
    with pytest.raises(NotAllowed):
        actions.set_credential(factories.maya(), upstream.version, "secret-1")
    actions.set_credential(factories.alice(), upstream.version, "secret-1")
    upstream.refresh_from_db()
    assert b"secret-1" not in bytes(upstream.credential)
    assert credentials.open_sealed(upstream.credential, upstream.version_id) == "secret-1"
    with pytest.raises(credentials.Unreadable):
        credentials.open_sealed(upstream.credential, upstream.version_id + 1)
    assert "secret-1" not in str(list(AuditEvent.objects.values()))


def usage(version, ok, upstream_errors=0, client_errors=0, days_ago=0, subscription=None):
    subscription = subscription or factories.subscription(version)
    UsageHour.objects.create(
        hour=timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=days_ago),
        subscription=subscription,
        **factories.paid_by(subscription),
        version=version,
        calls=ok + upstream_errors + client_errors,
        ok=ok,
        client_errors=client_errors,
        upstream_errors=upstream_errors,
        aborted=0,
        unknown=0,
        units=ok,
        duration_us=0,
    )
    return subscription


def called(subscription, version, milliseconds, count, days_ago, outcome="ok", status=200):
    """Events of calls, each of which took so long."""
    at = timezone.now() - timedelta(days=days_ago)
    UsageEvent.objects.bulk_create(
        UsageEvent(
            event_id=uuid.uuid4(),
            at=at + timedelta(milliseconds=number),
            subscription_id=subscription.pk,
            key_id=1,
            application_id=1,
            team_id=1,
            model_id=version.model_id,
            version_id=version.pk,
            outcome=outcome,
            http_status=status,
            units=1,
            duration_us=milliseconds * 1000,
        )
        for number in range(count)
    )


def test_p95_is_of_the_calls_and_not_of_the_days(upstream):
    """A day of many quick calls and one of few slow ones: a tenth of all calls is slow, and so is p95. The mean of the two
    days' p95, weighted by their calls, would say 100 ms."""
    version = upstream.version
    subscription = usage(version, 1100)
    called(subscription, version, 10, 1000, days_ago=2)
    called(subscription, version, 1000, 100, days_ago=1)
    figures = service_levels.report(version)
    assert (figures.sampled, figures.p50_ms, figures.p95_ms, figures.p99_ms) == (
        1100,
        10,
        1000,
        1000,
    )
    service_levels.project()
    version.model.refresh_from_db()
    assert version.model.measured_p95_ms == 1000


def test_latencies_are_of_the_latest_calls_only(upstream, monkeypatch):
    monkeypatch.setattr(service_levels, "SAMPLE", 50)
    version = upstream.version
    subscription = usage(version, 100, days_ago=2)
    usage(version, 60, days_ago=1, subscription=subscription)
    called(subscription, version, 900, 100, days_ago=2)
    called(subscription, version, 10, 60, days_ago=1)
    called(subscription, version, 700, 60, days_ago=31)
    assert (service_levels.report(version).sampled, service_levels.report(version).p99_ms) == (
        50,
        10,
    )
    monkeypatch.setattr(service_levels, "SAMPLE", 150)
    assert (service_levels.report(version).sampled, service_levels.report(version).p99_ms) == (
        150,
        900,
    ), "the window is 30 days"


def test_its_thirty_days_are_those_of_usage(upstream):
    """Days of UTC, today among them. The model page showed 5,905 calls of a version beside 5,904 of its consumers."""
    version, hour = upstream.version, timezone.now().astimezone(UTC).hour
    subscription = usage(version, 300, days_ago=30 - (23 - hour) / 24)  # the last hour before
    usage(version, 200, days_ago=29 + hour / 24, subscription=subscription)  # the first hour
    assert service_levels.report(version).calls == 200
    service_levels.project()
    version.model.refresh_from_db()
    assert version.model.measured_availability == 100


def test_calls_that_came_too_late_count_against_the_version(upstream):
    """Booked as broken off, like those that their caller left (499); but a version that hangs is not available."""
    version = upstream.version
    subscription = usage(version, 990)
    called(subscription, version, 30_000, 10, days_ago=1, outcome="aborted", status=504)
    called(subscription, version, 500, 40, days_ago=1, outcome="aborted", status=499)
    figures = service_levels.report(version)
    assert (figures.failed, figures.availability) == (10, Decimal("99.000"))
    service_levels.project()
    version.model.refresh_from_db()
    assert version.model.measured_availability == Decimal("99.000")


def test_throughput_is_kept_by_an_hour_that_had_it_and_broken_by_nobody(upstream):
    version = upstream.version
    usage(version, 3000)
    version.sla = {"rps": 1}  # in memory: a factory reads rows again
    (line,) = service_levels.promises(version, service_levels.report(version))
    assert (line.name, line.promised, line.measured, line.verdict) == (
        "Calls a second",
        1,
        0.83,
        "never asked for so many",
    )
    version.sla = {"rps": "0.5"}
    assert service_levels.promises(version, service_levels.report(version))[0].verdict == "kept"


def test_little_traffic_is_said_to_be_little(upstream):
    version = upstream.version
    usage(version, 10)
    figures = service_levels.report(version)
    assert (figures.calls, figures.is_enough) == (10, False)
    assert {promise.verdict for promise in service_levels.promises(version, figures)} == {
        "not enough traffic"
    }
    service_levels.project()
    version.model.refresh_from_db()
    assert version.model.measured_availability is None


def test_availability_against_the_promise_and_the_budget(upstream):
    version = upstream.version
    usage(version, 980, upstream_errors=10, client_errors=10)
    figures = service_levels.report(version)
    assert figures.availability == Decimal("99.000")
    promise = service_levels.promises(version, figures)[0]
    assert (promise.name, promise.promised, promise.verdict) == (
        "Availability",
        Decimal("99.5"),
        "broken",
    )
    budget = service_levels.error_budget(version, figures)
    assert (budget.allowed, budget.spent, budget.left) == (5, 10, 0)
    service_levels.project()
    version.model.refresh_from_db()
    assert version.model.measured_availability == Decimal("99.000")
