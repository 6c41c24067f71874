"""What RFC 9110, 9112 and 9457 ask of any server, asked of the gateway through a socket."""

import http.client
import json
import random
import socket
import time
from itertools import pairwise

import pytest

from tests.gateway import ANSWER, REQUEST, answer, infer_path, raw_request, subscriber

pytestmark = [pytest.mark.xdist_group("gateway_stage")]

LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: g\r\n\r\n"


@pytest.fixture
def caller(stage):
    """(path, key) of a subscriber to a version behind the stub."""
    version = stage.version()
    return infer_path(version), subscriber(version)[1]


class Line:
    """A connection whose answers http.client reads one after the other, although it closes what it has read."""

    def __init__(self, client):
        self.file = client.makefile("rb")

    def __getattr__(self, name):
        return getattr(self.file, name)

    def makefile(self, _mode):
        return self

    def close(self):
        pass

    def answer(self, method):
        """(status, {name: value}, body) of the next answer."""
        answer = http.client.HTTPResponse(self, method=method)
        answer.begin()
        return (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )


def connected(gateway):
    """A connection from an address of this file's own: the gateway counts wrong keys by address, whichever test sent them."""
    return socket.create_connection(
        ("127.0.0.1", gateway.port), timeout=5, source_address=("127.0.0.8", 0)
    )


def asked(gateway, *requests):
    """[(status, {name: value}, body)] of requests (method, bytes) sent one after the other on one connection."""
    found = []
    with connected(gateway) as client:
        line = Line(client)
        for method, data in requests:
            client.sendall(data)
            found.append(line.answer(method))
    return found


def sent_together(gateway, requests, source):
    """The statuses of requests (method, bytes) sent without waiting for answers, cut anywhere; nothing follows the last answer."""
    data = b"".join(data for _, data in requests)
    cuts = sorted([0, *source.sample(range(1, len(data)), 5), len(data)])
    with connected(gateway) as client:
        line = Line(client)
        for at, end in pairwise(cuts):
            client.sendall(data[at:end])
            time.sleep(0.001)
        found = [line.answer(method)[0] for method, _ in requests]
        client.shutdown(socket.SHUT_WR)
        assert line.read() == b""
    return found


def infer(target, key, *lines, version="1.1", body=REQUEST):
    head = [
        f"POST {target} HTTP/{version}",
        "Host: g",
        f"Authorization: Bearer {key}",
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_requests_sent_together_are_answered_in_order_and_each_once(gateway, caller):
    path, key = caller
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(REQUEST), REQUEST)
    known = [
        ("POST", infer(path, key), 200),
        ("POST", infer(f"http://elsewhere{path}", key), 200),
        ("POST", infer(path.replace("/infer", "/versions/9.9.9/infer"), key), 404),
        ("POST", infer(path, key, "Connection: Upgrade", "Upgrade: websocket"), 200),
        ("POST", raw_request(path, key, chunks + b"\r\n", "Transfer-Encoding: chunked"), 200),
        (
            "POST",
            raw_request(path, key, chunks + b"X-Sum: 1\r\n\r\n", "Transfer-Encoding: chunked"),
            200,
        ),
        ("HEAD", f"HEAD {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode(), 405),
        ("PUT", f"PUT {path} HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello".encode(), 405),
        ("OPTIONS", f"OPTIONS {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode(), 204),
        ("GET", b"GET /v2/nothing HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc", 404),
        ("GET", LIVE, 200),
    ]
    source = random.Random(3)
    for _ in range(60):
        chosen = source.choices(known, k=source.randint(2, 14))
        assert sent_together(gateway, [(method, data) for method, data, _ in chosen], source) == [
            status for *_, status in chosen
        ]


@pytest.mark.parametrize(
    "path",
    ["/v2/health/live", "/v2/models/x/infer", "/v2/models/x/versions/1.0.0/infer", "/v2/nothing"],
)
def test_head_is_answered_without_a_body_and_the_next_answer_follows(gateway, path):
    head, live = asked(
        gateway, ("HEAD", f"HEAD {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode()), ("GET", LIVE)
    )
    assert (
        head[0] == {"/v2/health/live": 200, "/v2/nothing": 404}.get(path, 405)
        and live[0] == 200
        and live[2] == b'{"live": true}'
    )


def test_each_route_tells_its_methods(gateway, caller):
    path, key = caller
    model = path.removesuffix("/infer")
    for route in ("/v2", "/v2/health/live", "/v2/health/ready", model, f"{model}/ready"):
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            status, headers, _ = gateway.request(method, route, key)
            assert (status, headers["allow"]) == (405, "GET, HEAD"), (method, route)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        status, headers, _ = gateway.request(method, path, key)
        assert (status, headers["allow"]) == (405, "POST"), method


def test_a_preflight_has_no_content(gateway, caller):
    path, key = caller
    status, headers, body = gateway.request("OPTIONS", path)
    assert (
        status == 204
        and body == b""
        and not {"content-length", "content-type", "transfer-encoding"} & headers.keys()
    )
    assert headers["access-control-allow-methods"] == "GET, POST"


def test_a_target_in_absolute_form_is_a_path(gateway, caller):
    path, key = caller
    found = asked(
        gateway,
        ("POST", infer(f"http://elsewhere{path}", key)),
        ("POST", infer(f"http://elsewhere{path}?mk={key}", key)),
    )
    assert [status for status, *_ in found] == [200, 400]
    assert asked(gateway, ("GET", LIVE.replace(b"/v2", b"http://g:1/v2")))[0][0] == 200


@pytest.mark.fault("F13")
@pytest.mark.parametrize("name", ["Accept", "Content-Type", "Inference-Header-Content-Length"])
def test_headers_that_would_choke_the_engine_are_refused_before_they_are_recorded(
    gateway, stage, caller, name
):
    """An ingress answered 400 to 17 KB of them, and that counted as a failure of the model."""
    path, key = caller
    ((status, _, body),) = asked(gateway, ("POST", infer(path, key, f"{name}: {'a' * 9000}")))
    assert status == 431 and b"8 KiB" in body and stage.stub.seen == []
    assert (
        asked(
            gateway, ("POST", infer(path, key, f"X-Other: {'a' * 20_000}", f"{name}: {'a' * 7000}"))
        )[0][0]
        == 200
    )


def test_a_trailer_is_no_header(gateway, caller):
    path, key = caller
    head = f"GET {path.removesuffix('/infer')} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailer = f"0\r\nAuthorization: Bearer {key}\r\n\r\n"
    found = asked(gateway, ("GET", f"{head}{trailer}".encode()), ("GET", LIVE))
    assert [status for status, *_ in found] == [401, 200]
    behind_others = asked(
        gateway,
        ("POST", infer(path, key) * 2 + head.encode()),
        ("POST", b""),
        ("GET", trailer.encode()),
    )
    assert [status for status, *_ in behind_others] == [200, 200, 401]


@pytest.mark.fault("F13")
@pytest.mark.parametrize("more", [b"X-Y: y\r\n", b"y"], ids=["many", "long"])
def test_trailers_are_bounded_as_headers_are(gateway, caller, more):
    path, key = caller
    with connected(gateway) as client:
        client.sendall(raw_request(path, key, b"2\r\n{}\r\n0\r\nX: ", "Transfer-Encoding: chunked"))
        client.sendall(more * (1_000_000 // len(more)))
        assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_a_quoted_letter_is_that_letter(gateway, caller):
    path, key = caller
    quoted = path.replace("-", "%2D")
    assert quoted != path and asked(gateway, ("POST", infer(quoted, key)))[0][0] == 200
    assert gateway.get(quoted.removesuffix("/infer"), key)[0] == 200
    assert gateway.get("/v2/models/..%2Fhealth%2Flive", key)[0] == 404


def test_a_client_of_http_1_0_gets_no_chunks_and_no_hundred(gateway, stage, caller):
    path, key = caller
    stage.stub.behave = lambda c, h, b: c.sendall(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    ((status, headers, body),) = asked(
        gateway, ("POST", infer(path, key, "Expect: 100-continue", version="1.0"))
    )
    assert (status, body, headers["connection"]) == (
        200,
        b"{}",
        "close",
    ) and "transfer-encoding" not in headers


@pytest.mark.parametrize(
    "line", [b"GET /v2/health/live\r\n\r\n", b"GET /v2/health/live HTTP/2.0\r\n\r\n"]
)
def test_other_versions_of_http_are_not_spoken(gateway, line):
    ((status, headers, _),) = asked(gateway, ("GET", line))
    assert status == 400 and headers["connection"] == "close"


@pytest.mark.parametrize("status", [b"204 No Content", b"205 Reset Content"])
def test_an_upstream_that_answers_nothing_has_failed(gateway, stage, caller, status):
    path, key = caller
    stage.stub.behave = lambda c, h, b: c.sendall(
        b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status
    )
    found = asked(gateway, ("POST", infer(path, key)), ("GET", LIVE))
    assert [status for status, *_ in found] == [502, 200]


def test_our_server_class_may_refuse_an_encoding(gateway, stage, caller):
    path, key = caller
    document = b'{"type": "/docs/problems/unsupported-encoding", "error": "br is not taken."}'
    stage.stub.behave = answer(b"415 Unsupported Media Type", document, b"application/problem+json")
    assert gateway.infer(path, key)[::2] == (415, document)
    stage.stub.behave = answer(b"200 OK", ANSWER)
    assert gateway.infer(path, key)[0] == 200


@pytest.mark.slow
def test_the_type_of_a_problem_leads_to_its_page_at_the_portal(gateway, client, db, settings):
    told = json.loads(gateway.get("/v2/nothing")[2])
    status, headers, _ = gateway.get(told["type"])
    assert status == 302 and headers["location"].startswith(f"{settings.PORTAL_URL}/docs/problems/")
    page = client.get(headers["location"].removeprefix(settings.PORTAL_URL))
    assert page.status_code == 200 and told["title"] in page.text
