"""The supervisor on real processes: order, restarts, clean stops, no orphans."""

import os
import signal
import subprocess
import sys
import time

import pytest

from marketplace.launcher import processes
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.status import Status
from marketplace.launcher.supervisor import NotReady, StepFailed, Supervisor

SLEEP = "import time; time.sleep(600)"
# A program that starts another in a session of its own, as Ray and HAProxy do, and tells its pid.
PARENT = "import subprocess,sys,time; p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)'],start_new_session=True); print('child',p.pid,flush=True); time.sleep(600)"
LAUNCH = """
import sys
from pathlib import Path
from marketplace.launcher.subreaper import run_under_subreaper
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.status import Status
from marketplace.launcher.supervisor import Stopped, Supervisor

def work():
    run = RunDir(Path(sys.argv[1]))
    supervisor = Supervisor(run, Status(run))
    supervisor.listen_to_signals()
    try:
        supervisor.start(Process("parent", [sys.executable, "-c", sys.argv[2]], log_says="child"))
        supervisor.watch()
    except Stopped:
        return 7
    finally:
        supervisor.stop()

sys.exit(run_under_subreaper(work))
"""


def python(code, name="one", **more):
    return Process(name, [sys.executable, "-c", code], **more)


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return answer


def is_alive(pid):
    return processes.identity(pid) is not None


@pytest.fixture
def run(tmp_path):
    return RunDir(tmp_path / "run").prepare()


@pytest.fixture
def supervisor(run):
    supervisor = Supervisor(run, Status(run))
    yield supervisor
    supervisor.stop()


def test_starts_waits_and_stops(supervisor, run):
    supervisor.start(python("print('here', flush=True);" + SLEEP, log_says="here"))
    supervisor.until_ready("one")
    pid = supervisor.programs["one"].child.pid
    assert run.read("status.json")["processes"]["one"]["state"] == "ready"
    supervisor.stop()
    assert not is_alive(pid)
    assert run.read("status.json")["processes"]["one"]["state"] == "stopped"


def test_restarts_what_dies(supervisor):
    supervisor.start(python(SLEEP))
    supervisor.until_ready()
    first = supervisor.programs["one"].child.pid
    os.kill(first, signal.SIGKILL)

    def is_back():
        supervisor.tick()
        return (
            supervisor.programs["one"].state == "ready"
            and supervisor.programs["one"].child.pid != first
        )

    wait_for(is_back)
    assert supervisor.programs["one"].restarts == 1


def test_waits_longer_each_time(supervisor):
    supervisor.start(python("raise SystemExit(3)", ready=lambda: False))
    with pytest.raises(NotReady, match="one did not start"):
        supervisor.until_ready()
    assert supervisor.programs["one"].failures == 3


def test_death_of_a_parent_ends_its_family(supervisor):
    supervisor.start(python(PARENT, log_says="child"))
    supervisor.until_ready()
    grandchild = int(supervisor.programs["one"].new_log().split()[1])
    supervisor._family_seen = 0
    supervisor.tick()
    os.kill(supervisor.programs["one"].child.pid, signal.SIGKILL)
    wait_for(lambda: supervisor.tick() or not is_alive(grandchild))


def test_stop_ends_the_family_too(supervisor):
    supervisor.start(python(PARENT, log_says="child"))
    supervisor.until_ready()
    grandchild = int(supervisor.programs["one"].new_log().split()[1])
    supervisor.stop()
    wait_for(lambda: not is_alive(grandchild))


def test_kills_what_ignores_the_request(supervisor):
    stubborn = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('here', flush=True);" + SLEEP
    )
    supervisor.start(python(stubborn, log_says="here", stop_within=0.3))
    supervisor.until_ready()
    pid = supervisor.programs["one"].child.pid
    supervisor.stop()
    assert not is_alive(pid)


def test_failed_step_tells_the_last_lines(supervisor):
    with pytest.raises(StepFailed, match="the disk is full"):
        supervisor.run_once("step", [sys.executable, "-c", "raise SystemExit('the disk is full')"])


@pytest.fixture
def launched(tmp_path):
    """subreaper → supervisor → parent → grandchild, and their pids."""
    subreaper = subprocess.Popen([sys.executable, "-c", LAUNCH, str(tmp_path), PARENT])
    log = tmp_path / "logs" / "parent.log"
    grandchild = int(wait_for(lambda: log.exists() and log.read_text().split()[1:2])[0])
    wait_for(lambda: len(processes.descendants(subreaper.pid)) == 3)
    supervisor, parent, _ = processes.descendants(subreaper.pid)
    yield subreaper, supervisor, [parent, grandchild]
    subreaper.kill()
    subreaper.wait()


@pytest.mark.slow
def test_no_orphan_after_sigkill_of_the_supervisor(launched):
    subreaper, supervisor, programs = launched
    os.kill(supervisor, signal.SIGKILL)
    assert subreaper.wait(20) == 128 + signal.SIGKILL
    assert [pid for pid in programs if is_alive(pid)] == []


def test_no_orphan_after_sigkill_of_the_subreaper(launched):
    subreaper, supervisor, programs = launched
    subreaper.kill()
    subreaper.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in [supervisor, *programs]))


def test_sigterm_stops_cleanly(launched):
    subreaper, supervisor, programs = launched
    subreaper.terminate()
    assert subreaper.wait(20) == 7
    assert not any(is_alive(pid) for pid in [supervisor, *programs])
