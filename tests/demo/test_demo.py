"""`manage.py demo` from outside: it answers, tells where, does not start twice, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from marketplace.launcher import processes
from marketplace.launcher.rundir import ROOT

ALONE = ("--without-engine", "--without-company")


@pytest.fixture
def outside(tmp_path):
    """The environment of a shell that knows none of our services."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "RAY_ADDRESS")
    }
    return inherited | {
        "MARKETPLACE_RUN_DIR": str(tmp_path / "run"),
        "MARKETPLACE_BOOTSTRAP": "off",
    }


def start(outside, *arguments):
    argv = [sys.executable, "manage.py", "demo", *ALONE, *arguments]
    return subprocess.Popen(
        argv, cwd=ROOT, env=outside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def until_ready(outside, demo, seconds=90):
    """The content of demo.json once everything is up."""
    path = Path(outside["MARKETPLACE_RUN_DIR"], "demo.json")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and demo.poll() is None:
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError):
            document = {}
        if document.get("ready"):
            return document
        time.sleep(0.2)
    demo.kill()
    raise AssertionError(f"the demo did not start:\n{demo.communicate()[0]}")


def stop(demo, signum=signal.SIGINT):
    demo.send_signal(signum)
    output, _ = demo.communicate(timeout=60)
    return output


def test_demo_from_nothing_to_nothing(outside):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        demo = start(outside, "--port", str(taken))
        document = until_ready(outside, demo)
    assert not document["web"].endswith(f":{taken}")
    assert urllib.request.urlopen(f"{document['web']}/healthz").status == 200
    assert urllib.request.urlopen(f"{document['gateway']}/v2/health/live").status == 200

    second = start(outside)
    told, _ = second.communicate(timeout=30)
    assert second.returncode == 0 and f"already running: {document['web']}" in told

    family = {processes.identity(pid) for pid in processes.descendants(demo.pid)}
    output = stop(demo)
    assert (
        demo.returncode == 0 and f"Port {taken} is in use" in output and "Traceback" not in output
    )
    assert not [member for member in family if member and processes.identity(member[0]) == member]
    assert not os.path.exists(f"{outside['MARKETPLACE_RUN_DIR']}/demo.json")


@pytest.mark.slow
def test_second_start_keeps_the_data_and_fresh_does_not(outside):
    run = Path(outside["MARKETPLACE_RUN_DIR"])

    def marks():
        return (run / "data/postgres/PG_VERSION").stat().st_ino, (
            run / "secrets/secret_key"
        ).read_text()

    demo = start(outside)
    until_ready(outside, demo)
    first = marks()
    demo.kill()  # the subreaper itself: the supervisor stops everything in order
    demo.communicate(timeout=60)

    again = start(outside)
    until_ready(outside, again)
    stop(again)
    assert marks() == first

    anew = start(outside, "--fresh")
    until_ready(outside, anew)
    stop(anew)
    assert marks()[1] != first[1]


def test_the_launcher_asks_the_engine_without_django_settings():
    """The launcher's own process has no secrets: a driver that reads settings there ends the demo when all seems ready."""
    ask = """
from hosting.drivers.base import EngineUnavailable
from marketplace.demo.readiness import running_apps
try:
    running_apps({"ENGINE_API_URL": "http://127.0.0.1:9", "ENGINE_URL": "http://127.0.0.1:9", "RAY_AUTH_TOKEN_PATH": "/dev/null"})
except EngineUnavailable:
    print("unavailable")
"""
    bare = {"PATH": os.environ["PATH"]}
    told = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=bare, capture_output=True, text=True
    )
    assert told.stdout.strip() == "unavailable", told.stderr
