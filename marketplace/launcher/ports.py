"""Free TCP ports on loopback: the preferred one when nobody has it, otherwise any other."""

import random
import socket

# Below the kernel's usual ephemeral range (32768+), so that no outgoing connection takes a port between choosing and listening.
FALLBACK = range(21000, 32000)
ATTEMPTS = 200
_claims: dict[int, socket.socket] = {}


class NoFreePort(RuntimeError):
    """Nothing in the fallback range could be bound."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when `host:port` can be listened on now, on that address and on every address."""
    return all(_binds(address, port) for address in (host, "0.0.0.0"))


def _binds(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _claim(port: int) -> bool:
    """Say to all launchers on this machine that the port is this process', before anything listens there.

    The claim is a name among the kernel's abstract sockets: exclusive, no file, gone with the process.
    """
    if port in _claims:
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0marketplace-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim
    return True


def take(port: int) -> bool:
    """Make `port` this process'; False when it is in use. Claimed first, looked at then: so two that start in the same instant
    never end with the same one."""
    if not _claim(port):
        return False
    if is_free(port):
        return True
    _claims.pop(port).close()
    return False


def choose(preferred: int, taken: set[int] | None = None) -> int:
    """`preferred` when free and not in `taken`, otherwise a free port of the fallback range. Raises NoFreePort.

    The port is this process' until it ends; no other launcher chooses it.
    """
    taken = taken or set()
    if preferred not in taken and take(preferred):
        return preferred
    for port in random.sample(FALLBACK, ATTEMPTS):
        if port not in taken and take(port):
            return port
    raise NoFreePort(
        "No free port on 127.0.0.1 between 21000 and 32000. Stop another program that listens there and try again."
    )


def choose_all(preferred: dict[str, int]) -> dict[str, int]:
    """One distinct free port per name, each the preferred one where possible."""
    chosen: dict[str, int] = {}
    for name, port in preferred.items():
        chosen[name] = choose(port, set(chosen.values()))
    return chosen


def answers(port: int, host: str = "127.0.0.1", timeout: float = 0.5) -> bool:
    """True when something accepts a TCP connection."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False
