"""Every row of the failure table in scope has a test; and the report tells the truth about them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults import ROWS, InjectedFaults, Reliability, marked_in


def test_every_row_has_a_test_and_every_mark_a_row():
    assert marked_in(Path(__file__).parent) == set(ROWS)


def test_injected_faults_are_what_is_added_and_what_watched_counters_went_up_by():
    proxy, injected_faults = SimpleNamespace(injected=7), InjectedFaults()
    injected_faults.watch(lambda: proxy.injected)
    assert injected_faults.count == 0
    proxy.injected += 2
    injected_faults.add()
    assert injected_faults.count == 3


def test_a_fault_that_was_never_injected_fails_its_test(tmp_path):
    item = SimpleNamespace(
        funcargs={"injected_faults": InjectedFaults()},
        user_properties=[("fault", {"rows": ["F1"], "tier": "default", "injected_faults": None})],
    )
    call = Reliability(tmp_path).pytest_runtest_call(item)
    next(call)
    with pytest.raises(AssertionError, match="never injected"):
        call.send(None)
    assert dict(item.user_properties)["fault"]["injected_faults"] == 0


def test_the_report_tells_the_worst_of_a_row(tmp_path):
    plugin = Reliability(tmp_path)
    for name, outcome in [("a", "passed"), ("b", "failed")]:
        facts = {"rows": ["F1"], "tier": "chaos", "injected_faults": 4}
        plugin.pytest_runtest_logreport(
            SimpleNamespace(
                nodeid=name,
                outcome=outcome,
                passed=outcome == "passed",
                when="call",
                duration=1.0,
                user_properties=[("fault", facts)],
            )
        )
    rows = plugin.report()["rows"]
    assert rows["F1"]["outcome"] == "failed" and [test["test"] for test in rows["F1"]["tests"]] == [
        "a",
        "b",
    ]
    assert rows["F2"] == {"title": ROWS["F2"], "outcome": "not run", "tests": []}
