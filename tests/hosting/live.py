"""Versions on the real engine and calls through the real gateway: what tests of the whole stack share."""

import http.client
import json
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from governance import actions as governance
from hosting.drivers import ray_head
from hosting.models import Deployment
from tests import cast
from tests.gateway import infer_path, subscriber
from tests.hosting import packages


def approve(folder, entry, number="1.0.0", content=None, **sla):
    """An approved ONNX version, by default of the tiny model. Nobody touches hosting."""
    draft = cast.draft_version(entry, number)
    if sla:
        cast.publishing.promise_sla(draft.created_by, draft, **{**cast.SLA, **sla})
    package = folder / "model.onnx"
    package.write_bytes(content or cast.tiny_onnx())
    cast.publishing.upload(draft.created_by, draft, package, package.name)
    draft.refresh_from_db()
    cast.publishing.submit(draft.created_by, draft)
    draft.refresh_from_db()
    if draft.state == "submitted":
        governance.check(draft)
    draft.refresh_from_db()
    cast.decide_all(draft)
    draft.refresh_from_db()
    return draft


def is_published(version):
    version.refresh_from_db()
    return version.state == "published"


def pids(version):
    """Of the replicas that the portal believes to run."""
    return set(version.deployment.replicas.filter(ended_at=None, state="running").values_list("pid", flat=True))


def deployment(version):
    return Deployment.objects.get(version=version)


def engine_pids(stack, words):
    """Pids of the engine's processes whose command line holds `words`."""
    found = []
    for pid in ray_head.processes(stack.run.path):
        with suppress(OSError):
            if words in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(pid)
    return found


def replica_pids(stack, version):
    """Of the processes that serve a version now, whatever the portal knows of them."""
    return set(engine_pids(stack, f"ray::ServeReplica:{version.deployment.app_name}:"))


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


class Caller:
    """Calls one version through the gateway with a key of its own."""

    def __init__(self, stack, version, app="Loan origination"):
        self.port = stack.ports["gateway"]
        self.path = infer_path(version, version.number)
        self.number = version.number
        self.subscription, self.key = subscriber(version, app)

    def call(self, income=10.0, timeout=60):
        """(status, headers, document) of one inference; status 0 when there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {self.key}"}
            connection.request("POST", self.path, json.dumps(packages.plain_request(income)), headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}, {}
        finally:
            connection.close()

    def works(self):
        """True when the right version gives the right answer."""
        status, headers, document = self.call()
        return status == 200 and headers["x-model-version"] == self.number and document["outputs"][0]["data"] == [9.0]


class Load:
    """So many calls a second from some threads, as long as the block lasts. `calls`: (began, seconds, status, is right)."""

    def __init__(self, caller, rate=100, threads=20):
        self.calls = []
        self._caller, self._pause, self._over = caller, threads / rate, threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number / rate,), daemon=True) for number in range(threads)]

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
            status, headers, document = self._caller.call()
            is_right = status != 200 or (headers.get("x-model-version"), document["outputs"][0]["data"]) == (self._caller.number, [9.0])
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
        ends = sorted(began + seconds for began, seconds, status, _right in self.calls if status == 200)
        return max((later - earlier for earlier, later in zip(ends, ends[1:], strict=False)), default=0.0)

    @property
    def longest(self):
        return max(seconds for _began, seconds, _status, _right in self.calls)
