"""One call through a real gateway: who may, which version answers, what the caller is told."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import numpy as np
import pytest
import tritonclient.http as triton
from django.utils import timezone
from tritonclient.utils import InferenceServerException

from catalog.models import ModelVersion
from consumption import actions as consumption
from consumption.models import ApiKey, Application, Subscription, UsageEvent, UsageHour
from hosting import credentials
from hosting.models import Deployment, DeploymentState, Upstream
from marketplace.core import keys
from marketplace.core.invalidation import invalidate
from tests import factories
from tests.gateway import (
    ANSWER,
    REQUEST,
    answer,
    answer_ok,
    http_answer,
    infer_path,
    live_version,
    parallel,
    subscriber,
    until,
)

pytestmark = [pytest.mark.xdist_group("gateway_stage")]


def told(body):
    document = json.loads(body)
    assert document["error"] == document["detail"] and document["type"].startswith(
        "/docs/problems/"
    )
    return document


def eventually(gateway, status, path, key, **headers):
    """Poll until the gateway has seen what changed."""
    return until(
        lambda: (found := gateway.infer(path, key, **headers))[0] == status and found,
        5,
        gateway.said,
    )


def change(queryset, **facts):
    queryset.update(**facts)
    invalidate("version")


# ── Who may ───────────────────────────────────────────────────────────────


def test_a_call_is_answered_and_shows_on_the_usage_within_five_seconds(gateway, stage, version):
    subscription, key = subscriber(version)
    status, headers, body = gateway.infer(infer_path(version), key)
    assert (status, body) == (200, ANSWER)
    assert headers["x-model-version"] == "1.0.0" and headers["ratelimit"].startswith('"rate";r=')
    until(
        lambda: UsageHour.objects.filter(subscription=subscription, calls=1).exists(),
        5,
        gateway.said,
    )
    assert stage.called(subscription) == [(headers["x-request-id"], "ok", 1)]


def test_the_key_may_come_as_bearer_or_as_header(gateway, version):
    _, key = subscriber(version)
    assert gateway.infer(infer_path(version), "", X_API_Key=key)[0] == 200
    assert gateway.infer(infer_path(version), key, X_API_Key=key)[0] == 200
    assert gateway.infer(infer_path(version), key, X_API_Key="mkc_" + "1" * 46)[0] == 401


def test_unknown_wrong_and_missing_keys_get_the_same_401(gateway, version):
    _, key = subscriber(version)
    wrong_secret = keys.mint().text
    wrong = f"mkc_{key[4:12]}{wrong_secret[12:44]}"
    wrong += keys.checksum(wrong.encode())
    answers = [
        gateway.infer(infer_path(version), one)
        for one in (key[:-1] + "x", wrong, wrong_secret, "nonsense", "")
    ]
    assert {status for status, *_ in answers} == {401}
    bodies = [
        {name: value for name, value in told(body).items() if name != "request_id"}
        for *_, body in answers
    ]
    assert all(body == bodies[0] for body in bodies)
    assert gateway.infer(infer_path(version), key)[0] == 200


@pytest.mark.fault("F24")
def test_a_revoked_key_is_dead_within_a_second_everywhere(gateway, version):
    subscription, key = subscriber(version)
    assert {gateway.infer(infer_path(version), key)[0] for _ in range(6)} == {200}
    consumption.revoke_key(factories.maya(), ApiKey.objects.get(subscription=subscription))
    until(
        lambda: {gateway.infer(infer_path(version), key)[0] for _ in range(6)} == {401},
        1,
        gateway.said,
    )


def test_an_expired_key_is_refused(gateway, version):
    subscription, key = subscriber(version)
    ApiKey.objects.filter(subscription=subscription).update(
        created_at=timezone.now() - timedelta(days=2),
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    assert gateway.infer(infer_path(version), key)[0] == 401


def test_a_key_in_the_address_is_refused_and_revoked(gateway, version):
    subscription, key = subscriber(version)
    status, _, body = gateway.infer(f"{infer_path(version)}?api_key={key}", key)
    assert status == 400 and "leaked" in told(body)["detail"]
    until(lambda: ApiKey.objects.get(subscription=subscription).state == "revoked", 5, gateway.said)
    eventually(gateway, 401, infer_path(version), key)


def test_naming_another_teams_kid_in_an_address_revokes_nothing(gateway, version):
    subscription, key = subscriber(version)
    forged = f"mkc_{key[4:12]}{'A' * 32}"
    forged += keys.checksum(forged.encode())
    assert gateway.infer(f"{infer_path(version)}?k={forged}", key)[0] == 400
    assert gateway.infer(infer_path(version), key)[0] == 200
    assert ApiKey.objects.get(subscription=subscription).state == "active"


def test_a_paused_subscription_says_so(gateway, version):
    subscription, key = subscriber(version)
    change(Subscription.objects.filter(pk=subscription.pk), state="paused")
    status, _, body = eventually(gateway, 403, infer_path(version), key)
    assert "paused" in told(body)["detail"]


def test_another_model_does_not_exist_for_this_key(gateway, stage, version):
    _, key = subscriber(version)
    other = stage.version()
    assert (
        gateway.infer(infer_path(other), key)[0]
        == gateway.infer("/v2/models/nothing/infer", key)[0]
        == 404
    )
    assert gateway.get(f"/v2/models/{other.model.slug}", key)[0] == 404


def test_a_model_that_became_restricted_goes_on_answering_who_has_a_subscription(gateway, version):
    """Issue 9, B5: restricting stopped production callers after four seconds. The subscription is the right, until it ends."""
    subscription, key = subscriber(version)
    assert gateway.infer(infer_path(version), key)[0] == 200
    change(type(version.model).objects.filter(pk=version.model_id), visibility="restricted")
    for _ in range(15):  # twice as long as a change takes to reach the gateway
        assert gateway.infer(infer_path(version), key)[0] == 200
        time.sleep(0.2)
    assert gateway.get(f"/v2/models/{version.model.slug}", key)[0] == 200
    change(Subscription.objects.filter(pk=subscription.pk), state="closed")
    eventually(gateway, 403, infer_path(version), key)


# ── Which version ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("pin_exact", "1.2.0"), ("auto_patch", "1.2.5"), ("auto_minor", "1.4.0")],
)
def test_an_unversioned_call_follows_the_subscriptions_policy(gateway, stage, policy, expected):
    first = stage.version("1.2.0")
    for number in ("1.2.5", "1.4.0", "2.0.0"):
        stage.version(number, first.model)
    subscription, key = subscriber(first)
    change(Subscription.objects.filter(pk=subscription.pk), version_policy=policy)
    until(
        lambda: gateway.infer(infer_path(first), key)[1].get("x-model-version") == expected,
        5,
        gateway.said,
    )
    assert gateway.infer(infer_path(first, "2.0.0"), key)[1]["x-model-version"] == "2.0.0"
    assert gateway.infer(infer_path(first, "9.9.9"), key)[0] == 404


def test_a_suspended_version_stops_within_seconds_and_says_so(gateway, version):
    _, key = subscriber(version)
    assert gateway.infer(infer_path(version), key)[0] == 200
    rows = ModelVersion.objects.filter(pk=version.pk)
    change(rows, suspends_at=datetime(2031, 1, 2, 23, 59, 59, tzinfo=UTC))
    moment = "Thu, 02 Jan 2031 23:59:59 GMT"
    until(lambda: gateway.infer(infer_path(version), key)[1].get("x-model-suspends") == moment, 5)
    change(rows, suspended_at=timezone.now(), suspension_reason="Its approval ended")
    status, headers, body = eventually(gateway, 503, infer_path(version), key)
    detail = told(body)["detail"]
    assert "suspended" in detail and "retry-after" in headers
    assert "Its approval ended. " in detail and version.model.support_contact in detail


def test_a_deprecated_version_tells_when_it_ends_and_what_follows(gateway, stage, version):
    successor = stage.version("2.0.0", version.model)
    sunset = timezone.now() + timedelta(days=30)
    _, key = subscriber(version)
    change(
        ModelVersion.objects.filter(pk=version.pk),
        state="deprecated",
        deprecated_at=timezone.now(),
        sunset_at=sunset,
        successor=successor,
    )
    model = f"/v2/models/{version.model.slug}"
    asks = [
        lambda: gateway.infer(infer_path(version), key),
        lambda: gateway.get(model, key),
        lambda: gateway.get(f"{model}/ready", key),
    ]
    for ask in asks:
        status, headers, _ = until(
            lambda ask=ask: "deprecation" in (answer := ask())[1] and answer, 5, gateway.said
        )
        assert status == 200 and re.fullmatch(r"@\d+", headers["deprecation"])
        assert parsedate_to_datetime(headers["sunset"]).timestamp() >= int(
            headers["deprecation"][1:]
        )
        guide = f"/models/{version.model.slug}/versions/1.0.0/migration/"
        assert headers["link"] == (
            f'<{guide}>; rel="deprecation"; type="text/html", '
            '</docs/lifecycle/>; rel="sunset"; type="text/html", '
            f'<{model}/versions/2.0.0>; rel="successor-version"'
        )


def test_a_version_whose_approval_has_ended_says_so_and_goes_on(gateway, stage, version):
    """Time passes, nothing is saved: the header comes by itself, and a re-review takes it away."""
    _, key = subscriber(version)
    rows = ModelVersion.objects.filter(pk=version.pk)
    ends = timezone.now() + timedelta(seconds=2)
    change(rows, approved_until=ends)

    def said():
        status, headers, _ = gateway.infer(infer_path(version), key)
        assert status == 200
        return headers.get("x-model-review")

    assert said() is None
    until(lambda: said() == "overdue", 10, gateway.said)
    # It goes by Postgres' clock, which it knows to within half a round trip.
    assert timezone.now() >= ends - timedelta(seconds=0.1)
    change(rows, approved_until=timezone.now() + timedelta(days=1))
    until(lambda: said() is None, 10, gateway.said)


def test_a_version_past_its_sunset_answers_until_it_is_retired_then_410_with_the_successor(
    gateway, stage, version
):
    other = stage.version("3.1.0", factories.model(name="Another model"))
    _, key = subscriber(version)
    past = timezone.now() - timedelta(days=1)
    rows = ModelVersion.objects.filter(pk=version.pk)
    change(
        rows,
        state="deprecated",
        deprecated_at=past - timedelta(days=30),
        sunset_at=past,
        successor=other,
    )
    until(lambda: "sunset" in gateway.infer(infer_path(version), key)[1], 5, gateway.said)
    assert gateway.infer(infer_path(version, "1.0.0"), key)[0] == 200
    change(rows, state="retired", retired_at=timezone.now())
    status, headers, body = eventually(gateway, 410, infer_path(version, "1.0.0"), key)
    assert f"3.1.0 of {other.model.slug}" in told(body)["detail"]
    address = f"/v2/models/{other.model.slug}/versions/3.1.0"
    assert f'<{address}>; rel="successor-version"' in headers["link"]


def test_a_brownout_refuses_calls_for_its_time_with_its_own_type(gateway, stage, version):
    """Nobody is moved by it, and no limit is blamed."""
    stage.version("0.9.0", version.model)
    subscription, key = subscriber(version)
    now, rows = timezone.now(), ModelVersion.objects.filter(pk=version.pk)
    span = [(now - timedelta(minutes=1)).isoformat(), (now + timedelta(minutes=9)).isoformat()]
    later = [(now + timedelta(days=9)).isoformat(), (now + timedelta(days=10)).isoformat()]
    facts = {
        "state": "deprecated",
        "deprecated_at": now,
        "sunset_at": now + timedelta(days=20),
    }
    change(rows, brownouts=[span, later], **facts)
    for path in (infer_path(version), infer_path(version, "1.0.0")):
        status, headers, body = eventually(gateway, 503, path, key)
        assert told(body)["type"] == "/docs/problems/brownout"
        assert 0 < int(headers["retry-after"]) <= 540 and "sunset" in headers
        assert headers["x-model-version"] == "1.0.0" and "migration" in headers["link"]
    assert gateway.get(f"/v2/models/{version.model.slug}", key)[0] == 200
    assert gateway.get(f"/v2/models/{version.model.slug}/ready", key)[0] == 503
    change(rows, brownouts=[later])
    eventually(gateway, 200, infer_path(version), key)


def test_a_version_without_a_running_replica_is_503(gateway, stage):
    version = live_version(factories.model(name="No replica"), url="")
    _, key = subscriber(version)
    status, headers, body = gateway.infer(infer_path(version), key)
    assert status == 503 and "replica" in told(body)["detail"] and "retry-after" in headers


# ── The protocol ──────────────────────────────────────────────────────────


def test_health_needs_no_key_and_metadata_does(gateway, version):
    _, key = subscriber(version)
    assert gateway.get("/v2/health/live")[0] == 200
    assert json.loads(gateway.get("/v2/health/ready")[2]) == {"live": True, "ready": True}
    assert gateway.get("/v2")[0] == gateway.get(f"/v2/models/{version.model.slug}")[0] == 401
    assert "binary_tensor_data" in json.loads(gateway.get("/v2", key)[2])["extensions"]


def test_metadata_tells_the_signature_and_the_versions_of_the_key(gateway, stage, version):
    stage.version("1.1.0", version.model)
    _, key = subscriber(version)
    document = json.loads(
        until(
            lambda: (
                (a := gateway.get(f"/v2/models/{version.model.slug}", key))[0] == 200
                and b"1.1.0" in a[2]
                and a
            ),
            5,
        )[2]
    )
    assert document["versions"] == ["1.0.0", "1.1.0"] and document["name"] == version.model.slug
    assert document["inputs"][0] == {"name": "income", "datatype": "FP32", "shape": [-1]}


def test_metadata_tells_that_the_first_call_waits_for_a_cold_start(gateway, stage, version):
    Deployment.objects.create(
        version=version, app_name=f"cold-{version.pk}", state=DeploymentState.SCALED_TO_ZERO
    )
    invalidate("version")
    _, key = subscriber(version)
    path = f"/v2/models/{version.model.slug}"
    until(
        lambda: json.loads(gateway.get(path, key)[2]).get("parameters") == {"cold_start_s": 10},
        5,
        gateway.said,
    )
    change(ModelVersion.objects.filter(pk=version.pk), cold_start_s=2.9)
    until(
        lambda: json.loads(gateway.get(path, key)[2]).get("parameters") == {"cold_start_s": 3},
        5,
        gateway.said,
    )
    change(Deployment.objects.filter(version=version), state=DeploymentState.READY)
    until(lambda: "parameters" not in json.loads(gateway.get(path, key)[2]), 5, gateway.said)


def test_ready_asks_the_upstream(gateway, stage, version):
    _, key = subscriber(version)
    assert gateway.get(f"/v2/models/{version.model.slug}/ready", key)[0] == 200
    stage.stub.behave = answer(b"503 Service Unavailable")
    assert gateway.get(f"/v2/models/{version.model.slug}/versions/1.0.0/ready", key)[0] == 503


def test_a_flood_of_looks_at_readiness_does_not_reach_the_engine(gateway, stage, version):
    _, key = subscriber(version)
    path = f"/v2/models/{version.model.slug}/ready"
    assert gateway.get(path, key)[0] == 200
    stage.stub.seen.clear()

    def slowly(connection, head, body):
        time.sleep(1)
        answer_ok(connection, head, body)

    stage.stub.behave = slowly
    assert parallel(40, lambda _: gateway.get(path, key)[0]) == [200] * 40
    assert len(stage.stub.seen) < 10


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2/repository/index",
        "/v2/systemsharedmemory/status",
        "/v2/trace/setting",
        "/v2/logging",
        "/v2/models/x/config",
        "/v3",
    ],
)
def test_the_rest_of_the_protocol_does_not_exist(gateway, version, path):
    assert gateway.get(path)[0] == gateway.request("POST", path, body=b"{}")[0] == 404


def test_the_wrong_method_is_told_the_right_one(gateway, version):
    _, key = subscriber(version)
    assert gateway.get(infer_path(version), key)[::2][0] == 405
    assert gateway.request("POST", "/v2/health/live")[1]["allow"] == "GET, HEAD"


def test_only_known_headers_and_the_body_reach_the_upstream(gateway, stage, version):
    _, key = subscriber(version)
    gateway.infer(
        infer_path(version),
        key,
        Cookie="a=b",
        X_Forwarded_For="1.2.3.4",
        Content_Type="application/json",
        TE="trailers",
    )
    head, body = stage.stub.seen[-1]
    names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert (
        names == {b"host", b"content-length", b"accept-encoding", b"content-type", b"x-request-id"}
        and body == REQUEST
    )
    assert head.startswith(
        b"POST /v2/models/%b/versions/1.0.0/infer HTTP/1.1\r\n" % version.model.slug.encode()
    )


def test_only_known_headers_of_the_upstream_come_back(gateway, stage, version):
    _, key = subscriber(version)
    stage.stub.behave = answer(
        b"200 OK",
        ANSWER,
        b"application/json",
        b"set-cookie: a=b\r\nserver: secret\r\nx-internal: 1\r\n",
    )
    headers = gateway.infer(infer_path(version), key)[1]
    assert (
        not {"set-cookie", "server", "x-internal"} & headers.keys()
        and headers["content-type"] == "application/json"
    )


def test_our_own_server_class_may_say_what_is_wrong_and_nobody_else(gateway, stage, version):
    _, key = subscriber(version)
    document = b'{"type":"/docs/problems/bad-input","error":"Input income, row 0"}'
    stage.stub.behave = answer(b"422 Unprocessable Entity", document, b"application/problem+json")
    assert gateway.infer(infer_path(version), key)[::2] == (422, document)
    stage.stub.behave = answer(
        b"500 Internal Server Error", b"Traceback: secret", b"application/problem+json"
    )
    status, _, body = gateway.infer(infer_path(version), key)
    assert status == 502 and b"secret" not in body
    Upstream.objects.filter(version=version).update(kind="external")
    invalidate("version")
    stage.stub.behave = answer(b"422 Unprocessable Entity", document, b"application/problem+json")
    until(lambda: b"row 0" not in gateway.infer(infer_path(version), key)[2], 5, gateway.said)


def oip_answer(connection, head, body):
    """A stub that speaks the protocol: score = income - debt, binary when asked so, id echoed."""
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if head.startswith(b"GET"):
        connection.sendall(http_answer(b"{}"))
        return
    length = int(lines.get(b"inference-header-content-length", len(body)))
    request, raw = json.loads(body[:length]), body[length:]
    values, at = {}, 0
    for tensor in request["inputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        values[tensor["name"]] = (
            np.frombuffer(raw[at : at + size], "<f4") if size else np.array(tensor["data"], "<f4")
        )
        at += size or 0
    score = (values["income"] - values["debt"]).astype("<f4")
    binary = request.get("parameters", {}).get("binary_data_output") or any(
        output.get("parameters", {}).get("binary_data") for output in request.get("outputs", [])
    )
    output = {"name": "score", "datatype": "FP32", "shape": [len(score)]}
    output |= (
        {"parameters": {"binary_data_size": score.nbytes}} if binary else {"data": score.tolist()}
    )
    head = json.dumps(
        {
            "model_name": "m",
            "model_version": "1.0.0",
            "id": request.get("id", ""),
            "outputs": [output],
        }
    ).encode()
    extra = b"inference-header-content-length: %d\r\n" % len(head) if binary else b""
    connection.sendall(http_answer(head + (score.tobytes() if binary else b""), extra=extra))


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_works_unchanged(gateway, stage, version, binary):
    _, key = subscriber(version)
    stage.stub.behave = oip_answer
    client = triton.InferenceServerClient(f"127.0.0.1:{gateway.port}")
    headers = {"Authorization": f"Bearer {key}"}
    slug = version.model.slug
    assert (
        client.is_server_live()
        and client.is_server_ready()
        and client.is_model_ready(slug, headers=headers)
    )
    assert (
        client.get_model_metadata(slug, "1.0.0", headers=headers)["outputs"][0]["name"] == "score"
    )
    inputs = [triton.InferInput(name, [3], "FP32") for name in ("income", "debt")]
    for tensor, values in zip(inputs, ([4000, 10, 5.5], [300, 20, 0.5]), strict=True):
        tensor.set_data_from_numpy(np.array(values, dtype=np.float32), binary_data=binary)
    outputs = [triton.InferRequestedOutput("score", binary_data=binary)]
    result = client.infer(slug, inputs, outputs=outputs, headers=headers, request_id="my-id-7")
    assert result.as_numpy("score").tolist() == [3700.0, -10.0, 5.0]
    assert (
        result.get_response()["id"] == "my-id-7"
        and result.get_response()["model_version"] == "1.0.0"
    )


def test_tritonclient_reads_our_errors(gateway, version):
    _, key = subscriber(version)
    client = triton.InferenceServerClient(f"127.0.0.1:{gateway.port}")
    tensor = triton.InferInput("income", [1], "FP32")
    tensor.set_data_from_numpy(np.array([1], dtype=np.float32))
    with pytest.raises(InferenceServerException, match="no callable version '9.9.9'"):
        client.infer(
            version.model.slug,
            [tensor],
            model_version="9.9.9",
            headers={"Authorization": f"Bearer {key}"},
        )
    with pytest.raises(InferenceServerException, match="Send a live API key"):
        client.infer(version.model.slug, [tensor])


def test_applications_of_the_test_environment_are_metered_as_such(gateway, stage, version):
    subscription, key = subscriber(version)
    Application.objects.filter(pk=subscription.application_id).update(environment="test")
    gateway.infer(infer_path(version), key)
    until(lambda: stage.called(subscription), 5, gateway.said)
    assert UsageEvent.objects.get(subscription_id=subscription.pk).environment == "test"


# ── External endpoints ────────────────────────────────────────────────────


def external(version, url, credential=""):
    sealed = credentials.seal(credential, version.pk) if credential else None
    facts = {"kind": "external", "base_url": url, "is_ready": True, "credential": sealed}
    Upstream.objects.update_or_create(version=version, defaults=facts)
    invalidate("version")


def test_an_external_endpoint_gets_its_credential_and_never_the_callers_key(
    gateway, stage, version
):
    _, key = subscriber(version)
    external(version, f"{stage.stub.url}/income", "sk-of-the-endpoint")
    until(
        lambda: (
            gateway.infer(infer_path(version), key)[0] == 200
            and stage.stub.seen[-1][0].startswith(b"POST /income/infer")
        ),
        5,
        gateway.said,
    )
    head, _ = stage.stub.seen[-1]
    assert b"authorization: Bearer sk-of-the-endpoint" in head and key.encode() not in head


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://169.254.169.254/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://10.0.0.1/x",
    ],
)
def test_an_address_inside_the_network_is_not_called(gateway, version, url):
    _, key = subscriber(version)
    external(version, url)
    until(lambda: gateway.infer(infer_path(version), key)[0] == 503, 5, gateway.said)


def test_the_portals_pages_may_call_from_the_browser_and_no_others(gateway, version, settings):
    _, key = subscriber(version)
    status, headers, _ = gateway.request(
        "OPTIONS", infer_path(version), origin="https://elsewhere.example"
    )
    assert status == 204 and "authorization" in headers["access-control-allow-headers"].lower()
    answers = [
        headers,
        gateway.infer(infer_path(version), key)[1],
        gateway.infer(infer_path(version), "mkc_nonsense")[1],
    ]
    assert {answer["access-control-allow-origin"] for answer in answers} == {settings.PORTAL_URL}
    assert all("access-control-allow-credentials" not in answer for answer in answers)
