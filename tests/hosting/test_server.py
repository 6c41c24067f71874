"""The server class by itself: what it does with a run that takes too long, or too much."""

import asyncio
import json
import subprocess
import sys
import threading
import time

import pytest

from hosting.model_server import server, wire
from marketplace.launcher.rundir import ROOT
from tests import factories
from tests.hosting import packages


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """content → ModelApp, as a replica makes it, without a memory limit on the test's own process."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    keys = packages.Keypair()

    def serve(content, **facts):
        manifest = plain_package(tmp_path, content)
        return server.app_from_manifest(
            manifest, keys.sign(manifest), root=tmp_path, public_key=keys.public, **facts
        )

    return serve


def plain_package(folder, content, income=10.0):
    """A package's manifest; its example is one row with that income."""
    return packages.package(
        folder, content=content, signature=packages.PLAIN, example=packages.plain_request(income)
    )


def asked(income):
    return json.dumps(packages.plain_request(income)).encode()


async def infer(app, body, path="", **headers):
    """(status, document) of one inference, at another address when `path` says so."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    told = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in {"x_request_id": "r-1", **headers}.items()
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path or f"{app.prefix}/infer",
        "headers": told,
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    "path",
    [
        "/infer",
        "/v2/models/income-check/versions/1.0.1/infer",
        "{0}/versions/1.0.0/infer",
        "{0}0/infer",
        "{0}/infer/x",
    ],
)
def test_a_call_for_another_version_gets_no_answer_from_this_one(serve, path):
    """Ports are used again: an ingress that has not heard yet may send here what was meant for the version before."""
    app = serve(factories.tiny_onnx())
    assert asyncio.run(infer(app, asked(10.0), path.format(app.prefix)))[0] == 404


def test_a_length_beyond_all_bounds_is_refused(serve):
    app = serve(factories.tiny_onnx())
    for length in (str(server.MOST_BODY_BYTES + 1), "9" * 5000):
        assert asyncio.run(infer(app, asked(10.0), content_length=length))[0] == 413


def test_a_graph_that_loops_leaves_the_event_loop_free(serve):
    app = serve(packages.looping())

    async def both():
        long = asyncio.create_task(infer(app, asked(300_000.0)))
        await asyncio.sleep(0)
        turns = 0
        while not long.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns, await long

    turns, (status, answer) = asyncio.run(both())
    assert (status, answer["outputs"][0]["data"][0]) == (200, 600_000.0)
    assert turns > 3


def test_a_run_that_took_long_sends_the_next_ones_to_the_thread(serve):
    app = serve(factories.tiny_onnx())
    quick = app.model.run

    def run(columns):
        seen.append(threading.current_thread().name)
        time.sleep(0.02)
        return quick(columns)

    seen, app.model.run = [], run
    for _ in range(2):
        assert asyncio.run(infer(app, asked(1.0)))[0] == 200
    assert [name.startswith("infer") for name in seen] == [False, True]

    app.model.run = lambda columns: seen.append(threading.current_thread().name) or quick(columns)
    for _ in range(50):
        assert asyncio.run(infer(app, asked(1.0)))[0] == 200
    assert not seen[-1].startswith("infer"), "it was the machine that was slow, not the model"


def test_a_large_request_is_read_beside_the_event_loop(serve, monkeypatch):
    """A queue of them would otherwise keep health checks waiting, and their replica would be taken for wedged."""
    app, read, seen = serve(factories.tiny_onnx()), wire.read, []
    monkeypatch.setattr(
        wire, "read", lambda *sent: seen.append(threading.current_thread().name) or read(*sent)
    )
    rows = 20_000
    inputs = [
        {"name": name, "datatype": "FP32", "shape": [rows], "data": [1.5] * (rows - 1) + [7.0]}
        for name in ("income", "debt")
    ]
    large = json.dumps({"id": "l", "inputs": inputs}).encode()
    assert len(large) < server.LARGE_BYTES
    large += b" " * server.LARGE_BYTES
    status, answer = asyncio.run(infer(app, large))
    assert (
        status,
        answer["id"],
        answer["outputs"][0]["shape"],
        answer["outputs"][0]["data"][-1],
    ) == (200, "l", [rows], 0.0)
    assert asyncio.run(infer(app, asked(1.0)))[0] == 200
    assert asyncio.run(infer(app, large[:-1] + b"x"))[0] == 400
    assert [name.startswith("infer") for name in seen] == [True, False, True]


class Heard(server.Figures):
    def __init__(self):
        self.statuses, self.rows, self.starved, self.calls = [], [], 0, []

    def answered(self, status, seconds):
        self.statuses.append(status)

    def took(self, rows):
        self.rows.append(rows)

    def at_once(self, calls):
        self.calls.append(calls)

    def ran_out_of_memory(self):
        self.starved += 1


def test_a_call_that_needs_too_much_memory_is_refused_alone(serve):
    app = serve(packages.hungry(), figures=Heard())
    plenty = app.model.run

    def run(columns):
        if columns["income"][0] > 1000:
            raise RuntimeError(
                "bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 1572864000"
            )
        return plenty(columns)

    app.model.run = run
    status, problem = asyncio.run(infer(app, asked(4000.0)))
    assert (status, problem["type"]) == (500, "/docs/problems/out-of-memory")
    assert "declares 512 MB" in problem["detail"] and problem["request_id"] == "r-1"
    assert asyncio.run(infer(app, asked(1.0)))[0] == 200
    app.check_health()
    heard = app.figures
    assert (heard.statuses, heard.rows, heard.starved, heard.calls) == ([500, 200], [1, 1], 1, [0])


def test_the_allocators_own_words_are_known(tmp_path):
    """What ONNX Runtime says under the limit that the loader sets, in a process of its own."""
    script = f"""
import asyncio, os, sys
sys.path.insert(0, {str(ROOT)!r})
import django
django.setup()
from pathlib import Path
from hosting.model_server import server, wire
from tests.hosting import packages, test_server
root, keys = Path({str(tmp_path)!r}), packages.Keypair()
manifest = test_server.plain_package(root, packages.hungry())
app = server.app_from_manifest(manifest, keys.sign(manifest), root=root, public_key=keys.public)
print([asyncio.run(test_server.infer(app, test_server.asked(mib)))[0] for mib in (10.0, 3e7, 10.0)])
example = test_server.plain_package(root, packages.hungry(), income=3e7)
server.app_from_manifest(example, keys.sign(example), root=root, public_key=keys.public)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[200, 500, 200]"
    assert (
        "CannotLoad: Out of memory: its own example needs more than a version that declares 512 MB gets."
        in done.stderr
    )


def test_only_a_run_past_its_limit_is_wedged(serve):
    """Four runs of 0.2 s wait for one another; none of them is wedged under a limit of half a second."""
    app = serve(packages.looping(), timeout_s=0.5)
    app.model.run = lambda columns: time.sleep(0.2) or {"score": columns["income"]}
    checked = []

    async def four_at_once():
        runs = [asyncio.create_task(infer(app, asked(1.0))) for _ in range(4)]
        while not all(run.done() for run in runs):
            app.check_health()
            checked.append(1)
            await asyncio.sleep(0.02)
        return [run.result()[0] for run in runs]

    assert asyncio.run(four_at_once()) == [200] * 4
    assert len(checked) > 20


def test_a_wedged_run_is_told_to_the_engine(serve, monkeypatch):
    monkeypatch.setattr(server, "GRACE_S", 0.1)
    app, free = serve(packages.looping(), timeout_s=0.2), threading.Event()
    app.model.run = lambda columns: free.wait(5) and {"score": columns["income"]}

    async def wedge():
        run = asyncio.create_task(infer(app, asked(1.0)))
        await asyncio.sleep(0.1)
        app.check_health()
        await asyncio.sleep(0.4)
        with pytest.raises(RuntimeError, match="more than 0.2 s"):
            app.check_health()
        free.set()
        await run
        app.check_health()

    asyncio.run(wedge())
