"""Only Postgres and Redis, in the foreground, for people who develop.

In one shell `.venv/bin/python -m marketplace.launcher.stores --run-dir /tmp/mine --port 20500`, in another `. /tmp/mine/env`.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from marketplace.launcher import embedded_postgres, embedded_redis, environment, process_definitions
from marketplace.launcher.embedded_postgres import PostgresUnavailable
from marketplace.launcher.embedded_redis import RedisUnavailable
from marketplace.launcher.orphaned_processes import kill_orphaned_processes
from marketplace.launcher.ports import NoFreePort, choose_all
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.status import Status, print_error, print_line
from marketplace.launcher.subreaper import run_under_subreaper
from marketplace.launcher.supervisor import NotReady, StepFailed, Stopped, Supervisor

PROBLEMS = (NotReady, StepFailed, NoFreePort, PostgresUnavailable, RedisUnavailable)
POSTGRES_PORT = 25432
REDIS_PORT = 26379


def start_stores(
    supervisor: Supervisor, run: RunDir, ports: dict[str, int], volatile: bool = False
) -> None:
    """Start the embedded servers that the environment does not replace, and wait until they serve."""
    names = []
    if not os.environ.get("DATABASE_URL"):
        supervisor.start(embedded_postgres.postgres(run, ports["postgres"], volatile))
        names.append("postgres")
    if not os.environ.get("REDIS_URL"):
        supervisor.start(embedded_redis.redis(run, ports["redis"], volatile))
        names.append("redis")
    if names:
        supervisor.until_ready(*names)


def with_stores(run: RunDir, work: Callable[[dict[str, str]], int]) -> int:
    """Run `work(environment)` with the run folder's Postgres and Redis up, for a single command."""
    run.prepare()
    kill_orphaned_processes(run)
    ports = choose_all(
        {name: process_definitions.PREFERRED_PORTS[name] for name in ("postgres", "redis")}
    )
    supervisor = Supervisor(run, Status(run))
    try:
        start_stores(supervisor, run, ports)
        return work(environment.stores(run, ports))
    except PROBLEMS as problem:
        print_error(str(problem))
        return 1
    finally:
        supervisor.stop()


def write_env_file(run: RunDir, variables: dict[str, str]) -> Path:
    """`<run>/env`, to be sourced by a shell (0600: it holds passwords)."""
    path = run.path / "env"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return path


def serve(run: RunDir, ports: dict[str, int], volatile: bool) -> int:
    supervisor = Supervisor(run, Status(run))
    supervisor.listen_to_signals()
    try:
        start_stores(supervisor, run, ports, volatile)
        path = write_env_file(run, environment.common(run) | environment.stores(run, ports))
        print_line(
            f"postgres on 127.0.0.1:{ports['postgres']}, redis on 127.0.0.1:{ports['redis']}. In another shell:  . {path}"
        )
        supervisor.watch()
    except Stopped:
        return 0
    except NotReady as problem:
        print_error(str(problem))
        return 1
    finally:
        supervisor.stop()
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m marketplace.launcher.stores",
        description="Postgres and Redis for development.",
    )
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=None,
        help="where data, logs and secrets live (default: .run)",
    )
    parser.add_argument(
        "--port", type=int, default=POSTGRES_PORT, help="Postgres' port; Redis gets the next one"
    )
    parser.add_argument("--fast", action="store_true", help="no fsync: for tests only")
    options = parser.parse_args(argv)
    run = RunDir(options.run_dir)
    if not run.lock():
        print_error(f"{run.path} is in use by another instance.")
        return 1
    run.prepare()
    ports = choose_all(
        {
            "postgres": options.port,
            "redis": options.port + 1 if options.port != POSTGRES_PORT else REDIS_PORT,
        }
    )
    return run_under_subreaper(lambda: serve(run, ports, options.fast))


if __name__ == "__main__":
    sys.exit(main())
