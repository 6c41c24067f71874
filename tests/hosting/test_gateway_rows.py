"""Calls in plain rows through a real gateway: what a hosted model gets as it came, and what an external endpoint gets as tensors."""

import json

import pytest

from consumption.models import UsageEvent
from tests.gateway import REQUEST, answer, http_answer, infer_path, subscriber, until

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
ROWS = b'[{"income": 4000.0, "debt": 300.0}, {"income": 2500, "debt": 0}]'
CSV = b"income,debt\n4000.0,300.0\n2500,0\n"
SCORES = [{"score": 3700.0}, {"score": 2500.0}]


def rows_path(version, is_named=False):
    path = infer_path(version).removesuffix("infer")
    return f"{path}versions/{version.number}/rows" if is_named else f"{path}rows"


def scores(connection, head, body):
    """A model that speaks the protocol only."""
    columns = {tensor["name"]: tensor["data"] for tensor in json.loads(body)["inputs"]}
    data = [a - b for a, b in zip(columns["income"], columns["debt"], strict=True)]
    output = {"name": "score", "datatype": "FP32", "shape": [len(data)], "data": data}
    connection.sendall(http_answer(json.dumps({"outputs": [output]}).encode()))


def ends(stage, subscription):
    """What was recorded of each call: outcome, units, status."""
    events = UsageEvent.objects.filter(subscription_id=subscription.pk).order_by("at")
    return list(events.values_list("outcome", "units", "http_status"))


def seen(stage):
    head, body = stage.stub.seen[-1]
    return head.decode().lower(), body


@pytest.mark.parametrize("is_named", [False, True])
def test_rows_reach_a_hosted_model_as_they_came(gateway, stage, version, is_named):
    subscription, key = subscriber(version)
    stage.stub.behave = lambda connection, head, body: connection.sendall(
        http_answer(b"score\r\n3700.0\r\n", kind=b"text/csv")
    )
    status, headers, body = gateway.infer(
        rows_path(version, is_named), key, CSV, Content_Type="text/csv", Accept="text/csv"
    )
    assert (status, headers["content-type"], body) == (200, "text/csv", b"score\r\n3700.0\r\n")
    assert headers["x-model-version"] == "1.0.0" and headers["ratelimit"].startswith('"rate";r=')
    head, sent = seen(stage)
    assert f"/versions/{version.number}/rows http/1.1" in head and sent == CSV
    assert "content-type: text/csv" in head and "accept: text/csv" in head and key not in head
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert stage.called(subscription) == [(headers["x-request-id"], "ok", 1)]


def test_what_the_model_server_says_of_a_row_is_passed_on(gateway, stage, version):
    _, key = subscriber(version)
    document = b'{"type": "/docs/problems/bad-input", "field": "income", "row": 1, "error": "no"}'
    stage.stub.behave = answer(b"422 X", document, b"application/problem+json")
    assert gateway.infer(rows_path(version), key, ROWS)[::2] == (422, document)


def test_rows_obey_the_limits_of_the_plan(gateway, version):
    _, key = subscriber(version, monthly_quota=2)
    assert gateway.infer(rows_path(version), key, ROWS)[0] == 200
    assert gateway.infer(infer_path(version), key, REQUEST)[0] == 200
    status, headers, body = gateway.infer(rows_path(version), key, ROWS)
    assert status == 429 and "monthly quota" in json.loads(body)["detail"]
    assert gateway.infer(rows_path(version), "", ROWS)[0] == 401
    status, headers, _ = gateway.get(rows_path(version), key)
    assert (status, headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "kind"), [(ROWS, "application/json"), (CSV, "text/csv")], ids=["JSON", "CSV"]
)
def test_an_external_endpoint_gets_tensors_and_its_caller_rows(
    gateway, stage, external, body, kind
):
    subscription, key = subscriber(external)
    stage.stub.behave = scores
    status, headers, answered = gateway.infer(rows_path(external), key, body, Content_Type=kind)
    assert (status, headers["content-type"]) == (200, "application/json"), answered
    assert json.loads(answered) == SCORES
    head, sent = seen(stage)
    assert "/infer http/1.1" in head and "content-type: application/json" in head
    assert json.loads(sent)["inputs"][0] == {
        "name": "income",
        "datatype": "FP32",
        "shape": [2],
        "data": [4000.0, 2500.0],
    }
    _, headers, answered = gateway.infer(
        rows_path(external, True), key, body, Content_Type=kind, Accept="text/csv"
    )
    assert answered == b"score\r\n3700.0\r\n2500.0\r\n" and "text/csv" in headers["content-type"]
    until(lambda: len(ends(stage, subscription)) == 2, 5, gateway.said)
    assert ends(stage, subscription) == [("ok", 1, 200)] * 2


def test_many_rows_of_an_external_model_are_converted_beside_the_event_loop(
    gateway, stage, external
):
    subscription, key = subscriber(external)
    stage.stub.behave = scores
    rows = [{"income": float(at), "debt": 1.0} for at in range(2000)]
    body = json.dumps(rows).encode()
    status, _, answered = gateway.infer(rows_path(external), key, body)
    assert status == 200 and json.loads(answered) == [{"score": at - 1.0} for at in range(2000)]
    rows[1999]["debt"] = "much"
    status, _, answered = gateway.infer(rows_path(external), key, json.dumps(rows).encode())
    assert (status, json.loads(answered)["row"]) == (422, 1999)
    until(lambda: len(ends(stage, subscription)) == 2, 5, gateway.said)
    assert ends(stage, subscription) == [("ok", 1, 200), ("client_error", 0, 422)]


def test_rows_that_do_not_fit_an_external_model_are_the_callers_error(gateway, stage, external):
    """As at a hosted one: recorded, free, and the endpoint is not asked."""
    subscription, key = subscriber(external)
    status, headers, body = gateway.infer(
        rows_path(external), key, b'[{"income": 1, "debt": 1}, {"income": "much", "debt": 1}]'
    )
    problem = json.loads(body)
    assert (status, problem["field"], problem["row"]) == (422, "income", 1)
    assert problem["request_id"] == headers["x-request-id"]
    assert headers["content-type"] == "application/problem+json"
    status, _, body = gateway.infer(rows_path(external), key, b"[" + b" " * 300_000 + b"]")
    assert status == 413 and "256 KiB" in json.loads(body)["detail"]
    assert json.loads(body)["limit_bytes"] == 262_144
    rows = b"[" + b",".join([b'{"income":1,"debt":1}'] * 2001) + b"]"
    status, _, body = gateway.infer(rows_path(external), key, rows)
    assert (status, json.loads(body)["limit_rows"]) == (413, 2_000)
    assert stage.stub.seen == []
    until(lambda: len(ends(stage, subscription)) == 3, 5, gateway.said)
    assert ends(stage, subscription) == [
        ("client_error", 0, 422),
        ("client_error", 0, 413),
        ("client_error", 0, 413),
    ]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"no JSON", 502),
        (b'{"outputs": [{"name": "score", "shape": [1], "data": [1]}]}', 502),
        (b" " * 1_100_000, 413),
    ],
    ids=["no JSON", "another number of rows", "too much"],
)
def test_an_answer_that_cannot_become_rows_is_free(gateway, stage, external, sent, status):
    subscription, key = subscriber(external)
    stage.stub.behave = lambda connection, head, body: connection.sendall(http_answer(sent))
    assert gateway.infer(rows_path(external), key, ROWS)[0] == status
    until(lambda: ends(stage, subscription), 5, gateway.said)
    [(_, units, recorded)] = ends(stage, subscription)
    assert (units, recorded) == (0, status)
    stage.stub.behave = scores
    assert gateway.infer(rows_path(external), key, ROWS)[0] == 200
