"""The client's address: the connection's own, or behind a trusted proxy the one in X-Forwarded-For.

GATEWAY_TRUSTED_PROXIES names the networks of the balancers in front of the gateway, separated by commas; by default there
are none, and `X-Forwarded-For` is never read. Each proxy appends the address that it saw, so the header is read from
right to left, and the first address that is not a trusted proxy's is the client's: what stands left of it was sent by
the client, who may write anything. An entry that is no address ends the reading at the proxy that passed it on.
"""

from collections.abc import Sequence

from consumption.keys import networks


class TrustedProxies:
    """The networks of trusted proxies. Raises ValueError when a text is not a network."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._networks = networks.parse(texts)

    def contain(self, address: str) -> bool:
        """Whether it is a trusted proxy's address. Asked once for each connection."""
        return bool(self._networks) and networks.contain(self._networks, address)

    def client_of(self, proxy: str, headers: list[tuple[bytes, bytes]]) -> str:
        """The address of the client whose request a trusted proxy passed on."""
        values = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        client = proxy
        for entry in reversed(values.decode("latin-1").split(",")):
            address = networks.address_of(_without_port(entry.strip()))
            if address is None:
                break
            client = str(address)
            if not self.contain(client):
                break
        return client


def _without_port(entry: str) -> str:
    """`192.0.2.1:4711` and `[2001:db8::1]:4711` without brackets and port."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
