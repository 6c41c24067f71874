"""Issue 11, done when 2: at least 60 sound models answer equal to ONNX Runtime, by the replica and by a real gateway before it.

What tools write (scikit-learn, LightGBM, XGBoost, CatBoost, PyTorch, TensorFlow, MLflow 2 and 3) is made and asked by
tests/tools/test_tools.py; here are ONNX's own node tests.
"""

import json
import threading
from collections import Counter

import pytest
import uvicorn
from onnx.backend.test.loader import load_model_tests

from tests.gateway import free_port, infer_path, subscriber, until
from tests.publishing import test_node_tests as node_tests
from tests.publishing.conftest import look  # noqa: F401
from tests.tools import serving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gateway_stage")]
MODELS = 80


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


def test_sound_models_answer_as_onnx_runtime_through_replica_and_gateway(
    stage,
    replicas,
    look,  # noqa: F811
    monkeypatch,
    capsys,
):
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")
    many, address = replicas
    first, key, counts = None, "", Counter()

    def answered(path, sent):
        """What it answers once the process that takes the call knows the version; None before."""
        reply = stage.gateway.infer(path, key, sent)
        return reply if reply[0] == 200 else None

    def through_gateway(app, body):
        """What the gateway answers for the newest model, and that it is what the replica answers."""
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

    plain_call = serving.call
    monkeypatch.setattr(serving, "call", through_gateway)
    for case in load_model_tests(kind="node"):
        if counts["answered equal"] >= MODELS:
            break
        model = node_tests.freed(case)
        content = model.SerializeToString()
        session = node_tests.runs(content)
        if session is None or node_tests.why_not_carried(model):
            continue
        found = look(content)
        counts[node_tests.answer_of(case, model, found, content, session, monkeypatch)] += 1
    with capsys.disabled():
        print("", *(f"{count:6} {what}" for what, count in counts.most_common()), sep="\n")
    assert counts["answered equal"] >= 60
