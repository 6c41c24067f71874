"""The engine's head with stand-ins for Ray's parts: what is started again, and what ends everything."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from hosting.drivers import head, ray_head
from tests.gateway import until

PARTS = (head.RAYLET, head.STORE, head.DASHBOARD)
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """{words: Popen} of three processes that look like Ray's; they carry the folder's mark."""
    monkeypatch.setattr(head, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(head, "PAUSE_S", 0.05)
    env = os.environ | {ray_head.MARK: str(tmp_path)}
    started = {
        words: subprocess.Popen([sys.executable, "-c", SLEEPS, words], env=env) for words in PARTS
    }
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


def kill(parts, folder, words):
    """End the present one; `parts` are waited for, as Ray's daemons are by the kernel's first process."""
    victim = found_in(folder, words)
    os.kill(victim, signal.SIGKILL)
    parts[words].poll()
    return victim


@pytest.mark.parametrize("words", [head.STORE, head.DASHBOARD])
def test_a_part_without_children_is_started_again_and_the_rest_goes_on(parts, tmp_path, words):
    watching = watch(tmp_path)
    for _ in range(2):
        before = kill(parts, tmp_path, words)
        until(lambda before=before: found_in(tmp_path, words) not in (None, before))
    assert all(process.poll() is None for other, process in parts.items() if other != words)
    assert watching.is_alive()


def test_without_the_raylet_there_is_no_head(parts, tmp_path):
    watching = watch(tmp_path)
    parts[head.RAYLET].terminate()  # politely too: `ray start --block` would go on without it
    watching.join(10)
    assert not watching.is_alive()


def test_a_store_that_does_not_stay_up_ends_the_head(parts, tmp_path):
    """It cannot read what it wrote down: the supervisor starts the whole head anew, and everything is deployed again."""
    watching, deaths = watch(tmp_path), 0
    while watching.is_alive():
        victim = kill(parts, tmp_path, head.STORE)
        deaths += 1
        until(
            lambda victim=victim: (
                found_in(tmp_path, head.STORE) not in (None, victim) or not watching.is_alive()
            )
        )
    assert deaths == 1 + head.MOST_EARLY_DEATHS


def test_a_new_head_reads_nothing_of_the_old_one(tmp_path):
    """The store's, above all: replicas of an ended head are not to be found again."""
    folder = ray_head.temp_dir(tmp_path)
    for name in (ray_head.STORE, ray_head.INGRESS, "r/session_1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "CURRENT").touch()
    ray_head.stop(tmp_path, grace=0)
    assert not list(folder.rglob("CURRENT"))


def test_a_full_disk_does_not_end_the_head(parts, tmp_path, monkeypatch):
    looked = []

    def look(_ingress):
        looked.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(head.Ingress, "look", look)
    watching = watch(tmp_path)
    before = kill(parts, tmp_path, head.STORE)
    until(lambda: found_in(tmp_path, head.STORE) not in (None, before))
    assert looked
    assert watching.is_alive()
