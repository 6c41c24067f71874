"""Every row of the failure table in scope has a test; and the report tells the truth about them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults import ROWS, Firings, Reliability, marked_in


def test_every_row_has_a_test_and_every_mark_a_row():
    assert marked_in(Path(__file__).parent) == set(ROWS)


def test_firings_are_what_is_added_and_what_watched_counters_went_up_by():
    proxy, fired = SimpleNamespace(fired=7), Firings()
    fired.watch(lambda: proxy.fired)
    assert fired.count == 0
    proxy.fired += 2
    fired.add()
    assert fired.count == 3


def test_a_fault_that_never_fired_fails_its_test(tmp_path):
    item = SimpleNamespace(
        funcargs={"fired": Firings()},
        user_properties=[("fault", {"rows": ["F1"], "tier": "default", "fired": None})],
    )
    call = Reliability(tmp_path).pytest_runtest_call(item)
    next(call)
    with pytest.raises(AssertionError, match="never fired"):
        call.send(None)
    assert dict(item.user_properties)["fault"]["fired"] == 0


def test_the_report_tells_the_worst_of_a_row(tmp_path):
    plugin = Reliability(tmp_path)
    for name, outcome in [("a", "passed"), ("b", "failed")]:
        facts = {"rows": ["F1"], "tier": "chaos", "fired": 4}
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
