"""What every command is given."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TextIO

from marketplace_client.cli import sign_in
from marketplace_client.cli.output import Output
from marketplace_client.cli.portal import Portal, Transport, over_http


@dataclass
class World:
    """What lies outside the program. Tests give another one."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    transport: Transport = over_http
    sleep: Callable[[float], None] = time.sleep
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)


@dataclass
class Context:
    """One run of a command."""

    arguments: Namespace
    world: World

    @cached_property
    def out(self) -> Output:
        return Output(self.arguments.json, self.world.stdout, self.world.stderr)

    @cached_property
    def sign_in(self) -> sign_in.SignIn:
        return sign_in.required(self.world.environment)

    @cached_property
    def portal(self) -> Portal:
        kept = self.sign_in
        return Portal(kept.portal, kept.token, self.world.transport, self.world.sleep)
