"""Becomes one process of the marketplace: what docker-compose.yml and a production unit file call."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.launcher import process_definitions
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import RunDir

PORTS = process_definitions.PREFERRED_PORTS | {"engine_replicas": process_definitions.RANGES.start}
NAMES = ("front", "web", "gateway", "worker", "sender", "beat", "engine")


class Command(BaseCommand):
    help = "Run one process in the foreground: front, web, gateway, worker, sender, beat or engine. Addresses come from the environment."
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
        "front": lambda: process_definitions.front(
            port("web"), os.environ.get("WEB_HOST", "127.0.0.1")
        ),
        "web": lambda: process_definitions.web(run),
        "gateway": lambda: process_definitions.gateway(port("gateway")),
        "worker": process_definitions.worker,
        "sender": process_definitions.sender,
        "beat": lambda: process_definitions.beat(run),
        "engine": lambda: process_definitions.engine(run, PORTS),
    }
    return lineups[name]()
