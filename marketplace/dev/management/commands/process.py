"""Becomes one process of the marketplace: what docker-compose.yml and a production unit file call."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.dev import lineup
from marketplace.dev.processes import Process
from marketplace.dev.rundir import RunDir

PORTS = lineup.PREFERRED_PORTS | {"engine_replicas": lineup.RANGES.start}
NAMES = ("front", "web", "gateway", "worker", "beat", "engine")


class Command(BaseCommand):
    help = "Run one process in the foreground: front, web, gateway, worker, beat or engine. Addresses come from the environment."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=NAMES)

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        process = chosen(name)
        environment = {**os.environ, **process.env} if process.inherits else dict(process.env)
        os.execvpe(process.argv[0], list(process.argv), environment)


def port(name: str) -> int:
    return int(os.environ.get(f"{name.upper()}_PORT") or PORTS[name])


def chosen(name: str) -> Process:
    """The process `name` as the demo starts it."""
    run = RunDir().prepare()
    lineups = {
        "front": lambda: lineup.front(port("web"), os.environ.get("WEB_HOST", "127.0.0.1")),
        "web": lambda: lineup.web(run),
        "gateway": lambda: lineup.gateway(port("gateway")),
        "worker": lineup.worker,
        "beat": lambda: lineup.beat(run),
        "engine": lambda: lineup.engine(run, PORTS),
    }
    return lineups[name]()
