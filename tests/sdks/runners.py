"""The clients of sdks/ in their real runtimes: what builds them, and how the contract suite makes them call."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from marketplace.launcher.rundir import ROOT, run_dir

SDKS = ROOT / "sdks"
PYTHON, JAVASCRIPT, JAVA = SDKS / "python", SDKS / "javascript", SDKS / "java"


@dataclass(frozen=True)
class Runner:
    """A program that reads a plan from its standard input and writes an outcome a line.

    argv   gives its words, and builds it when it must be built
    needs  what must be installed; without, its tests are skipped and say so
    """

    id: str
    argv: Callable[[], list[str]]
    needs: tuple[str, ...] = ()

    def run(self, calls):
        """{name: outcome} of the calls."""
        need(*self.needs)
        done = subprocess.run(
            self.argv(),
            input=json.dumps({"calls": calls}),
            env=os.environ | {"PYTHONPATH": str(PYTHON / "src")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        outcomes = [json.loads(line) for line in done.stdout.split("\n") if line]
        return {outcome["name"]: outcome for outcome in outcomes}


def need(*programs):
    """Skip the test, with the reason in the report, when a program is not installed."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: what needs it was not run")


def python(*more):
    return [sys.executable, str(PYTHON / "contract_runner.py"), *more]


@functools.cache
def java_build():
    """The folder with the jar and the classes of the tests; built again when a source has changed, by one worker for all."""
    sources = sorted([*JAVA.rglob("*.java"), JAVA / "build.sh"])
    content = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    folder = run_dir() / "java" / content[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(dir=folder.parent)
        done = subprocess.run(
            ["sh", str(JAVA / "build.sh"), made], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        with contextlib.suppress(OSError):  # another worker was first
            os.rename(made, folder)
    return folder


def java(program, *more):
    classes = f"{java_build()}/classes{os.pathsep}{java_build()}/test-classes"
    return [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classes,
        f"org.marketplace.client.{program}",
        *more,
    ]


RUNNERS = [
    Runner("python", python),
    Runner("python-async", lambda: python("--async")),
    Runner("javascript", lambda: ["node", str(JAVASCRIPT / "contract_runner.mjs")], ("node",)),
    Runner("java", lambda: java("ContractRunner"), ("java", "javac")),
]
