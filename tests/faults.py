"""The failure table as a report: which test stands for which row, whether it passed, and how often its fault injected_faults.

A test says `@pytest.mark.fault("F1", "F3")`, and counts in the fixture `injected_faults`; one that asked for it and counted nothing
fails. A run leaves `reliability-report.json` in its folder: {"made_at", "rows": {row: {"title", "outcome", "tests"}}}, each
test with {"test", "outcome", "seconds", "tier", "injected_faults"}; "injected_faults" is null where the fault is in the test's own request.
"""

import ast
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

TIERS = ("slow", "soak", "chaos", "fuzz")
ROWS = {
    "F1": "Redis is down",
    "F2": "Redis is slow or hangs",
    "F3": "Redis is restarted or flushed under load",
    "F4": "Postgres is down",
    "F5": "Postgres restarts or fails over",
    "F6": "Connection storm: every pool is used up",
    "F7": "A Celery worker is killed in the middle of a task",
    "F8": "Two beats, or a beat whose clock jumps",
    "F9": "A gateway process is killed under load",
    "F10": "A gateway process is asked to end under load",
    "F11": "An upstream hangs or drips",
    "F12": "An upstream answers with errors, resets, or nonsense",
    "F13": "Slow, idle, huge and ambiguous requests",
    "F14": "A replica is killed, runs out of memory, or is wedged",
    "F15": "The disk is full",
    "F16": "A clock is wrong or steps back",
    "F17": "A message from another system comes twice, late, out of order or altered",
    "F21": "A burst of ten times the usual",
    "F22": "A noisy tenant",
    "F23": "A thundering herd of cold keys",
    "F24": "Revocation races with calls in flight",
    "F25": "Processes race for a quota",
    "F26": "Roll-ups are exact",
    "F27": "Backup and restore",
    "F28": "Replies of Postgres are cut after the statement was sent",
}


def rows_of(item):
    """The rows that a collected test stands for, in order. A row that the table does not have ends the run."""
    rows = [row for mark in item.iter_markers("fault") for row in mark.args]
    if unknown := [row for row in rows if row not in ROWS]:
        raise pytest.UsageError(
            f"{item.nodeid} is marked with {unknown}: tests/faults.py has no such row."
        )
    return sorted(set(rows), key=list(ROWS).index)


def marked_in(folder):
    """The rows that the source of the tests in `folder` names, without collecting them."""
    found = set()
    for path in folder.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "fault"
            ):
                found |= {
                    argument.value for argument in node.args if isinstance(argument, ast.Constant)
                }
    return found


class InjectedFaults:
    """How often a test's fault happened: what it adds itself, and what the counters that it watches went up by."""

    def __init__(self):
        self._added = 0
        self._watched = []

    def add(self, count=1):
        self._added += count

    def watch(self, counter):
        """`counter` is a function that tells a number; what it tells now does not count."""
        self._watched.append((counter, counter()))

    @property
    def count(self):
        return self._added + sum(counter() - before for counter, before in self._watched)


class Reliability:
    """The pytest plugin that collects what the marked tests came to; tests/conftest.py registers it."""

    def __init__(self, folder):
        self.path = Path(folder) / "reliability-report.json"
        self.rows = {row: [] for row in ROWS}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        for item in items:
            if rows := rows_of(item):
                tier = next((tier for tier in TIERS if item.get_closest_marker(tier)), "default")
                item.user_properties.append(
                    ("fault", {"rows": rows, "tier": tier, "injected_faults": None})
                )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        answer = yield
        if (injected := getattr(item, "funcargs", {}).get("injected_faults")) is not None:
            count = injected.count
            for name, facts in item.user_properties:
                if name == "fault":
                    facts["injected_faults"] = count
            assert count, "the fault was never injected: this test has shown nothing"
        return answer

    def pytest_runtest_logreport(self, report):
        facts = dict(report.user_properties).get("fault")
        if facts and (report.when == "call" or not report.passed):
            test = {
                "test": report.nodeid,
                "outcome": report.outcome,
                "seconds": round(report.duration, 2),
            }
            for row in facts["rows"]:
                self.rows[row].append(
                    test | {"tier": facts["tier"], "injected_faults": facts["injected_faults"]}
                )

    def pytest_sessionfinish(self, session):
        if any(self.rows.values()) and not hasattr(session.config, "workerinput"):
            self.path.write_text(json.dumps(self.report(), indent=1) + "\n")

    def report(self):
        rows = {
            row: {"title": ROWS[row], "outcome": outcome(tests), "tests": tests}
            for row, tests in self.rows.items()
        }
        return {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "rows": rows}


def outcome(tests):
    """One word for a row."""
    outcomes = {test["outcome"] for test in tests}
    return next((word for word in ("failed", "passed", "skipped") if word in outcomes), "not run")


def run_folder():
    return os.environ.get("RUN_DIR", ".run")
