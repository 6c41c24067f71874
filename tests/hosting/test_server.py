"""The server class by itself: what it does with a run that takes too long, or too much."""

import asyncio
import json
import threading
import time

import pytest

from hosting.engine import server
from tests.hosting import packages


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """content → ModelApp, as a replica makes it, without a memory limit on the test's own process."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    keys = packages.Keypair()

    def serve(content, **facts):
        manifest = packages.package(tmp_path, content=content)
        return server.app_from_manifest(manifest, keys.sign(manifest), root=tmp_path, public_key=keys.public, **facts)

    return serve


def asked(income):
    """A request body whose first row has that income."""
    example = json.loads(json.dumps(packages.EXAMPLE))
    example["inputs"][0]["data"][0] = income
    return json.dumps(example).encode()


async def infer(app, body):
    """(status, document) of one inference."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": f"{app.prefix}/infer", "headers": [(b"x-request-id", b"r-1")]}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


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
    app = serve(packages.weighted_sum())
    quick = app.model.run

    def run(columns):
        seen.append(threading.current_thread().name)
        time.sleep(0.02)
        return quick(columns)

    seen, app.model.run = [], run
    for _ in range(2):
        assert asyncio.run(infer(app, asked(1.0)))[0] == 200
    assert [name.startswith("infer") for name in seen] == [False, True]


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
