"""The embedded Postgres and Redis: they survive kill -9, keep data, and stand beside others."""

import os
import signal
import socket
import subprocess
import sys
import time

import psycopg
import pytest
import redis as redis_client

from marketplace.launcher import embedded_postgres, embedded_redis, environment
from marketplace.launcher.orphaned_processes import kill_orphaned_processes
from marketplace.launcher.ports import choose, choose_all
from marketplace.launcher.rundir import ROOT, RunDir
from marketplace.launcher.status import Status
from marketplace.launcher.stores import start_stores
from marketplace.launcher.supervisor import Supervisor


@pytest.fixture
def stores(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    run = RunDir(tmp_path / "run").prepare()
    supervisor = Supervisor(run, Status(run))
    ports = choose_all({"postgres": 29432, "redis": 29379})
    start_stores(supervisor, run, ports)
    yield supervisor, environment.stores(run, ports)
    supervisor.stop()


def kill_and_await(supervisor, name):
    child = supervisor.programs[name].child
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    supervisor.tick()
    supervisor.until_ready(name)


def test_postgres_keeps_committed_rows_through_kill(stores):
    supervisor, urls = stores
    with psycopg.connect(urls["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 500)")
    kill_and_await(supervisor, "postgres")
    with psycopg.connect(urls["DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (500,)


def test_postgres_asks_for_the_password(stores):
    _, urls = stores
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(urls["DATABASE_URL"].replace("marketplace_app:", "marketplace_app:x"))


def test_redis_keeps_its_queue_through_kill(stores):
    supervisor, urls = stores
    client = redis_client.Redis.from_url(urls["REDIS_URL"])
    client.rpush("queue", *range(100))
    time.sleep(1.2)  # the file is flushed each second
    kill_and_await(supervisor, "redis")
    assert redis_client.Redis.from_url(urls["REDIS_URL"]).llen("queue") == 100


def test_redis_asks_for_the_password(stores):
    _, urls = stores
    with pytest.raises(redis_client.exceptions.AuthenticationError):
        redis_client.Redis.from_url(urls["REDIS_URL"].replace("redis://:", "redis://:x")).ping()


def test_port_in_use_is_stepped_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert choose(port) != port


def test_secrets_are_kept_and_private(tmp_path):
    first = RunDir(tmp_path).prepare()
    password = first.secret_text("postgres_password")
    assert RunDir(tmp_path).prepare().secret_text("postgres_password") == password
    assert first.secret("signing_key").stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(first.secret_text("signing_key"))) == 32


def test_folder_belongs_to_one_at_a_time(tmp_path):
    first, second = RunDir(tmp_path), RunDir(tmp_path)
    assert first.lock()
    assert not second.lock()


def test_wiping_keeps_only_the_lock(tmp_path):
    run = RunDir(tmp_path).prepare()
    run.lock()
    run.wipe()
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_orphans_of_a_dead_launch_are_killed(tmp_path):
    run = RunDir(tmp_path).prepare()
    stray = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=os.environ | {"MARKETPLACE_LAUNCHED": str(run.path)},
    )
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert kill_orphaned_processes(run) == 1
        assert stray.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_root_without_user_namespaces_still_gets_postgres(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root needs this way")

    def forbidden():
        raise OSError("no user namespaces here")

    monkeypatch.setattr(embedded_postgres, "_as_nobody_in_namespace", forbidden)
    run = RunDir(tmp_path / "run").prepare()
    place = embedded_postgres.find_server(run)
    assert place.user == "nobody"
    supervisor = Supervisor(run, Status(run))
    port = choose(29532)
    supervisor.start(embedded_postgres.postgres(run, port))
    try:
        supervisor.until_ready("postgres")
        assert embedded_postgres.accepts(run, port)
    finally:
        supervisor.stop()


def test_without_redis_the_sentence_names_a_way_out(monkeypatch):
    monkeypatch.setattr(embedded_redis.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded_redis.shutil, "which", lambda name: None)
    with pytest.raises(embedded_redis.RedisUnavailable, match="REDIS_URL"):
        embedded_redis.program()


def test_log_is_kept_back_while_the_backup_is_away(tmp_path):
    run = RunDir(tmp_path / "run").prepare()
    (tmp_path / "piece").write_bytes(b"log")
    command = (
        embedded_postgres.archive_command(run)
        .replace("%p", "piece")
        .replace("%f", "000000010000000000000001")
    )

    def archive():
        return subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, stderr=subprocess.DEVNULL
        ).returncode

    assert archive() == 0, "no backup was ever made: nothing is kept"
    link, disk = embedded_postgres.archive_link(run), tmp_path / "disk"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(disk)
    assert archive() != 0, "its disk is away: Postgres is to keep the piece and try again"
    disk.mkdir()
    assert archive() == 0 and [path.name for path in disk.iterdir()] == [
        "000000010000000000000001.gz"
    ]


def test_two_that_start_in_the_same_instant_choose_different_ports():
    ask = f"from marketplace.launcher.ports import choose; print(choose({choose(29632)}), flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", ask],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        assert int(other.stdout.readline()) != choose(29632), "though nobody listens there yet"
    finally:
        other.communicate("\n")
