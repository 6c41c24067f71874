"""What the launcher is doing: steps with times and the processes' states, in `.run/status.json` for the page and on the console."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from marketplace.launcher.rundir import RunDir

FILE = "status.json"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Status:
    """Steps ({name, title, state, started_at, ended_at, seconds, detail}) and processes ({state, pid, restarts, since})."""

    def __init__(self, run: RunDir):
        self.run = run
        self.steps: list[dict[str, Any]] = []
        self.processes: dict[str, dict[str, Any]] = {}
        self.began = time.monotonic()
        self.started_at = _now()
        self.phase = "starting"

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[dict[str, Any]]:
        """Time one step; the caller may set `detail` on the yielded record while it runs."""
        record = self.begin(name, title)
        try:
            yield record
        except BaseException as error:
            self.end(
                record, "failed", str(error).splitlines()[0] if str(error) else type(error).__name__
            )
            raise
        self.end(record)

    def begin(self, name: str, title: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "name": name,
            "title": title,
            "state": "running",
            "started_at": _now(),
            "ended_at": None,
            "seconds": None,
            "detail": "",
        }
        record["_began"] = time.monotonic()
        self.steps.append(record)
        self.write()
        return record

    def end(self, record: dict[str, Any], state: str = "done", detail: str = "") -> None:
        record |= {
            "state": state,
            "ended_at": _now(),
            "seconds": round(time.monotonic() - record["_began"], 1),
        }
        record["detail"] = detail or record["detail"]
        self.write()
        is_done = state == "done"
        print_result = print_line if is_done else print_error
        print_result(
            f"{'✓' if is_done else '✗'} {record['title']}  {dim(_seconds(record))}{_suffix(record)}"
        )

    def detail(self, record: dict[str, Any], text: str, done: int = 0, total: int = 0) -> None:
        """Tell how far a running step is: `done` of `total`, where that is known."""
        if text != record["detail"]:
            record |= {"detail": text, "done": done, "total": total}
            self.write()
            print_line(dim(f"  {record['title']}: {text}"))

    def process(self, name: str, **facts: Any) -> None:
        self.processes[name] = self.processes.get(name, {}) | facts | {"since": _now()}
        self.write()

    def finish(self, phase: str) -> None:
        self.phase = phase
        self.write()

    def setup(self) -> dict[str, Any] | None:
        """What the page's banner shows while things are being set up: {"text", "done", "total"}; None when all is there."""
        running = [step for step in self.steps if step["state"] == "running"]
        if self.phase != "starting" or not running:
            return None
        step = running[-1]
        text = f"{step['title']}: {step['detail']}" if step["detail"] else step["title"]
        return {"text": text, "done": step.get("done") or 0, "total": step.get("total") or 0}

    def write(self) -> None:
        steps = [
            {key: value for key, value in step.items() if not key.startswith("_")}
            for step in self.steps
        ]
        document = {
            "pid": os.getpid(),
            "phase": self.phase,
            "started_at": self.started_at,
            "updated_at": _now(),
            "setup": self.setup(),
            "steps": steps,
            "processes": self.processes,
        }
        self.run.write(FILE, document)


def _seconds(record: dict[str, Any]) -> str:
    return f"{record['seconds']:.1f} s"


def _suffix(record: dict[str, Any]) -> str:
    return f"  {record['detail']}" if record["detail"] else ""


def _colour(text: str, code: str) -> str:
    return (
        f"\x1b[{code}m{text}\x1b[0m"
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ
        else text
    )


def dim(text: str) -> str:
    return _colour(text, "2")


def bold(text: str) -> str:
    return _colour(text, "1")


def tinted(name: str) -> str:
    """`name` in a colour of its own, the same every time."""
    return _colour(name, str(31 + sum(map(ord, name)) % 6))


def print_line(text: str) -> None:
    print(text, flush=True)


def print_error(text: str) -> None:
    print(_colour(text, "31"), flush=True)
