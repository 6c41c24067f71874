"""The portal's front: slow, silent and hostile clients, what it refuses by itself, and whose word it takes. Issue 8, lines 1 and 2."""

import json
import re
import socket
import subprocess
import sys
import threading
import time

import onnx
import pytest

from marketplace.launcher.rundir import ROOT
from marketplace.web import front
from marketplace.web.front_limits import Limits
from marketplace.web.receiving import environ_of
from publishing.models import Upload
from tests import factories
from tests.gateway import free_port, until
from tests.portal import CSRF, Portal, session
from tests.publishing.specimens import onnx_bytes
from tests.tiers import one_of_each

pytestmark = [pytest.mark.fault("F13"), pytest.mark.django_db(transaction=True)]
GRACE_S = 2.0
BUSY_GRACE_S = 6.0  # beside other tests, for a kind whose limits are seconds
QUICK = {"PORTAL_HEADER_S": "2", "PORTAL_BODY_S": "3", "PORTAL_IDLE_S": "9", "PORTAL_WRITE_S": "5"}


@pytest.fixture(scope="module")
def quick(django_db_setup, tmp_path_factory):
    """A portal whose limits are short."""
    with Portal(tmp_path_factory.mktemp("portal"), **QUICK) as portal:
        yield portal


class SlowClients:
    """Sockets of `bench.slow`; `closed()` says when the portal closed them."""

    def __init__(self, portal, seconds, each, cookie="", kinds=""):
        argv = [
            sys.executable,
            "-m",
            "bench.slow",
            str(portal.port),
            str(seconds),
            str(each),
            cookie,
            *([kinds] if kinds else []),
        ]
        self.child = subprocess.Popen(
            argv, env=portal.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.child.stdout.readline() == "ready\n"

    def closed(self):
        return json.loads(self.child.communicate(timeout=120)[0])


class Readers:
    """People who go on reading pages, two at a time: `statuses`, `p95_s`."""

    def __init__(self, portal, cookie, seconds):
        self.statuses, self.seconds = set(), []
        self._until = time.monotonic() + seconds
        self._threads = [
            threading.Thread(target=self._read, args=(portal, cookie)) for _ in range(2)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, portal, cookie):
        while time.monotonic() < self._until:
            for path in ("/", "/docs/problems/", "/access/"):
                began = time.monotonic()
                self.statuses.add(portal.get(path, cookie)[0])
                self.seconds.append(time.monotonic() - began)

    def end(self):
        for thread in self._threads:
            thread.join()
        return self

    @property
    def p95_s(self):
        return sorted(self.seconds)[len(self.seconds) * 95 // 100]


@pytest.mark.slow
def test_every_kind_of_slow_socket_is_closed_in_time_and_pages_answer(quick, injected_faults):
    """Also people who are signed in, on any address: forms, the REST API, uploads."""
    version = factories.publishing.start_version(
        factories.alice(), factories.model(name="Income"), "1.0.0"
    )
    assert version.model.slug == "income"
    cookie = session(factories.alice())
    slow = SlowClients(quick, 14, 8, cookie)
    readers = Readers(quick, cookie, 6).end()
    closed = slow.closed()
    injected_faults.add(sum(row["opened"] for row in closed.values()))
    assert readers.statuses == {200}, quick.log_tail()
    late = {
        kind: row
        for kind, row in closed.items()
        if row["closed"] < row["opened"] or row["last_s"] > row["limit_s"] + BUSY_GRACE_S
    }
    assert late == {}, quick.log_tail()


@pytest.mark.slow
def test_a_thousand_slow_sockets_do_not_slow_down_a_page(
    django_db_setup, tmp_path, injected_faults
):
    """500 with slow headers, 500 with slow bodies, from the address that the readers have too; the limits as they are shipped."""
    cookie = session(factories.maya())
    with Portal(tmp_path) as portal:
        quiet = Readers(portal, cookie, 15).end()
        slow = SlowClients(portal, 40, 500, cookie, "header drip,body drip")
        time.sleep(1)
        under_load = Readers(portal, cookie, 15).end()
        closed = slow.closed()
    injected_faults.add(sum(row["opened"] for row in closed.values()))
    assert quiet.statuses == under_load.statuses == {200}
    assert all(
        row["closed"] == 500 and row["last_s"] <= row["limit_s"] + GRACE_S
        for row in closed.values()
    ), closed
    assert under_load.p95_s <= 2 * quiet.p95_s, (quiet.p95_s, under_load.p95_s)


class RawConnection:
    """A connection on which a test sends what it likes."""

    def __init__(self, portal):
        self.socket = socket.create_connection(("127.0.0.1", portal.port), timeout=20)

    def send(self, *lines, body=b""):
        self.socket.sendall("\r\n".join([*lines, "Host: 127.0.0.1", "", ""]).encode() + body)
        return self

    def receive(self):
        """(status, headers, body) of one answer, read to the end of the connection or of its length."""
        got = b""
        while b"\r\n\r\n" not in got and (more := self.socket.recv(65536)):
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        while len(body) < int(headers.get("content-length", 0)) and (
            more := self.socket.recv(65536)
        ):
            body += more
        return int(first.split()[1]), headers, body.decode()

    def is_closed(self):
        """Does the portal close the connection?"""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


MANY_HEADERS = [f"X-{number}: 1" for number in range(120)]
REJECTED = {
    "too many headers": (["GET {} HTTP/1.1", *MANY_HEADERS], 431, "headers-too-large"),
    "thousands of headers": (
        ["GET {} HTTP/1.1", *[f"X-{number}: 1" for number in range(4000)]],
        431,
        "headers-too-large",
    ),
    "too large headers": (
        ["GET {} HTTP/1.1", f"X-Large: {'x' * 40_000}"],
        431,
        "headers-too-large",
    ),
    "too long an address": (["GET {}?q=" + "x" * 9000 + " HTTP/1.1"], 414, "address-too-long"),
    "a body that does not come": (["POST {} HTTP/1.1", "Content-Length: 10"], 408, "too-slow"),
}


@pytest.mark.parametrize(
    ("path", "what"),
    one_of_each(
        [(path, what) for what in REJECTED for path in ("/accounts/login/", "/api/v1/models/")],
        lambda path, what: what == "a body that does not come" or (path, what),
    ),
)
def test_a_request_that_the_front_rejects_gets_an_answer_of_the_portal(quick, path, what):
    """In a page, or as problem+json, with the request's id and the portal's headers."""
    lines, status, slug = REJECTED[what]
    first, *rest = lines
    found, headers, body = RawConnection(quick).send(first.format(path), *rest).receive()
    assert found == status
    if path.startswith("/api/"):
        problem = json.loads(body)
        assert (
            headers["content-type"] == "application/problem+json"
            and problem["type"] == f"/docs/problems/{slug}"
        )
        assert (
            problem["status"] == status
            and problem["remedy"]
            and problem["instance"] == f"urn:request:{headers['x-request-id']}"
        )
    else:
        assert (
            'class="error-page"' in body
            and headers["x-request-id"] in body
            and "default-src 'none'" in headers["content-security-policy"]
        )


AMBIGUOUS = {
    "no request at all": b"HELLO\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\nabc",
    "a length that is none": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\x00: b\r\n\r\n",
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_cannot_be_read_ends_the_connection(quick, sent):
    client = RawConnection(quick)
    client.socket.sendall(sent)
    status, headers, body = client.receive()
    assert status == 400 and "invalid request" in body and client.is_closed()


def test_an_answer_keeps_its_form_behind_the_front(quick):
    """HEAD has the headers of GET and no body; a harmless id is kept; one connection serves several requests."""
    client = RawConnection(quick)
    status, of_get, body = client.send(
        "GET /docs/problems/too-slow HTTP/1.1", "X-Request-Id: my-own-id-1"
    ).receive()
    assert (
        status == 200
        and of_get["x-request-id"] == "my-own-id-1"
        and len(body.encode()) == int(of_get["content-length"])
    )
    client.send("HEAD /docs/problems/too-slow HTTP/1.1")
    head = client.socket.recv(65536)
    assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n")
    assert (
        client.send("GET /healthz HTTP/1.1", "X-Request-Id: <script>").receive()[1]["x-request-id"]
        != "<script>"
    )


def test_who_asks_is_who_connects_whatever_the_headers_say(quick):
    """`/metrics` is for this machine: nobody gets it by a header, and a proxy's mark shuts it (issue 8, line 1)."""
    assert RawConnection(quick).send("GET /metrics HTTP/1.1").receive()[0] == 200
    assert (
        RawConnection(quick).send("GET /metrics HTTP/1.1", "X-Portal-Client: 10.1.2.3").receive()[0]
        == 200
    )
    assert (
        RawConnection(quick).send("GET /metrics HTTP/1.1", "X-Forwarded-For: 10.1.2.3").receive()[0]
        == 404
    )


def test_a_header_with_an_underscore_passes_for_no_other():
    headers = [
        (b"x-portal-client", b"10.0.0.1"),
        (b"x_portal_client", b"127.0.0.1"),
        (b"x_forwarded_for", b"127.0.0.1"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ]
    scope = {
        "method": "GET",
        "raw_path": b"/a%FFb",
        "query_string": b"",
        "http_version": "1.1",
        "headers": headers,
    }
    environ = environ_of(scope)
    assert (
        environ["REMOTE_ADDR"] == "10.0.0.1"
        and "HTTP_X_FORWARDED_FOR" not in environ
        and "HTTP_X_PORTAL_CLIENT" not in environ
    )
    assert environ["HTTP_COOKIE"] == "a=1; b=2" and environ["PATH_INFO"] == "/a\xffb"


@pytest.mark.parametrize("trusted", [[], ["10.0.3.0/24", "2001:db8::/64"]], ids=["nobody", "two"])
def test_haproxy_accepts_the_configuration_and_believes_named_proxies_only(tmp_path, trusted):
    config = configured(tmp_path, 1, trusted=trusted)
    command = [front.haproxy(), "-c", "-f", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("X-Forwarded-For" in config.read_text()) == bool(trusted)


def configured(folder, port, limits=None, trusted=()):
    """The front's configuration, with its error pages and the web process' socket in the same folder."""
    front.write_error_pages(folder)
    web, config = folder / "web.sock", folder / "haproxy.cfg"
    text = front.configuration(f"127.0.0.1:{port}", web, folder, limits or Limits(), trusted)
    config.write_text(text)
    return config


class Front:
    """HAProxy alone. `web(connection)` plays the web process in a thread; None: there is none."""

    def __init__(self, folder, web, limits):
        self.port, self._web = free_port(), web
        if web:
            self._listener = socket.create_server(str(folder / "web.sock"), family=socket.AF_UNIX)
            threading.Thread(target=self._serve, daemon=True).start()
        command = [front.haproxy(), "-db", "-f", str(configured(folder, self.port, limits))]
        self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def __enter__(self):
        until(self._accepts, 10)
        return self

    def __exit__(self, *_):
        self._child.terminate()
        self._child.wait(10)

    def _accepts(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def _serve(self):
        while True:
            self._web(self._listener.accept()[0])


def _read_and_hang_up(connection):
    connection.recv(65536)
    connection.close()


HANGING = []


WEB_FAILURES = {
    "portal-broke": (502, _read_and_hang_up),
    "portal-starting": (503, None),
    "portal-late": (504, HANGING.append),
}


@pytest.mark.parametrize(
    ("path", "slug"),
    one_of_each(
        [(path, slug) for slug in WEB_FAILURES for path in ("/accounts/login/", "/api/v1/models/")],
        lambda path, slug: slug,
    ),
)
def test_a_failure_of_the_web_process_gets_an_answer_with_a_remedy(tmp_path, path, slug):
    status, web = WEB_FAILURES[slug]
    with Front(tmp_path, web, Limits(work_s=1.0)) as running:
        found, headers, body = RawConnection(running).send(f"GET {path} HTTP/1.1").receive()
    assert found == status and headers["retry-after"] == "5" and headers["x-request-id"] in body
    if path.startswith("/api/"):
        assert json.loads(body)["type"] == f"/docs/problems/{slug}" and json.loads(body)["remedy"]
    else:
        assert 'class="error-page"' in body


# Bodies: issue 8, line 2


def uploads_of(portal):
    return (
        list((portal.folder / "quarantine").glob("*"))
        if (portal.folder / "quarantine").exists()
        else []
    )


LARGE_ANONYMOUS = {
    "a form": ("/accounts/login/", "multipart/form-data; boundary=b", 413),
    "an upload": ("/publish/income/1.0.0/package/", "multipart/form-data; boundary=b", 302),
    "an upload to the API": (
        "/api/v1/versions/1/artifacts/",
        "multipart/form-data; boundary=b",
        401,
    ),
    "JSON": ("/api/v1/models/", "application/json", 413),
    "nowhere": ("/nowhere/", "text/plain", 413),
}


@pytest.mark.slow
def test_nobody_in_particular_sends_much_and_nothing_of_it_is_kept(quick):
    """300 MB are refused by their headers, before a byte of them is asked for."""
    clients = {
        name: RawConnection(quick).send(
            f"POST {path} HTTP/1.1",
            "Content-Length: 300000000",
            f"Content-Type: {kind}",
            body=b"--b\r\n" * 1000,
        )
        for name, (path, kind, _) in LARGE_ANONYMOUS.items()
    }
    answers = {name: client.receive() for name, client in clients.items()}
    assert {name: found for name, (found, _, _) in answers.items()} == {
        name: status for name, (_, _, status) in LARGE_ANONYMOUS.items()
    }
    refused = json.loads(answers["JSON"][2])
    assert refused["limit"] == 65536 and refused["remedy"]
    assert [name for name, client in clients.items() if not client.is_closed()] == []
    assert uploads_of(quick) == []


@pytest.fixture
def draft(transactional_db):
    return factories.publishing.start_version(
        factories.alice(), factories.model(name="Income"), "1.0.0"
    )


def form(more):
    """(content type, body) of a package that says `more` bytes about itself, as curl -F sends it."""
    graph = onnx.load_from_string(onnx_bytes())
    graph.doc_string = "x" * more
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="income.onnx"\r\n\r\n'
    return "multipart/form-data; boundary=b", head + graph.SerializeToString() + b"\r\n--b--\r\n"


@pytest.mark.parametrize("more", [0, 200_000], ids=["small", "large"])
def test_a_package_goes_in_by_the_page_and_by_the_api(quick, draft, more):
    """Small ones come whole from the front, large ones are admitted first; both leave only the artifact and no place taken."""
    cookie, (kind, body) = session(factories.alice()), form(more)
    assert quick.request("POST", "/publish/income/1.0.0/package/", cookie, body, kind)[0] == 302, (
        quick.log_tail()
    )
    assert draft.artifacts.count() == 1
    assert (
        quick.request("POST", f"/api/v1/versions/{draft.pk}/artifacts/", cookie, body, kind)[0]
        == 201
    ), quick.log_tail()
    assert Upload.objects.count() == 0 and uploads_of(quick) == []


def begin_upload(portal, cookie, size, *more):
    jar = f"Cookie: sessionid={cookie}; csrftoken={CSRF}"
    head = [
        "POST /publish/income/1.0.0/package/ HTTP/1.1",
        jar,
        f"Content-Length: {size}",
        "Content-Type: multipart/form-data; boundary=b",
        *more,
    ]
    return RawConnection(portal).send(*head, body=b"--b\r\n")


def test_three_uploads_at_once_the_fourth_is_told_to_wait_and_those_that_stall_give_their_place_back(
    quick, draft
):
    """Two declared GiB that stall take no worker and no room, and are gone at the deadline."""
    cookie = session(factories.alice())
    stalled = [begin_upload(quick, cookie, 2**31 - 1) for _ in range(3)]
    until(lambda: Upload.objects.count() == 3, 10, quick.log_tail)
    status, headers, page = begin_upload(quick, cookie, 200_000).receive()
    assert (
        status == 429
        and headers["retry-after"]
        and "3 is the most at once" in page
        and "Wait until one of them has ended" in page
    )
    assert [client.receive()[0] for client in stalled] == [408] * 3
    until(lambda: Upload.objects.count() == 0, 5, quick.log_tail)
    assert uploads_of(quick) == []


def test_who_leaves_while_sending_gives_the_place_back(quick, draft):
    client = begin_upload(quick, session(factories.alice()), 10_000_000)
    until(lambda: Upload.objects.count() == 1, 10, quick.log_tail)
    client.socket.close()
    until(lambda: Upload.objects.count() == 0, 10, quick.log_tail)


def test_an_upload_says_how_large_it_is_and_waits_for_leave(quick, draft):
    cookie = session(factories.alice())
    jar = f"Cookie: sessionid={cookie}; csrftoken={CSRF}"
    chunked = ["Transfer-Encoding: chunked", "Content-Type: multipart/form-data; boundary=b"]
    status, _, page = (
        RawConnection(quick)
        .send("POST /publish/income/1.0.0/package/ HTTP/1.1", jar, *chunked, body=b"0\r\n\r\n")
        .receive()
    )
    assert status == 411 and "Content-Length" in page
    rejected_at_once = begin_upload(quick, cookie, 2**32, "Expect: 100-continue").receive()
    assert rejected_at_once[0] == 413 and re.search(r"at most 2.0.GB", rejected_at_once[2])
