"""Starts programs in order, waits until they serve, restarts what dies, and leaves nothing behind.

Everything happens in one thread: the kernel ties a child's life to the *thread* that started it (PDEATHSIG).
Each program gets its own session and its own log file. Programs that start programs (Celery, Ray) leave families:
they are followed through /proc and ended with their parent. What survives even that (our own SIGKILL) is ended by the
subreaper above us (`marketplace.launcher.subreaper`).
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from marketplace.launcher import processes
from marketplace.launcher.processes import Process
from marketplace.launcher.rundir import RunDir
from marketplace.launcher.status import Status, print_error, print_line, tinted

TICK = 0.1
FAMILY_EVERY = 2.0
BACKOFF = (0.5, 1, 2, 4, 8, 15, 30)
HEALTHY_AFTER = 60.0
LOG_LIMIT = 20 * 1024 * 1024
TAIL_LINES = 15
# In the environment of every child: the run folder that it belongs to.
MARK = "MARKETPLACE_LAUNCHED"


class Stopped(Exception):
    """Somebody asked us to stop (Ctrl-C or SIGTERM)."""


class NotReady(RuntimeError):
    """A program did not come up; the text holds the last lines of its log."""


class StepFailed(RuntimeError):
    """A one-off program ended with an error; the text holds the last lines of its log."""


class SupervisedProcess:
    """One supervised program: its process, state, restarts and descendants."""

    def __init__(self, process: Process, log: Path):
        self.process = process
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None
        self.state = "stopped"
        self.started = 0.0
        self.restarts = 0
        self.failures = 0
        self.start_after = 0.0
        self.log_from = 0
        self.shown_to = 0
        self.family: set[tuple[int, int]] = set()

    def is_alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def is_ready(self) -> bool:
        if self.process.log_says and self.process.log_says not in self.new_log():
            return False
        return self.process.ready()

    def new_log(self) -> str:
        """What the program wrote since its last start, at most the first megabyte."""
        try:
            with self.log.open("rb") as lines:
                lines.seek(self.log_from)
                return lines.read(1 << 20).decode(errors="replace")
        except OSError:
            return ""

    def tail(self) -> str:
        return "\n".join(self.new_log().rstrip().splitlines()[-TAIL_LINES:])


class Supervisor:
    """`start` programs, wait `until_ready`, `run_once` what must end, `watch` until asked to stop, then `stop`."""

    def __init__(
        self,
        run: RunDir,
        status: Status,
        environment: Mapping[str, str] | None = None,
        verbose: bool = False,
    ):
        self.run = run
        self.status = status
        self.environment = dict(environment or {})
        self.verbose = verbose
        self.programs: dict[str, SupervisedProcess] = {}
        self.asked_to_stop = False
        self._family_seen = 0.0

    def listen_to_signals(self) -> None:
        """Ctrl-C and SIGTERM end the waiting loops with Stopped. Only in the main thread."""
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.asked_to_stop = True

    # ---- starting

    def start(self, process: Process) -> None:
        """Begin supervising `process`; returns at once."""
        running = SupervisedProcess(process, self.run.log(process.name))
        self.programs[process.name] = running
        self._spawn(running)

    def until_ready(self, *names: str) -> None:
        """Wait for `names` (default: all). Raises NotReady when one takes longer than it may, Stopped when asked to stop."""
        waiting = [self.programs[name] for name in names or self.programs]
        while missing := [program for program in waiting if program.state != "ready"]:
            for program in missing:
                if (
                    program.failures >= 3
                    or time.monotonic() - program.started > program.process.ready_within
                    and program.state == "starting"
                ):
                    raise NotReady(
                        f"{program.process.name} did not start. Its log {program.log} ends with:\n{program.tail()}"
                    )
            self.tick()
            time.sleep(TICK)

    def wait_until(self, condition: Callable[[], bool], every: float = 1.0) -> None:
        """Keep supervising until `condition` holds, asking `every` so many seconds."""
        asked = 0.0
        while True:
            if time.monotonic() - asked >= every:
                if condition():
                    return
                asked = time.monotonic()
            self.tick()
            time.sleep(TICK)

    def run_once(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        while_running: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a program to its end while the others stay supervised. Raises StepFailed when it ends with an error."""
        once = self.begin(name, argv, env)
        try:
            while once.is_alive():
                self.tick()
                while_running()
                time.sleep(TICK)
        finally:
            self._end([once])
        while_running()
        if once.child and once.child.returncode:
            raise StepFailed(f"{name} failed. Its log {once.log} ends with:\n{once.tail()}")

    def begin(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None
    ) -> SupervisedProcess:
        """Start a program that ends by itself, and nobody waits for it. Returns it."""
        once = SupervisedProcess(Process(name=name, argv=argv, env=env or {}), self.run.log(name))
        self._popen(once)
        return once

    def _spawn(self, running: SupervisedProcess) -> None:
        if running.process.before_start:
            running.process.before_start()
        self._popen(running)
        running.state = "starting"
        self._report(running)

    def _popen(self, running: SupervisedProcess) -> None:
        process = running.process
        running.log.parent.mkdir(parents=True, exist_ok=True)
        with running.log.open("ab") as log:
            running.log_from = log.tell()
            running.shown_to = max(running.shown_to, running.log_from)
            inherited = os.environ | self.environment if process.inherits else {}
            running.child = subprocess.Popen(
                [str(part) for part in process.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**inherited, **process.env, MARK: str(self.run.path)},
                user=process.user,
                cwd=process.cwd,
                preexec_fn=lambda: _on_child(process),
            )
        running.started = time.monotonic()

    # ---- watching

    def watch(self) -> None:
        """Supervise until asked to stop."""
        while True:
            self.tick()
            time.sleep(TICK * 3)

    def tick(self) -> None:
        """One look at everything. Raises Stopped when asked to stop."""
        if self.asked_to_stop:
            raise Stopped
        for running in self.programs.values():
            self._check(running)
        self._follow_families()

    def _check(self, running: SupervisedProcess) -> None:
        if running.state in ("starting", "ready") and not running.is_alive():
            self._on_death(running)
        elif running.state == "starting":
            if running.is_ready():
                running.state = "ready"
                self._report(running)
            elif time.monotonic() - running.started > running.process.ready_within:
                print_error(f"{running.process.name} does not answer: it is started again")
                self._end([running])
                self._on_death(running)
        elif running.state == "waiting" and time.monotonic() >= running.start_after:
            running.restarts += 1
            self._spawn(running)
        elif (
            running.state == "ready"
            and running.failures
            and time.monotonic() - running.started > HEALTHY_AFTER
        ):
            running.failures = 0
        if self.verbose:
            _show_log(running)

    def _on_death(self, running: SupervisedProcess) -> None:
        """End what the dead program left behind and plan its next start."""
        processes.signal_all(running.family, signal.SIGKILL)
        running.family.clear()
        pause = BACKOFF[min(running.failures, len(BACKOFF) - 1)]
        running.failures += 1
        running.start_after = time.monotonic() + pause
        running.state = "waiting"
        code = running.child.returncode if running.child else None
        print_error(
            f"{running.process.name} ended ({_exit_reason(code)}); started again in {pause} s. See {running.log}"
        )
        self._report(running)

    def _follow_families(self) -> None:
        if time.monotonic() - self._family_seen < FAMILY_EVERY:
            return
        self._family_seen = time.monotonic()
        children = processes.children_by_parent()
        for running in self.programs.values():
            _grow_family(running, children)
            _limit_log(running.log)

    def _report(self, running: SupervisedProcess) -> None:
        pid = running.child.pid if running.child and running.is_alive() else None
        self.status.process(
            running.process.name, state=running.state, pid=pid, restarts=running.restarts
        )

    # ---- stopping

    def stop(self) -> None:
        """Stop everything, the stores last; kill what does not listen."""
        programs = list(reversed(self.programs.values()))
        for group in (
            [program for program in programs if not program.process.is_store],
            [program for program in programs if program.process.is_store],
        ):
            self._end(group)
            for running in group:
                running.state = "stopped"
                self._report(running)

    def _end(self, ending: Sequence[SupervisedProcess]) -> None:
        children = processes.children_by_parent()
        for running in ending:
            _grow_family(running, children)
            if running.child and running.is_alive():
                running.child.send_signal(running.process.stop_signal)
        for running in ending:
            _await_end(running)
            processes.signal_all(running.family, signal.SIGKILL)
            running.family.clear()


def _on_child(process: Process) -> None:
    if process.on_child:
        process.on_child()
    processes.die_with_parent(process.death_signal)


def _await_end(running: SupervisedProcess) -> None:
    if running.child is None:
        return
    try:
        running.child.wait(running.process.stop_within)
    except subprocess.TimeoutExpired:
        running.child.kill()
        running.child.wait()


def _grow_family(running: SupervisedProcess, children: dict[int, list[int]]) -> None:
    """Remember today's descendants, also those of members whose own parent has gone."""
    roots = [pid for pid, _ in running.family]
    if running.child and running.is_alive():
        roots.append(running.child.pid)
    descendants = {
        identity
        for root in roots
        for pid in processes.descendants(root, children)
        if (identity := processes.identity(pid))
    }
    running.family = {
        member for member in running.family | descendants if processes.identity(member[0]) == member
    }


def _limit_log(log: Path) -> None:
    """Keep a log below 20 MiB by moving it aside as `.1`; programs write in append mode, so emptying is safe."""
    try:
        if log.stat().st_size > LOG_LIMIT:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)
    except OSError:
        return


def _show_log(running: SupervisedProcess) -> None:
    try:
        with running.log.open("rb") as log:
            log.seek(running.shown_to)
            output = log.read(1 << 16)
    except OSError:
        return
    running.shown_to += len(output)
    for line in output.decode(errors="replace").splitlines():
        print_line(f"{tinted(f'{running.process.name:>9}')} │ {line}")


def _exit_reason(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
