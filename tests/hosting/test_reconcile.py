"""The reconciler against an engine that says what we tell it, and versions that went through the real verbs."""

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from hosting import actions, health
from hosting.drivers.base import AppState, SeenApp, SeenReplica, driver
from hosting.models import Deployment, Replica, Upstream
from hosting.reconcile import LOCK, reconcile, reconcile_when_due
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories, tried_once
from tests.hosting.engines import FakeEngine
from tests.snapshots import replayed

pytestmark = pytest.mark.django_db
State = Deployment.State


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


@pytest.fixture(autouse=True)
def data_path(monkeypatch):
    """Whether the data path answers: the data_path outside. `data_path.ok = False` makes it fail."""

    class DataPath:
        ok = True

    monkeypatch.setattr(health, "is_answering", lambda url, version: DataPath.ok)
    return DataPath


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


@pytest.fixture
def version():
    return hosted()


@replayed
def hosted(entry=None, number="1.0.0"):
    """An approved ONNX version. Its bytes are only there when it is made, not when its rows are put back."""
    Path(settings.QUARANTINE_ROOT).mkdir(exist_ok=True)
    draft = factories.draft_version(entry, number)
    factories.upload_tiny(draft, Path(settings.QUARANTINE_ROOT))
    draft.refresh_from_db()
    factories.publishing.submit(draft.created_by, draft)
    factories.checked(draft)
    factories.decide_all(draft)
    draft.refresh_from_db()
    assert draft.state == "approved"
    return draft


def settle(engine, version, pids=(11,)):
    """Pending → starting → ready."""
    reconcile(engine)
    deployment = Deployment.objects.get(version=version)
    engine.run(deployment.app_name, pids)
    reconcile(engine)
    deployment.refresh_from_db()
    return deployment


def test_an_approved_version_is_brought_up(engine, version):
    assert reconcile(engine) is True
    deployment = Deployment.objects.get(version=version)
    assert deployment.state == State.STARTING
    assert (
        engine.specs[deployment.app_name].route == f"/v2/models/{version.model.slug}/versions/1.0.0"
    )

    engine.run(deployment.app_name, [11])
    assert reconcile(engine) is False
    deployment.refresh_from_db()
    assert deployment.state == State.READY
    assert deployment.ready_at is not None
    assert version.upstream.is_ready
    assert list(deployment.replicas.values_list("pid", "state")) == [(11, "running")]


def test_ready_is_believed_only_when_the_data_path_answers(engine, version, data_path):
    data_path.ok = False
    deployment = settle(engine, version)
    assert deployment.state == State.STARTING
    assert not Upstream.objects.filter(version=version, is_ready=True).exists()


def test_twice_at_once_does_no_harm(engine, version):
    with psycopg.connect(**_connection_facts()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        assert reconcile(engine) is False
        assert engine.applied == 0
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    reconcile(engine)
    assert engine.applied == 1


def _connection_facts():
    facts = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return {name: facts[key] for name, key in names.items() if facts[key]} | {
        "dbname": facts["NAME"]
    }


def test_a_second_pass_tells_the_engine_nothing(engine, version):
    settle(engine, version)
    reconcile(engine)
    assert engine.applied == 1


def test_a_killed_replica_is_a_restart_row(engine, version):
    deployment = settle(engine, version)
    engine.run(deployment.app_name, [], target=1)
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.RESTARTING
    assert not Upstream.objects.get(version=version).is_ready
    engine.run(deployment.app_name, [12])
    reconcile(engine)
    deployment.refresh_from_db()
    assert (deployment.state, deployment.restarts) == (State.READY, 1)
    assert dict(deployment.replicas.values_list("pid", "state")) == {11: "crashed", 12: "running"}


def test_scaling_down_is_no_restart(engine, version):
    deployment = settle(engine, version, pids=(11, 12))
    engine.run(deployment.app_name, [11])
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.restarts == 0
    assert Replica.objects.get(pid=12).state == Replica.State.GONE


def test_one_of_two_is_degraded(engine, version):
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=2, maximum=3, target_ongoing_requests=4)
    engine.run(deployment.app_name, [11], target=2)
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.DEGRADED
    assert Upstream.objects.get(version=version).is_ready


def test_too_many_restarts_fail_with_a_notice(engine, version):
    deployment = settle(engine, version)
    for pid in range(20, 27):
        engine.run(deployment.app_name, [pid])
        reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.FAILED
    assert "5 times" in deployment.reason
    assert Notice.objects.filter(recipient=factories.alice(), kind="deployment.failed").count() == 1
    reconcile(engine)
    assert deployment.app_name not in engine.specs


def lose_one_of_two(engine, deployment, times):
    """Every other process dies, the one beside it lives: each crash is seen by a pass of its own."""
    for pid in range(20, 20 + times):
        engine.run(deployment.app_name, [pid, pid + 1])
        reconcile(engine)
    deployment.refresh_from_db()


def test_a_version_goes_on_serving_while_another_replica_answers(engine, version):
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=2, maximum=2, target_ongoing_requests=4)
    lose_one_of_two(engine, deployment, times=21)
    assert (deployment.state, deployment.restarts) == (State.READY, 20)
    assert deployment.app_name in engine.specs
    told = Notice.objects.get(recipient=factories.alice(), kind="deployment.crashing")
    assert "goes on serving" in told.body
    assert not Notice.objects.filter(kind="deployment.failed").exists()


def test_a_replica_first_seen_before_it_has_a_machine_can_crash(engine, version):
    reconcile(engine)
    name = Deployment.objects.get(version=version).app_name
    engine.apps[name] = SeenApp(
        name, AppState.STARTING, target=1, replicas=(SeenReplica("r11", "starting"),)
    )
    reconcile(engine)
    engine.run(name, [11])
    reconcile(engine)
    engine.run(name, [12])
    reconcile(engine)
    assert dict(Replica.objects.values_list("pid", "state")) == {11: "crashed", 12: "running"}


def test_a_dead_replica_that_is_still_listed_beside_its_successor_crashed(engine, version):
    """For some moments an engine tells three of two: the one that ends, the one that lives, the one that is to come."""
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=2, maximum=2, target_ongoing_requests=4)
    engine.run(deployment.app_name, [11, 12])
    reconcile(engine)
    dying, living, coming = (
        SeenReplica(f"r{pid}", state, node="n", pid=pid)
        for pid, state in ((11, "stopping"), (12, "running"), (13, "starting"))
    )
    engine.apps[deployment.app_name] = SeenApp(
        deployment.app_name, AppState.RUNNING, target=2, replicas=(dying, living, coming)
    )
    reconcile(engine)
    engine.run(deployment.app_name, [12, 13])
    reconcile(engine)
    deployment.refresh_from_db()
    assert dict(deployment.replicas.values_list("pid", "state")) == {
        11: "crashed",
        12: "running",
        13: "running",
    }
    assert deployment.restarts == 1


def test_two_replicas_that_die_together_again_and_again_fail(engine, version):
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=2, maximum=2, target_ongoing_requests=4)
    for pid in range(20, 28, 2):
        engine.run(deployment.app_name, [pid, pid + 1])
        reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.FAILED


def test_replicas_that_go_with_the_engine_did_not_crash(engine, version):
    deployment = settle(engine, version)
    for life in range(7):
        engine.lose_everything(f"machine {life}")
        reconcile(engine)
        engine.run(deployment.app_name, [30 + life])
        reconcile(engine)
    deployment.refresh_from_db()
    assert (deployment.state, deployment.restarts) == (State.READY, 0)
    assert set(deployment.replicas.values_list("state", flat=True)) == {"gone", "running"}


def test_a_declared_answer_time_is_the_replicas_limit(engine, version):
    version.sla = {**version.sla, "timeout_s": 90}
    version.save()
    reconcile(engine)
    assert engine.specs[version.deployment.app_name].timeout_s == 90


def test_a_version_that_cannot_start_says_why(engine, version):
    reconcile(engine)
    deployment = Deployment.objects.get(version=version)
    trace = "Traceback …\nhosting.model_server.loader.CannotLoad: The graph has the inputs ['x']."
    engine.say(deployment.app_name, AppState.FAILED, trace)
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.FAILED
    assert deployment.reason == "The graph has the inputs ['x']."
    told = Notice.objects.get(recipient=factories.alice(), kind="deployment.failed")
    assert told.body == "The graph has the inputs ['x'].\nERROR the graph has no output"
    assert AuditEvent.objects.filter(action="deployment.failed").exists()


def test_a_start_that_takes_too_long_fails(engine, version):
    reconcile(engine)
    Deployment.objects.update(started_at=timezone.now() - timedelta(minutes=10))
    reconcile(engine)
    deployment = Deployment.objects.get(version=version)
    assert deployment.state == State.FAILED
    assert "within 5 minutes" in deployment.reason


def test_an_engine_that_was_away_is_not_held_against_what_it_starts(engine, version):
    """Seen on a demo: stopped for an hour while a version was starting, the first look afterwards declared it failed."""
    reconcile(engine)
    Deployment.objects.update(started_at=timezone.now() - timedelta(hours=1))
    engine.is_away = True
    reconcile(engine)
    engine.is_away = False
    reconcile(engine)
    assert Deployment.objects.get(version=version).state == State.STARTING


def test_others_that_come_up_are_progress(engine, version):
    reconcile(engine)
    long_ago = timezone.now() - timedelta(minutes=10)
    Deployment.objects.update(started_at=long_ago)
    other = Deployment(
        version=factories.approved_version(factories.model(name="Another")),
        app_name="other",
        state=State.READY,
        ready_at=timezone.now(),
    )
    other.save()
    reconcile(engine)
    assert Deployment.objects.get(version=version).state == State.STARTING


def test_scaled_to_zero_sleeps_and_wakes(engine, version):
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=0, maximum=2, target_ongoing_requests=4)
    reconcile(engine)
    engine.run(deployment.app_name, [], target=0)
    reconcile(engine)
    deployment.refresh_from_db()
    assert (deployment.state, deployment.restarts) == (State.SCALED_TO_ZERO, 0)
    assert Upstream.objects.get(version=version).is_ready
    engine.run(deployment.app_name, [30])
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.READY


def test_a_replica_on_its_way_out_is_no_restart(engine, version):
    """Seen on a demo: for the seconds in which the last replica ended the page said Restarting, and the route stayed not ready."""
    deployment = settle(engine, version)
    actions.scale(factories.alice(), deployment, minimum=0, maximum=2, target_ongoing_requests=4)
    reconcile(engine)
    leaving = SeenReplica("r11", "stopping", node=engine.machine)
    engine.apps[deployment.app_name] = SeenApp(
        deployment.app_name, AppState.RUNNING, target=0, replicas=(leaving,)
    )
    reconcile(engine)
    deployment.refresh_from_db()
    assert (deployment.state, Upstream.objects.get(version=version).is_ready) == (
        State.SCALED_TO_ZERO,
        True,
    )


def test_a_suspension_is_told_once_to_publishers_and_consumers(engine, version):
    settle(engine, version)
    factories.publishing.publish_what_is_ready()
    factories.subscription(version)
    factories.mortgage().memberships.update(role="lead")
    version.suspended_at, version.suspension_reason = (
        timezone.now(),
        "It prices leased cars wrongly.",
    )
    version.save()
    for _ in range(3):
        reconcile(engine)
    told = Notice.objects.filter(kind="version.suspended")
    assert (
        set(told.values_list("recipient__username", flat=True)) == {"alice", "maya"}
        and told.count() == 2
    )
    assert told[0].body == "It prices leased cars wrongly."


def test_suspension_stops_and_resumption_starts(engine, version):
    deployment = settle(engine, version)
    version.suspended_at = timezone.now()
    version.save()
    reconcile(engine)
    assert deployment.app_name not in engine.specs
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.STOPPED
    assert not Upstream.objects.get(version=version).is_ready
    version.suspended_at = None
    version.save()
    assert settle(engine, version, pids=(40,)).state == State.READY


def test_an_engine_that_lost_everything_is_told_everything_again(engine, version):
    deployment = settle(engine, version)
    engine.lose_everything()
    reconcile(engine)
    assert deployment.app_name in engine.specs
    deployment.refresh_from_db()
    assert deployment.state == State.RESTARTING
    engine.run(deployment.app_name, [50])
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.READY


def test_an_engine_that_is_away_changes_nothing(engine, version):
    deployment = settle(engine, version)
    engine.is_away = True
    assert reconcile(engine) is True
    deployment.refresh_from_db()
    assert deployment.state == State.READY


def test_stop_needs_a_reason_and_the_right_person(engine, version):
    deployment = settle(engine, version)
    with pytest.raises(NotAllowed):
        actions.stop(factories.charlie(), deployment, "why not")
    with pytest.raises(Invalid):
        actions.stop(factories.alice(), deployment, " ")
    actions.stop(factories.otto(), deployment, "it answers nonsense")
    assert not Upstream.objects.get(version=version).is_ready
    reconcile(engine)
    reconcile(engine)
    deployment.refresh_from_db()
    assert deployment.state == State.STOPPED
    assert AuditEvent.objects.filter(action="deployment.stop", actor=factories.otto()).count() == 1


def test_start_runs_it_again(engine, version):
    deployment = settle(engine, version)
    actions.stop(factories.alice(), deployment, "maintenance")
    reconcile(engine)
    deployment.refresh_from_db()
    with pytest.raises(NotAllowed):
        actions.start(factories.charlie(), deployment)
    actions.start(factories.bob(), deployment)
    assert settle(engine, version, pids=(60,)).state == State.READY
    with pytest.raises(RuleError):
        actions.start(factories.bob(), Deployment.objects.get(version=version))


def test_scale_refuses_what_cannot_be(engine, version):
    deployment = settle(engine, version)
    with pytest.raises(Invalid):
        actions.scale(
            factories.alice(), deployment, minimum=3, maximum=2, target_ongoing_requests=4
        )
    with pytest.raises(Invalid):
        actions.scale(
            factories.alice(), deployment, minimum=0, maximum=1, target_ongoing_requests=0
        )
    with pytest.raises(NotAllowed):
        actions.scale(factories.maya(), deployment, minimum=1, maximum=1, target_ongoing_requests=1)


def test_roll_back_goes_to_the_version_before(engine, version):
    settle(engine, version)
    publisher = factories.User.objects.system("publisher")
    factories.publishing.publish(publisher, version)
    newer = hosted(version.model, "1.1.0")
    deployment = settle(engine, newer, pids=(70,))
    factories.publishing.publish(publisher, newer)
    assert actions.roll_back(factories.alice(), deployment, "It drifts.") == version
    deployment.refresh_from_db()
    assert deployment.state == State.STOPPING
    with pytest.raises(RuleError):
        actions.roll_back(factories.alice(), version.deployment, "nothing before it")


def test_an_external_version_gets_an_upstream(engine):
    version = factories.approved_version()
    reconcile(engine)
    assert (version.upstream.kind, version.upstream.is_ready) == ("external", False)
    assert engine.specs == {}


def test_the_timer_looks_for_versions_only_when_one_has_changed(engine):
    """At 10 000 listings each pass read 230 000 rows every six seconds, when nothing had changed."""
    version = factories.published_version()
    reconcile_when_due(engine)
    # Not noted as a change, so that only a look finds it.
    Upstream.objects.filter(version=version).update(probe_due_at=None)
    pass_again(engine)
    assert Upstream.objects.get(version=version).probe_due_at is None
    Upstream.objects.filter(version=version).update(base_url="https://new.example.com/income")
    pass_again(engine)
    assert Upstream.objects.get(version=version).probe_due_at


def test_the_timer_brings_an_approved_version_up_though_nothing_was_noted(engine, version):
    reconcile_when_due(engine)
    assert Deployment.objects.get().state == "starting"


def pass_again(engine):
    cache.delete("hosting:settled")
    reconcile_when_due(engine)


def test_settings_name_a_driver_that_loads():
    assert settings.SERVING_DRIVER.endswith("RayDriver")
    assert type(driver()).__name__ == "RayDriver"
