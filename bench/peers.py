"""Other gateways, to stand beside ours in `bench.gateway`: LiteLLM's proxy and Express-Gateway, each before the same stub.

`.venv/bin/python -m bench.peers` installs them into `.peers/` (nothing of it is ever committed; a minute or two, through
pip's and npm's own settings); `rm -r .peers` removes them. What cannot be installed is said and skipped.

What they do for a call is less than what ours does, so the ratio flatters them: LiteLLM checks one master key and passes the
request through, without a database; Express-Gateway checks a key, counts a rate in the benchmark's Redis and proxies. Neither
has quotas, versions, or a record of the call that survives a kill.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from marketplace.launcher.ports import choose
from marketplace.launcher.processes import die_with_parent
from marketplace.launcher.rundir import ROOT

HOME = ROOT / ".peers"
READY_S = 90
PORT = 28600  # or the next free one


@dataclass(frozen=True)
class Where:
    """What a peer is given: a folder of its own, the port it shall take, the stub's, the path of the calls and their key."""

    folder: Path
    port: int
    stub: int
    path: str
    key: str


@dataclass(frozen=True)
class Peer:
    """A gateway that others wrote.

    `start` writes its configuration and returns its command and environment; `enrol` tells the running one of its caller's
    key, where that key must be its own.
    """

    name: str
    goal: int  # ours shall take so many times less CPU (docs/decisions/0006-own-gateway.md)
    program: Path
    install: Callable[[], None]
    start: Callable[[Where], tuple[list[str], dict[str, str]]]
    enrol: Callable[[Where], None] | None = None
    key: str = ""

    @property
    def is_installed(self) -> bool:
        return self.program.exists()


def installed() -> list[Peer]:
    """Those that can be measured here."""
    return [peer for peer in PEERS if peer.is_installed]


@contextmanager
def running(
    peer: Peer, folder: Path, stub: int, path: str, key: str
) -> Iterator[tuple[int, int, str]]:
    """(port, pid, the caller's key) of a peer that answers; it is gone afterwards. Raises TimeoutError when it does not come up."""
    where = Where(
        folder / peer.name.replace(" ", "-").lower(), choose(PORT), stub, path, peer.key or key
    )
    where.folder.mkdir()
    command, env = peer.start(where)
    with (where.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=_clean() | env,
            cwd=where.folder,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    try:
        if peer.enrol:
            _until(lambda: _enrolled(peer, where), process, where)
        _until(lambda: _answers(where), process, where)
        yield where.port, process.pid, where.key
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _clean() -> dict[str, str]:
    """The environment without our stores and secrets: a peer with a database would be another peer."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in keep if name in os.environ}


def _until(done: Callable[[], bool], process: subprocess.Popen[bytes], where: Where) -> None:
    by = time.monotonic() + READY_S
    while not done():
        if process.poll() is not None or time.monotonic() > by:
            raise TimeoutError((where.folder / "log").read_text()[-1500:])
        time.sleep(0.3)


def _enrolled(peer: Peer, where: Where) -> bool:
    try:
        if peer.enrol:
            peer.enrol(where)
    except OSError:  # an HTTPError is one too
        return False
    return True


def _answers(where: Where) -> bool:
    head = {"Authorization": f"Bearer {where.key}", "Content-Type": "application/json"}
    call = urllib.request.Request(
        f"http://127.0.0.1:{where.port}{where.path}", b'{"inputs": []}', head
    )
    try:
        with urllib.request.urlopen(call, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


# LiteLLM


def _install_litellm() -> None:
    subprocess.run([sys.executable, "-m", "venv", str(HOME / "litellm")], check=True)
    subprocess.run(
        [str(HOME / "litellm/bin/pip"), "install", "--quiet", "litellm[proxy]"], check=True
    )


def _start_litellm(where: Where) -> tuple[list[str], dict[str, str]]:
    through = {
        "path": where.path,
        "target": f"http://127.0.0.1:{where.stub}{where.path}",
        "auth": True,
    }
    config = where.folder / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "model_list": [],
                "general_settings": {"master_key": where.key, "pass_through_endpoints": [through]},
            }
        )
    )
    command = [
        str(LITELLM.program),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(where.port),
    ]
    quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"}
    return [*command, "--num_workers", "1", "--telemetry", "False"], quiet


# Express-Gateway


def _install_express() -> None:
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise FileNotFoundError("node and npm are not installed here.")
    (HOME / "express").mkdir(parents=True, exist_ok=True)
    words = [npm, "install", "--silent", "--no-audit", "--no-fund", "express-gateway"]
    subprocess.run(words, cwd=HOME / "express", check=True)


def _start_express(where: Where) -> tuple[list[str], dict[str, str]]:
    redis = urlsplit(os.environ["REDIS_URL"])
    limit = {"max": 10**9, "windowMs": 60_000, "delayAfter": 0, "delayMs": 0}
    gateway = {
        "http": {"port": where.port, "hostname": "127.0.0.1"},
        "admin": {"port": _admin_port(where), "hostname": "127.0.0.1"},
        "apiEndpoints": {"bench": {"host": "*", "paths": "/*"}},
        "serviceEndpoints": {"stub": {"url": f"http://127.0.0.1:{where.stub}"}},
        "policies": ["key-auth", "rate-limit", "proxy"],
        "pipelines": {
            "bench": {
                "apiEndpoints": ["bench"],
                "policies": [
                    {"key-auth": [{"action": {"apiKeyHeaderScheme": "Bearer"}}]},
                    {"rate-limit": [{"action": limit}]},
                    {"proxy": [{"action": {"serviceEndpoint": "stub", "changeOrigin": True}}]},
                ],
            }
        },
    }
    store = {
        "host": redis.hostname,
        "port": redis.port,
        "password": redis.password,
        "namespace": "EG",
    }
    system = {
        "db": {"redis": store},
        "crypto": {"cipherKey": "bench", "algorithm": "aes256", "saltRounds": 10},
    }
    (where.folder / "gateway.config.yml").write_text(json.dumps(gateway))
    (where.folder / "system.config.yml").write_text(json.dumps(system))
    shutil.copytree(EXPRESS.program / "lib/config/models", where.folder / "models")
    code = (
        f"require({json.dumps(str(EXPRESS.program))})().load({json.dumps(str(where.folder))}).run()"
    )
    return [shutil.which("node") or "node", "-e", code], {
        "LOG_LEVEL": "error",
        "EG_DISABLE_CONFIG_WATCH": "true",
        "NODE_ENV": "production",
    }


def _admin_port(where: Where) -> int:
    return where.port + 1


def _enrol_express(where: Where) -> None:
    """A user, and the key of `Peer.key`, which is <id>:<secret>. Raises OSError as long as it is not up."""
    number, _, secret = where.key.partition(":")
    user = {"username": number, "firstname": "Bench", "lastname": "Mark"}
    for path, body in (
        ("/users", user),
        (
            "/credentials",
            {
                "consumerId": number,
                "type": "key-auth",
                "credential": {"keyId": number, "keySecret": secret},
            },
        ),
    ):
        call = urllib.request.Request(
            f"http://127.0.0.1:{_admin_port(where)}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(call, timeout=5).close()


LITELLM = Peer("LiteLLM", 50, HOME / "litellm/bin/litellm", _install_litellm, _start_litellm)
EXPRESS = Peer(
    "Express-Gateway",
    10,
    HOME / "express/node_modules/express-gateway",
    _install_express,
    _start_express,
    _enrol_express,
    "bench:benchmark-secret",
)
PEERS = (EXPRESS, LITELLM)


def main() -> int:
    """Install what is missing and say what is there."""
    HOME.mkdir(exist_ok=True)
    for peer in PEERS:
        try:
            if not peer.is_installed:
                print(f"{peer.name}: installing …", flush=True)
                peer.install()
            print(f"{peer.name}: installed")
        except (OSError, subprocess.CalledProcessError) as reason:
            print(f"{peer.name}: skipped. {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
