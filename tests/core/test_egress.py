"""Which addresses may be called: by the address that is connected to, never by the text that was entered."""

import ipaddress
import socket
import threading
import time

import pytest

from marketplace.core import egress
from marketplace.core.egress import EgressDenied
from tests import factories


@pytest.fixture(autouse=True)
def nothing_listed(settings):
    settings.OUTBOUND_ALLOWED = []
    settings.OUTBOUND_ALLOWS_LOOPBACK = False


def callable_now(text, listed=False):
    return egress.is_callable(ipaddress.ip_address(text), listed)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses_are_called(text):
    assert callable_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::ffff:127.0.0.1",
        "::ffff:100.64.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "100.100.100.200",
    ],
)
def test_inner_addresses_are_not(text):
    assert not callable_now(text)


@pytest.mark.parametrize("text", ["10.0.0.1", "192.168.1.1", "100.64.0.1", "fc00::1"])
def test_a_listed_host_may_be_private(text):
    assert callable_now(text, listed=True)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "fe80::1",
        "64:ff9b::7f00:1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
    ],
)
def test_loopback_and_metadata_are_never_called_even_if_listed(text):
    assert not callable_now(text, listed=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.com/x",
        "ftp://models.example.com",
        "https://",
        "models.example.com",
        "https://u:p@models.example.com",
        "https://u@models.example.com",
        "https://models.example.com/#x",
        "https://models.example.com:22/",
        "https://models.example.com:x/",
        "https://[::1",
        "//models.example.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_urls_that_are_refused_by_their_text(url):
    with pytest.raises(EgressDenied):
        egress.check_url(url)


@pytest.mark.parametrize(
    "host", ["127.1", "0177.0.0.1", "2130706433", "0x7f.1", "localhost", "①②⑦.⓪.⓪.①"]
)
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises(EgressDenied):
        egress.resolve(host, 443)


def test_every_address_of_a_name_is_judged(monkeypatch):
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
        for address in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)
    with pytest.raises(EgressDenied):
        egress.resolve("models.example.com", 443)


def test_the_connection_goes_to_the_judged_address(monkeypatch):
    """A name that resolves to something else the second time gains nothing."""
    answers = iter(["8.8.8.8", "127.0.0.1"])
    connected = []

    def resolve_differently(*_args, **_kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    def create_connection(address, *_args, **_kwargs):
        connected.append(address)
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve_differently)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    connection = egress.connect(
        "https://models.elsewhere.example/v2", 1
    )  # the tests answer for example.com themselves
    with pytest.raises(OSError, match="nobody"):
        connection.request("GET", "/")
    assert connected == [("8.8.8.8", 443)]


def test_a_listed_host_may_use_http_and_its_port(settings, monkeypatch):
    settings.OUTBOUND_ALLOWED = ["Models.internal:9000"]
    inner = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 9000))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: inner)
    assert egress.connect("http://models.internal:9000/v2", 1).port == 9000
    with pytest.raises(EgressDenied):
        egress.connect("http://models.internal:9001/v2", 1)


# Issue 9, line 7: an address is judged when it is entered, with the rule that the connection uses.

NEVER_CALLED = [
    "https://169.254.169.254/latest",
    "https://[fe80::1]/",
    "https://127.0.0.1/",
    "https://[::1]:8443/",
    "https://10.0.0.7/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://localhost/",
    "https://user:pw@models.example.com/",
    "https://models.example.com:22/",
    "ftp://models.example.com/",
    "http://models.example.com/",
    "https://models.example.com/#part",
]


@pytest.mark.parametrize("url", NEVER_CALLED)
def test_an_address_that_could_never_be_called_is_not_stored(db, client, url):
    version = factories.draft_version()
    client.force_login(factories.alice())
    answer = client.put(
        f"/api/v1/versions/{version.pk}/endpoint/", {"url": url}, content_type="application/json"
    )
    assert answer.status_code == 422, answer.content
    page = f"/publish/{version.model.slug}/{version.number}/package/"
    answer = client.post(page, {"external_url": url})
    assert answer.status_code == 422 and url in answer.content.decode(), "what was typed is kept"
    version.refresh_from_db()
    assert version.external_url == "https://models.example.com/income"


def test_an_address_by_name_is_judged_by_where_it_is(monkeypatch):
    def inside(host, port, **_):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("8.8.8.8", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    with pytest.raises(EgressDenied, match="inside the network"):
        egress.check_destination("https://models.example.com/")


def test_a_name_that_is_not_known_yet_is_taken_and_a_slow_answer_holds_nobody(monkeypatch):
    def not_known(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", not_known)
    egress.check_destination("https://models.example.com/")
    silent = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silent.wait(20))
    began = time.monotonic()
    egress.check_destination("https://models.example.com/", within_s=0.1)
    assert time.monotonic() - began < 10
    silent.set()
