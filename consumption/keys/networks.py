"""Networks as people write them and addresses as connections have them. Pure: the gateway imports it too.

A network is CIDR text (`10.20.0.0/16`, `2001:db8::/32`); an address alone is a network of one.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MOST = 50


def parse(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that texts name, each once, in their order. Raises ValueError with a sentence about the first that is none."""
    found = {_network(text.strip()): None for text in texts if text.strip()}
    if len(found) > MOST:
        raise ValueError(f"At most {MOST} networks can be named. Join neighbours into larger ones.")
    return tuple(found)


def address_of(text: str) -> Address | None:
    """The address of a connection; an IPv4 address inside IPv6 is itself. None for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def contain(networks: Iterable[Network], text: str) -> bool:
    """Is the address in one of the networks? No, when it is no address."""
    address = address_of(text)
    return address is not None and any(address in network for network in networks)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text[:60]} is not a network. Write it as 10.20.0.0/16 or 2001:db8::/32."
        ) from None
    raise ValueError(f"{text[:60]} names an address inside a network. Write {wider} for all of it.")
