"""Everything is killed with SIGKILL, again and again, under load; then the client's own log is joined with the books.

    python3 manage.py test -m soak tests/soak -q        SOAK_SECONDS (90), SOAK_RPS (200), SOAK_SEED (1)

The client sees only the gateway and writes down what it was answered. Four gateway workers, two Celery workers and two beats;
Redis is flushed too, and what lives long enough is watched for growth. Two subscriptions: one with room, one whose monthly
quota is about half of what is asked of it. Nothing in the stack is a stub: one small model in two replicas of the engine.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.metering import usage_journal
from consumption.models import QuotaPeriod, StaleHour, UsageEvent
from hosting import actions as hosting
from hosting.models import HealthSample
from marketplace.launcher import process_definitions
from marketplace.launcher.rundir import ROOT
from tests import factories
from tests.consumption.billing_state import quota_drift
from tests.consumption.counting import count_all
from tests.gateway import REQUEST, infer_path, raw_request, subscriber
from tests.hosting.live import approve, is_published, pids
from tests.soak.growth import Growth
from tests.soak.joining import Recorded, join
from tests.soak.killing import Killer
from tests.stack import Stack, in_its_place

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("soak")]
SECONDS = float(os.environ.get("SOAK_SECONDS", "90"))
RATE = float(os.environ.get("SOAK_RPS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SHARES = {"wide": 9, "tight": 1}
TIGHT_QUOTA = max(20, int(SECONDS * RATE / 10 / 2))
EVERY_S = min(3.0, SECONDS / 10)
WORKERS = 4
USABLE_WITHIN_S = 60
SLUG = "soak-check"
# What an outage may look like to a caller. 401 and 403 never: nobody's key became wrong.
ALLOWED = {"wide": {200, 502, 503, 504}, "tight": {200, 429, 502, 503, 504}}


@pytest.fixture(scope="module")
def soaked(tmp_path_factory, django_db_blocker):
    with Stack(
        tmp_path_factory.mktemp("soak"), django_db_blocker, own_stores=True, workers=WORKERS
    ) as stack:
        start_twins(stack)
        yield stack


def start_twins(stack):
    """A second Celery worker and a second beat, as in a hall where somebody started too many."""
    worker, beat = process_definitions.worker(), process_definitions.beat(stack.run)
    stack.supervisor.start(
        replace(worker, name="worker-2", argv=[*worker.argv, "--hostname", "second@%h"])
    )
    stack.supervisor.start(
        replace(beat, name="beat-2", argv=[*beat.argv[:-1], f"{beat.argv[-1]}-2"])
    )
    stack.supervisor.until_ready()


@pytest.fixture
def orm(soaked, settings):
    """The stack's database, Redis, artifact folder and secrets for the models in this process."""
    with in_its_place(soaked, settings):
        yield soaked.orm


@pytest.fixture
def served(soaked, orm, tmp_path):
    """(the published version, {label: (subscription id, key)}): two replicas answer."""
    with orm():
        version = published_on_two_replicas(soaked, tmp_path)
        terms = {"wide": 10_000_000, "tight": TIGHT_QUOTA}
        sold = {
            label: subscriber(version, label, monthly_quota=quota) for label, quota in terms.items()
        }
        return version, {
            label: (subscription.pk, key) for label, (subscription, key) in sold.items()
        }


def published_on_two_replicas(stack, folder):
    if found := ModelVersion.objects.filter(model__slug=SLUG).first():
        return found
    version = approve(folder, factories.model(name="Soak check"))
    stack.wait_until(lambda: is_published(version), 180)
    hosting.scale(
        version.created_by, version.deployment, minimum=2, maximum=2, target_ongoing_requests=8
    )
    stack.wait_until(lambda: len(pids(version)) == 2, 120)
    return version


class Load:
    """The client process, its log, and what it says at its end."""

    def __init__(self, stack, version, sold, folder, seconds, rate):
        self.log = folder / "client.log"
        plan = folder / "requests.json"
        path = infer_path(version)
        plan.write_text(
            json.dumps(
                {
                    "requests": {
                        label: raw_request(path, key).decode() for label, (_, key) in sold.items()
                    },
                    "shares": SHARES,
                }
            )
        )
        words = [
            sys.executable,
            "-m",
            "tests.soak.client",
            stack.ports["gateway"],
            seconds,
            rate,
            plan,
            self.log,
        ]
        self.process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def result(self, stack):
        """Supervises on, for the client waits for a gateway that is away."""
        stack.wait_until(lambda: self.process.poll() is not None, 120)
        return json.loads(self.process.stdout.read())

    def answers(self):
        """[(label, status, request id)] in the order in which they came."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [(label, int(status), request_id) for label, status, request_id in lines]


@pytest.mark.fault("F3", "F5", "F7", "F8", "F9", "F14", "F26")
def test_nothing_is_lost_doubled_or_foreign_when_everything_dies(
    soaked, orm, served, injected_faults, tmp_path
):
    version, sold = served
    load = Load(soaked, version, sold, tmp_path, SECONDS, RATE)
    growth = Growth()
    killer = Killer(soaked, version.model.slug, SEED, growth)
    killer.run(SECONDS - EVERY_S, EVERY_S)
    injected_faults.add(sum(killer.injected.values()))
    said = load.result(soaked)
    began = time.monotonic()
    with orm():
        recover(soaked, version, killer)
        settle(soaked, load.answers())
        counts = join(
            load.answers(), events(), labels(sold), (version.model_id, version.pk), ALLOWED
        )
        afterwards = use_up(soaked, version, *sold["tight"])
        settle(soaked, load.answers())
        counts |= {
            "books": [line.differences for line in count_all().wrong],
            "drift": quota_drift(),
            "quota": quotas(sold),
        }
    report = {
        "seconds": SECONDS,
        "rate": RATE,
        "seed": SEED,
        "client": said,
        "kills": killer.injected,
        "killed": sum(killer.injected.values()),
        "settled_s": round(time.monotonic() - began, 1),
        "restarts": restarts(soaked),
        **counts,
        "growth": growth.report(),
        "history": killer.history,
    }
    report["afterwards"] = Counter(afterwards)
    (tmp_path / "everything-dies.json").write_text(json.dumps(report, indent=1))
    verdict = json.dumps({name: value for name, value in report.items() if name != "history"})
    print(f"\n{verdict}\n{tmp_path / 'everything-dies.json'}")
    assert all(killer.injected.values()), f"a kind was never killed: {verdict}"
    assert (
        report["lost"] == report["duplicate"] == report["foreign"] == report["misrecorded"] == 0
    ), verdict
    assert report["unseen"] <= said["lost"] + said["hung"] and said["hung"] == 0, verdict
    assert report["not_allowed"] == {}, verdict
    assert report["books"] == report["drift"] == [], verdict
    assert all(used == charged <= limit for used, charged, _, limit in report["quota"].values()), (
        verdict
    )
    assert all(leased == used for used, _, leased, _ in report["quota"].values()), verdict
    assert report["quota"]["tight"][0] == TIGHT_QUOTA, (
        f"what the dead held did not come back: {verdict}"
    )
    assert afterwards[-1] == 429 and set(afterwards) <= {200, 429}, verdict
    assert report["acknowledged"] >= 0.3 * SECONDS * RATE, verdict


@pytest.mark.fault("F10")
def test_no_call_fails_while_the_gateway_is_renewed(soaked, orm, served, tmp_path):
    """SIGTERM to one worker after the other, then SIGHUP to the parent, which replaces all: nobody outside notices."""
    version, sold = served
    killer = Killer(soaked, SLUG, SEED)
    before = gateway_children(killer)
    load = Load(soaked, version, sold, tmp_path, 45, RATE / 2)
    idle(soaked, 2)
    for name in killer.gateway_workers():
        os.kill(before[name], signal.SIGTERM)
        soaked.wait_until(
            lambda name=name: gateway_children(killer)[name] not in (None, before[name]), 40
        )
        idle(soaked, 3)
    os.kill(soaked.pid("gateway"), signal.SIGHUP)
    soaked.wait_until(
        lambda: not set(gateway_children(killer).values()) & {*before.values(), None}, 60
    )
    said = load.result(soaked)
    statuses = {
        label: Counter(status for name, status, _ in load.answers() if name == label)
        for label in SHARES
    }
    verdict = f"{said} {statuses}"
    assert said["lost"] == said["hung"] == 0, verdict
    assert set(statuses["wide"]) == {200} and set(statuses["tight"]) <= {200, 429}, verdict
    with orm():
        settle(soaked, load.answers())


def gateway_children(killer):
    return {name: killer.gateway_child(name) for name in [*killer.gateway_workers(), "shipping"]}


def idle(stack, seconds):
    """Let things run under the supervisor's eye."""
    by = time.monotonic() + seconds
    stack.wait_until(lambda: time.monotonic() > by, seconds + 10)


def recover(stack, version, killer):
    """Wait until everything runs again, and until a probe proves that beat, Redis, worker, engine and Postgres work together."""
    began = timezone.now()
    stack.wait_until(
        lambda: all(one.state == "ready" for one in stack.supervisor.programs.values()), 120
    )
    stack.wait_until(
        lambda: len(living := set(killer.replicas())) == 2 and living == pids(version), 120
    )
    stack.wait_until(
        lambda: HealthSample.objects.filter(version=version, at__gt=began).exists(), 60
    )


def settle(stack, answers):
    """Wait until every journal of a dead process is shipped, every lease is back, and all hours are rolled up."""
    acknowledged = {request_id for _, status, request_id in answers if status == 200}
    stack.wait_until(lambda: acknowledged <= stored(acknowledged), 60)
    stack.wait_until(
        lambda: len(list(usage_journal.segments(stack.run.path / "journal"))) == WORKERS, 60
    )
    stack.wait_until(lambda: not StaleHour.objects.exists(), 60)
    stack.wait_until(leases_are_back, 60)


def use_up(stack, version, subscription_id, key):
    """Calls until the monthly quota is spent, one after the other; the statuses. Nothing is killed any more.

    A worker says 429 while another one still holds a lease; that comes back within seconds.
    """
    statuses, by = [], time.monotonic() + USABLE_WITHIN_S
    while (
        QuotaPeriod.objects.get(subscription_id=subscription_id).used < TIGHT_QUOTA
        and time.monotonic() < by
    ):
        statuses.append(ask(stack, version, key))
        stack.tick()
        time.sleep(0.5 if statuses[-1] == 429 else 0)
    return [*statuses, ask(stack, version, key)]


def ask(stack, version, key):
    connection = http.client.HTTPConnection("127.0.0.1", stack.ports["gateway"], timeout=60)
    connection.request("POST", infer_path(version), REQUEST, {"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def stored(ids):
    return {
        event_id.hex
        for event_id in UsageEvent.objects.filter(event_id__in=ids).values_list(
            "event_id", flat=True
        )
    }


def leases_are_back():
    return all(period.leased == period.used for period in QuotaPeriod.objects.all())


def events():
    fields = (
        "event_id",
        "subscription_id",
        "outcome",
        "http_status",
        "units",
        "model_id",
        "version_id",
    )
    return [
        Recorded(one.hex, *rest, target=(model, version))
        for one, *rest, model, version in UsageEvent.objects.values_list(*fields)
    ]


def labels(sold):
    return {subscription_id: label for label, (subscription_id, _) in sold.items()}


def quotas(sold):
    """By label: used, units of its events, leased, the limit."""
    found = {}
    for label, (subscription_id, _) in sold.items():
        period = QuotaPeriod.objects.get(subscription_id=subscription_id)
        charged = sum(
            UsageEvent.objects.filter(subscription_id=subscription_id).values_list(
                "units", flat=True
            )
        )
        found[label] = (period.used, charged, period.leased, period.quota)
    return found


def restarts(stack):
    return {
        name: running.restarts
        for name, running in stack.supervisor.programs.items()
        if running.restarts
    }
