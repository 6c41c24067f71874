"""The egress policy: which addresses of other people's servers may be called, and connections to exactly the checked address.

Host names are resolved once, every address is checked, and the connection goes to a checked one with the name kept for
TLS. Redirects are never followed, proxies of the environment never used. See docs/reliability.md, "Outgoing requests".
"""

import http.client
import ipaddress
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PORTS = (443, 8443)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200"))
)


class EgressDenied(Exception):
    """Why an address is not called, in a sentence for the person who entered it."""


class HostNotFound(EgressDenied):
    """No address belongs to the name, now."""


def connect(url: str, timeout: float) -> http.client.HTTPConnection:
    """An http.client connection to an external endpoint. Raises EgressDenied, OSError."""
    parts = check_url(url)
    port = parts.port or 443
    host = parts.hostname or ""
    address = resolve(host, port)
    if parts.scheme == "http":
        return _Pinned(host, port, address, timeout)
    return _PinnedTLS(host, port, address, timeout)


def connect_internal(url: str, timeout: float) -> http.client.HTTPConnection:
    """A connection to our own engine, whose address comes from settings, never from a person."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


def check_url(url: str) -> SplitResult:
    """The parts of a URL that may be called, by its text alone. Raises EgressDenied."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressDenied("This is not an address. Enter it as https://host/path.") from None
    if not parts.hostname:
        raise EgressDenied("This is not an address. Enter it as https://host/path.")
    if parts.username or parts.password or parts.fragment:
        raise EgressDenied(
            "The address holds a user name, password or fragment. Enter it without; credentials have their own field."
        )
    listed = is_listed(parts.hostname, port or (443 if parts.scheme == "https" else 80))
    if parts.scheme != "https" and not (parts.scheme == "http" and listed):
        raise EgressDenied(
            "Only https addresses are called. Ask an administrator to list an internal host."
        )
    if (port or 443) not in PORTS and not listed:
        raise EgressDenied(
            f"Port {port} is not called. Use 443 or 8443, or ask an administrator to list the host and port."
        )
    return parts


def check_destination(url: str, within_s: float = 3.0) -> None:
    """Refuse an address when it is entered, by the rule that every connection to it will use. Raises EgressDenied.

    A name that is not found, or not within `within_s` seconds, may be known tomorrow: the connection judges it then.
    """
    parts = check_url(url)
    names = ThreadPoolExecutor(1, thread_name_prefix="names")  # getaddrinfo knows no deadline
    try:
        names.submit(
            resolve, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        ).result(within_s)
    except (HostNotFound, TimeoutError, OSError):
        return
    finally:
        names.shutdown(wait=False)


def is_listed(host: str, port: int) -> bool:
    """True when an administrator allows this internal host and port (OUTBOUND_ALLOWED, "host:port")."""
    return f"{host.lower()}:{port}" in {
        entry.strip().lower() for entry in settings.OUTBOUND_ALLOWED
    }


def resolve(host: str, port: int) -> str:
    """The first address of `host`, after every one of them was found callable. Raises EgressDenied, OSError."""
    try:
        hostname = host.encode("idna").decode("ascii") if not _is_literal(host) else host
        results = socket.getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
    except (UnicodeError, socket.gaierror):
        raise HostNotFound(f"The host {host} is not found.") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in results]
    listed = is_listed(host, port)
    for address in addresses:
        if not is_callable(address, listed):
            raise EgressDenied(
                f"{host} is at an address inside the network ({address}). Ask an administrator to list it."
            )
    return str(addresses[0])


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_callable(address: Address, listed: bool = False) -> bool:
    """May this ip_address be called? Everything that wraps an IPv4 address is checked by that one.

    `listed`: an administrator allows this host and port; then private ranges are fine. Never: loopback, link-local,
    metadata services, multicast, unspecified.
    """
    for inner in _unwrapped(address):
        if _is_never(inner):
            return False
        if not listed and not (inner.is_global and not inner.is_reserved):
            return False
    return True


def _is_never(address: Address) -> bool:
    loopback = address.is_loopback and not settings.OUTBOUND_ALLOWS_LOOPBACK
    return (
        loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in METADATA
    )


def _unwrapped(address: Address) -> list[Address]:
    """The address and every IPv4 address inside it. NAT64, 6to4, Teredo and mapped forms count as what they reach."""
    if address.version == 4:
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address in LOCAL_NAT64 or address.is_site_local:
        return [ipaddress.ip_address("169.254.0.0")]  # never callable
    inner: list[Address] = [address]
    if address.sixtofour:
        inner = [address.sixtofour]
    if address.teredo:
        inner = list(address.teredo)
    return inner


class _Pinned(http.client.HTTPConnection):
    """Connects to the checked address; the Host header keeps the name."""

    def __init__(self, host: str, port: int, address: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _PinnedTLS(_Pinned):
    """The same with TLS: certificate and SNI are checked against the name."""

    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
