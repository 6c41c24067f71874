"""The clients of sdks/ against the real gateway: the kinds of answers that it gives by itself, in the real runtimes."""

import json

import pytest

from consumption.models import Subscription
from tests.gateway import http_answer, infer_path, same_kid, subscriber, until
from tests.sdks.runners import RUNNERS
from tests.sdks.test_contract import contract
from tests.tiers import only

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
CASES = [case for case in contract.CASES if case.get("gateway")]


def answer_as_the_model(connection, head, body):
    """income - debt, in the form that was asked for; incomes below 0 do not fit the signature."""
    headers = dict(
        line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line
    )
    length = headers.get("inference-header-content-length")
    sent = contract.read(body, {"Inference-Header-Content-Length": length} if length else {})
    if min(sent.columns["income"]) < 0:
        problem = contract.BY_NAME["422"]["script"][0]["problem"]
        text = json.dumps(problem | {"error": problem["detail"]}).encode()
        answer = http_answer(text, b"422 Unprocessable Content", b"application/problem+json")
    else:
        text, length = contract.written([contract.subtracted(sent)], sent.is_binary)
        extra = b"inference-header-content-length: %d\r\n" % length if sent.is_binary else b""
        answer = http_answer(text, extra=extra)
    connection.sendall(answer)


@pytest.fixture(scope="module")
def asked(gateway_stage):
    """{case: the call that brings the gateway to answer so}; subscriptions and keys are made once."""
    with gateway_stage.orm():
        gateway_stage.stub.behave = answer_as_the_model
        version = gateway_stage.version()
        _, key = subscriber(version)
        paused, paused_key = subscriber(version)
        Subscription.objects.filter(pk=paused.pk).update(state=Subscription.State.PAUSED)
        _, spent_key = subscriber(version, monthly_quota=1)
        call = gateway_stage.gateway.infer
        until(lambda: call(infer_path(version), spent_key)[0] == 429, 10)
        until(lambda: call(infer_path(version), paused_key)[0] == 403, 10)
        slug = version.model.slug
    plain = {"model": slug, "key": key}
    special = {
        "401": {"key": same_kid(key)},
        "403": {"key": paused_key},
        "404": {"model": "no-such-model"},
        "429_beyond_the_deadline": {"key": spent_key},
    }
    return {case["name"]: plain | special.get(case["name"], {}) for case in CASES}


@pytest.fixture(scope="module")
def ran(gateway_stage, asked):
    """run(runner) → {case: outcome}, each runner once."""
    done = {}

    def run(runner):
        if runner.id not in done:
            gateway_stage.stub.behave = answer_as_the_model
            where = {"gateway": f"http://127.0.0.1:{gateway_stage.gateway.port}"}
            calls = [
                {name: value for name, value in case.items() if name not in ("expect", "script")}
                | where
                | asked[case["name"]]
                for case in CASES
            ]
            done[runner.id] = runner.run(calls)
        return done[runner.id]

    return run


@pytest.mark.parametrize("runner", only(RUNNERS, *RUNNERS[:3]), ids=lambda runner: runner.id)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(stage, ran, runner, case):
    outcome, expected = ran(runner)[case["name"]], case["expect"]
    wanted = expected.get("error")
    if wanted is None:
        assert outcome["error"] is None
        assert outcome["rows"] == expected["rows"]
        assert outcome["version"] == "1.0.0" and outcome["request_ids"][0]
        return
    assert {name: outcome["error"][name] for name in wanted} == wanted
    assert outcome["error"]["request_id"] and outcome["error"]["detail"]
    assert outcome["waits"] == []
