"""Which addresses may be called: by the address that is connected to, never by the text that was entered."""

import ipaddress
import socket

import pytest

from hosting import outbound
from hosting.outbound import Refused


@pytest.fixture(autouse=True)
def nothing_listed(settings):
    settings.OUTBOUND_ALLOWED = []
    settings.OUTBOUND_ALLOWS_LOOPBACK = False


def callable_now(text, listed=False):
    return outbound.is_callable(ipaddress.ip_address(text), listed)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"])
def test_public_addresses_are_called(text):
    assert callable_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "224.0.0.1", "ff02::1", "240.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "::ffff:127.0.0.1", "::ffff:100.64.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:0:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "100.100.100.200",
    ],
)  # fmt: skip
def test_inner_addresses_are_not(text):
    assert not callable_now(text)


@pytest.mark.parametrize("text", ["10.0.0.1", "192.168.1.1", "100.64.0.1", "fc00::1"])
def test_a_listed_host_may_be_private(text):
    assert callable_now(text, listed=True)


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "fd00:ec2::254"])
def test_loopback_and_metadata_are_never_called_even_if_listed(text):
    assert not callable_now(text, listed=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.com/x", "ftp://models.example.com", "https://", "models.example.com", "https://u:p@models.example.com",
        "https://u@models.example.com", "https://models.example.com/#x", "https://models.example.com:22/", "https://models.example.com:x/",
        "https://[::1", "//models.example.com", "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_urls_that_are_refused_by_their_text(url):
    with pytest.raises(Refused):
        outbound.check_url(url)


@pytest.mark.parametrize("host", ["127.1", "0177.0.0.1", "2130706433", "0x7f.1", "localhost", "①②⑦.⓪.⓪.①"])
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises(Refused):
        outbound.resolve(host, 443)


def test_every_address_of_a_name_is_judged(monkeypatch):
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)
    with pytest.raises(Refused):
        outbound.resolve("models.example.com", 443)


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
    connection = outbound.connect("https://models.example.com/v2", 1)
    with pytest.raises(OSError, match="nobody"):
        connection.request("GET", "/")
    assert connected == [("8.8.8.8", 443)]


def test_a_listed_host_may_use_http_and_its_port(settings, monkeypatch):
    settings.OUTBOUND_ALLOWED = ["Models.internal:9000"]
    inner = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 9000))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: inner)
    assert outbound.connect("http://models.internal:9000/v2", 1).port == 9000
    with pytest.raises(Refused):
        outbound.connect("http://models.internal:9001/v2", 1)
