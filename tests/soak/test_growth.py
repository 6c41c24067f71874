"""The watcher of growth sees a leak, and does not see one where there is none."""

import os

import pytest

from tests.soak.growth import WARM_UP_S, Growth, held, told

MIB = 2**20


def test_a_leak_is_told_per_ten_minutes():
    leaking = told(
        [(second, 100 * MIB + second * MIB // 10, 20 + second // 30) for second in range(0, 121, 3)]
    )
    assert (
        leaking["mib_per_10_min"] == pytest.approx(60, abs=0.2)
        and leaking["files_more"] == 4
        and leaking["seconds"] == 120
    )


def test_noise_is_no_leak():
    assert told([(second, 100 * MIB + (second % 2) * MIB, 20) for second in range(120)])[
        "mib_per_10_min"
    ] == pytest.approx(0, abs=0.2)


def test_young_and_short_lived_processes_are_left_out(monkeypatch):
    growth, clock = Growth(), iter([0, WARM_UP_S - 1, WARM_UP_S + 1, WARM_UP_S + 5])
    monkeypatch.setattr("tests.soak.growth.time.monotonic", lambda: next(clock))
    for _ in range(4):
        growth.look({"me": os.getpid()})
    assert [len(looks) for looks in growth.looks.values()] == [2] and growth.report() == {}


def test_a_process_tells_its_memory_and_files():
    size, files = held(os.getpid())
    assert size > 10 * MIB and files >= 3
