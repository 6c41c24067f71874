"""The engine's head with stand-ins for Ray's parts: what is started again, and what ends everything."""

import os
import subprocess
import sys
import threading

import pytest

from hosting.drivers import head, ray_head
from tests.gateway import until

SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """{words: Popen} of three processes that look like Ray's; they carry the folder's mark."""
    monkeypatch.setattr(head, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(head, "PAUSE_S", 0.05)
    env = os.environ | {ray_head.MARK: str(tmp_path)}
    started = {words: subprocess.Popen([sys.executable, "-c", SLEEPS, words], env=env) for words in (*head.STATEFUL, head.DASHBOARD)}
    until(lambda: all(found_in(tmp_path, words) for words in started))
    yield started
    ray_head.end(str(tmp_path), 0)
    for process in started.values():
        process.wait()


def watch(folder):
    watching = threading.Thread(target=head.Head(str(folder)).watch, daemon=True)
    watching.start()
    return watching


def found_in(folder, words):
    try:
        return head.found(str(folder), words)
    except LookupError:
        return None


def test_the_dashboard_is_started_again_and_the_rest_goes_on(parts, tmp_path):
    watching = watch(tmp_path)
    for _ in range(2):
        before = found_in(tmp_path, head.DASHBOARD)
        os.kill(before, 9)
        parts[head.DASHBOARD].poll()
        until(lambda before=before: found_in(tmp_path, head.DASHBOARD) not in (None, before))
    assert all(parts[words].poll() is None for words in head.STATEFUL)
    assert watching.is_alive()


@pytest.mark.parametrize("words", head.STATEFUL)
def test_a_part_that_holds_state_ends_the_head(parts, tmp_path, words):
    watching = watch(tmp_path)
    parts[words].terminate()  # politely too: `ray start --block` would go on without it
    watching.join(10)
    assert not watching.is_alive()
