"""Calls of server classes through a real gateway (fixtures; a test file imports them)."""

import json
import threading

import pytest
import uvicorn

from tests.gateway import free_port, infer_path, subscriber, until
from tests.tools import serving


class Many:
    """ASGI: each model's server class below its own number."""

    def __init__(self):
        self.apps = []

    async def __call__(self, scope, receive, send):
        number, *_, last = scope["path"].removeprefix("/").split("/")
        app = self.apps[int(number)]
        await app({**scope, "path": f"{app.prefix}/{last}"}, receive, send)


@pytest.fixture
def replicas():
    """(Many, its address) while the test runs."""
    many, port = Many(), free_port()
    running = uvicorn.Server(uvicorn.Config(many, port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started)
    yield many, f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


@pytest.fixture
def through_gateway(stage, replicas):
    """call(app, body) → (status, document) of the gateway, which is what the replica answers. One version for each app."""
    many, address = replicas
    first, key, plain_call = None, "", serving.call

    def answered(path, sent):
        """What it answers once the process that takes the call knows the version; None before."""
        reply = stage.gateway.infer(path, key, sent)
        return reply if reply[0] == 200 else None

    def call(app, body):
        nonlocal first, key
        many.apps.append(app)
        number = len(many.apps) - 1
        version = stage.version(f"1.0.{number}", first and first.model, f"{address}/{number}")
        if first is None:
            first, key = version, subscriber(version)[1]
        path, sent = infer_path(version, version.number), json.dumps(body).encode()
        status, headers, answer = until(lambda: answered(path, sent), 10, stage.gateway.said)
        assert headers["x-model-version"] == version.number
        direct = plain_call(app, body)
        assert (status, json.loads(answer)["outputs"]) == (direct[0], direct[1]["outputs"])
        return status, json.loads(answer)

    return call
