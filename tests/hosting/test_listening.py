"""Everything that a start opens listens on loopback. Issue 9, line 10."""

import ipaddress
import os
import types
from pathlib import Path

import pytest

from hosting.drivers import ingress, ray_head
from hosting.model_server import listening
from marketplace.launcher.processes import descendants
from tests import factories
from tests.hosting.live import approve, is_published

LISTEN = "0A"  # the state in /proc/net/tcp
RAY_WRITES = """frontend prometheus
    bind :20010
    mode http
frontend http_frontend
    bind 127.0.0.1:20000
listen stats
  bind *:20009
  stats enable
"""


def address_of(text):
    """An address as /proc/net/tcp writes it: words of four bytes, each with its least byte first."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def listening_sockets():
    """{inode: (address, port)} of every TCP socket that listens on this machine."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTEN:
                address, port = fields[1].split(":")
                found[fields[9]] = (address_of(address), int(port, 16))
    return found


def inodes(pid):
    """Of the sockets that a process holds."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return set()
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def listeners(pids):
    """{(address, port): the program} of what these processes listen on."""
    sockets = listening_sockets()
    return {
        sockets[inode]: Path(f"/proc/{pid}/comm").read_text().strip()
        for pid in pids
        for inode in inodes(pid)
        if inode in sockets
    }


@pytest.mark.slow
@pytest.mark.stack
def test_everything_that_a_start_opens_listens_on_loopback(stack, stack_orm, tmp_path):
    """Front, gateway, engine with its ingress and statistics, and the replica of a version that runs."""
    with stack_orm():
        version = approve(tmp_path, factories.model(name="Listens"), "1.0.0")
        stack.wait_until(lambda: is_published(version), 120)
    programs = [running.child.pid for running in stack.supervisor.programs.values()]
    pids = {
        *programs,
        *(below for pid in programs for below in descendants(pid)),
        *ray_head.processes(stack.run.path),
    }
    found = listeners(pids)
    ports = {port for _, port in found}
    for opened in ("web", "gateway", "engine_http", "engine_haproxy_stats"):
        assert stack.ports[opened] in ports, "this test would see it if it were open to all"
    assert any("ServeRepli" in program for program in found.values())
    assert {place: program for place, program in found.items() if not place[0].is_loopback} == {}


def test_what_ray_opens_for_all_its_ingress_opens_on_loopback(monkeypatch):
    monkeypatch.delenv("ENGINE_LISTENS_ON", raising=False)
    narrowed = ingress.narrowed(RAY_WRITES)
    assert [line.split()[1] for line in narrowed.splitlines() if "bind" in line] == [
        "127.0.0.1:20010",
        "127.0.0.1:20000",
        "127.0.0.1:20009",
    ]
    monkeypatch.setenv("ENGINE_LISTENS_ON", "10.0.0.7")
    assert "bind 10.0.0.7:20009" in ingress.narrowed(
        RAY_WRITES
    ) and "bind 127.0.0.1:20000" in ingress.narrowed(RAY_WRITES)


def test_a_replica_opens_its_port_where_its_head_says():
    ray_replica = types.SimpleNamespace(add_port_to_grpc_server=lambda server, wanted: wanted)
    listening.narrow(ray_replica, "127.0.0.1")
    assert ray_replica.add_port_to_grpc_server(None, "[::]:0") == "127.0.0.1:0"


def test_an_embedded_head_names_loopback(tmp_path, monkeypatch):
    monkeypatch.delenv("ENGINE_LISTENS_ON", raising=False)
    _argv, env = ray_head.head_command(
        tmp_path, ray_head.EnginePorts(), artifact_root=tmp_path, public_key=""
    )
    assert env[listening.ADDRESS] == "127.0.0.1"
