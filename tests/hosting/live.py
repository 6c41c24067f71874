"""Versions on the real engine and calls through the real gateway: what tests of the whole stack share."""

import http.client
import json
import os
import threading
import time
from collections import Counter

from catalog.models import ModelVersion, RegisteredModel
from governance import actions as governance
from governance import gates
from hosting import actions
from hosting.drivers import ray_head
from hosting.models import Deployment
from marketplace.operations import summary
from tests import factories
from tests.gateway import infer_path, subscriber
from tests.hosting import packages

STEADY, LOOPING, HUNGRY = "Steady check", "Looping check", "Hungry check"
TIMEOUT_S = 10  # what callers of the looping version wait for, as declared


def approve(folder, entry, number="1.0.0", content=None, **sla):
    """An approved ONNX version, by default of the tiny model. Nobody touches hosting."""
    draft = factories.draft_version(entry, number)
    if sla:
        factories.publishing.promise_sla(draft.created_by, draft, **{**factories.SLA, **sla})
    package = folder / "model.onnx"
    package.write_bytes(content or factories.tiny_onnx())
    factories.publishing.upload(draft.created_by, draft, package, package.name)
    draft.refresh_from_db()
    factories.explain(draft)
    factories.publishing.submit(draft.created_by, draft)
    draft.refresh_from_db()
    if draft.state in ("submitted", "checking"):  # the gates would stop what misbehaves on purpose
        for gate in gates.RUN:
            governance.record_gate(draft, gate, "pass", "Not run, for the test.", tool="test")
        draft.gate_runs.open().delete()
        governance.check(draft)
    draft.refresh_from_db()
    factories.decide_all(draft)
    draft.refresh_from_db()
    return draft


def is_published(version):
    version.refresh_from_db()
    return version.state == "published"


def pids(version):
    """Of the replicas that the portal believes to run."""
    return set(
        version.deployment.replicas.filter(ended_at=None, state="running").values_list(
            "pid", flat=True
        )
    )


def deployment(version):
    return Deployment.objects.get(version=version)


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


class HostedVersions:
    """Three small published versions on the stack, `steady`, `looping` and `hungry`, made by the first test that needs them."""

    def __init__(self, stack, folder):
        self.stack = stack
        self.versions = {
            STEADY: self._version(folder, STEADY, packages.difference()),
            LOOPING: self._version(folder, LOOPING, packages.looping(), timeout_s=TIMEOUT_S),
            HUNGRY: self._version(folder, HUNGRY, packages.hungry()),
        }
        for version in self.versions.values():
            stack.wait_until(lambda version=version: is_published(version), 180)
            self.size(version, 1)
        self.steady, self.looping, self.hungry = self.versions.values()

    def _version(self, folder, name, content, **sla):
        entry = RegisteredModel.objects.filter(name=name).first() or factories.model(name=name)
        return ModelVersion.objects.filter(model=entry).first() or approve(
            folder, entry, content=content, **sla
        )

    def caller(self, version):
        return Caller(self.stack, version)

    def engine_pids(self, words):
        """Pids of the engine's processes whose command line holds `words`."""
        return [
            pid
            for pid in ray_head.processes(self.stack.run.path)
            if words in " ".join(ray_head.entries(pid, "cmdline"))
        ]

    def replica_pids(self, version):
        """Of the processes that serve a version now, whatever the portal knows of them."""
        return set(self.engine_pids(f"ray::ServeReplica:{version.deployment.app_name}:"))

    def pids(self, *versions):
        return {version.pk: self.replica_pids(version) for version in versions}

    def only_pid(self, version):
        """Of its one replica, when the portal has seen it too."""
        return self.stack.wait_until(lambda: self._only_pid(version), 60)

    def _only_pid(self, version):
        found = self.replica_pids(version)
        return next(iter(found)) if len(found) == 1 and found == pids(version) else None

    def until_ready(self, version, replicas=1, seconds=120):
        """Seconds until the portal says so."""
        began = time.monotonic()
        self.stack.wait_until(lambda: self._is_ready(version, replicas), seconds)
        return time.monotonic() - began

    def _is_ready(self, version, replicas):
        return deployment(version).state == "ready" and len(
            self.replica_pids(version)
        ) == replicas == len(pids(version))

    def size(self, version, replicas):
        """Exactly so many replicas: none is added for a queue of calls that a fault has made."""
        self.bound(version, replicas, replicas, 8)
        self.until_ready(version, replicas)

    def bound(self, version, minimum, maximum, at_once):
        """Between so many replicas, each with so many calls at once; nothing is said twice."""
        one = deployment(version)
        if (one.min_replicas, one.max_replicas, one.target_ongoing_requests) != (
            minimum,
            maximum,
            at_once,
        ):
            actions.scale(
                factories.otto(),  # an operator gives no notice to those who call
                one,
                minimum=minimum,
                maximum=maximum,
                target_ongoing_requests=at_once,
                reason="This test needs exactly this size.",
            )

    def seconds_until(self, condition, seconds=120):
        began = time.monotonic()
        self.stack.wait_until(condition, seconds)
        return time.monotonic() - began

    def alerts(self):
        """What the operations page says now."""
        summary.cache.clear()
        return " ".join(str(alert) for alert in summary.overview().alerts)


class Caller:
    """Calls one version through the gateway with a key of its own."""

    def __init__(self, stack, version, app="Loan origination"):
        self.port = stack.ports["gateway"]
        self.path = infer_path(version, version.number)
        self.number = version.number
        self.subscription, self.key = subscriber(version, app)

    def call(self, income=10.0, address="127.0.0.1"):
        """(status, headers, document) of one inference, sent from `address`; status 0 when there was no answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=60, source_address=(address, 0)
        )
        try:
            headers = {"Authorization": f"Bearer {self.key}"}
            connection.request(
                "POST", self.path, json.dumps(packages.plain_request(income)), headers
            )
            answer = connection.getresponse()
            return (
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                json.loads(answer.read()),
            )
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}, {}
        finally:
            connection.close()

    def works(self, income=10.0, score=9.0):
        """True when the right version gives the right answer; by default the tiny model's."""
        status, headers, document = self.call(income)
        return status == 200 and (headers["x-model-version"], document["outputs"][0]["data"]) == (
            self.number,
            [score],
        )


class Load:
    """So many calls a second from some threads, as long as the block lasts. `calls`: (began, seconds, status, is right)."""

    def __init__(self, caller, rate=100, threads=20, income=10.0, score=9.0):
        self.calls = []
        self._income, self._right = income, (caller.number, [score])
        self._caller, self._pause, self._over = caller, threads / rate, threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(number / rate,), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, offset):
        due = time.monotonic() + offset
        while not self._over.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            status, headers, document = self._caller.call(self._income)
            is_right = (
                status != 200
                or (headers.get("x-model-version"), document["outputs"][0]["data"]) == self._right
            )
            self.calls.append((began, time.monotonic() - began, status, is_right))
            due = max(due + self._pause, time.monotonic())

    @property
    def statuses(self):
        return Counter(status for _began, _seconds, status, _right in self.calls)

    @property
    def success_percent(self):
        return 100 * self.statuses[200] / len(self.calls)

    @property
    def wrong(self):
        return [call for call in self.calls if not call[3]]

    @property
    def gap(self):
        """The longest time, in seconds, in which no call succeeded."""
        ends = sorted(
            began + seconds for began, seconds, status, _right in self.calls if status == 200
        )
        return max(
            (later - earlier for earlier, later in zip(ends, ends[1:], strict=False)), default=0.0
        )

    @property
    def longest(self):
        return max(seconds for _began, seconds, _status, _right in self.calls)
