"""No 5xx from any input (issue 8, line 4): every operation and page, every role, seeded mutations.

Each operation's valid request is swept (one thing wrong at each place of it, by somebody who is welcome there) between seeded
mutations of anything by anybody. What is accepted is looked at before it is taken back. The default tier runs a few dozen
cases; `pytest -m fuzz` runs FUZZ_CASES (20 000) for at most FUZZ_SECONDS, from case FUZZ_FIRST on. A failure names its seed and number.
"""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import reduce

import pytest

from tests.endpoint_permissions import API, PAGES
from tests.fuzz.playground import LONGEST_S, Run, built, scratch_database, visit_share

FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
PROCESSES = os.cpu_count() or 1
GROWTH_MIB = 16  # after the first quarter of the cases
FEW = 60  # cases of the default tier


def test_odd_requests_have_plain_answers(db):
    """The default tier's share of the fuzz tier: every tenth page and operation."""
    with built(only=[name for name, _ in list(PAGES | API)[::10]]) as playground:
        run = Run(playground).go(range(FEW), 30)
    assert run.broken == [], "\n".join(run.broken)
    assert len(run.answers) >= 12


@pytest.mark.fuzz
@pytest.mark.django_db(transaction=True)
def test_thousands_of_odd_requests_have_plain_answers(capsys):
    """20 000 cases without a break: no 5xx, none over five seconds, memory flat."""
    numbers = range(FIRST, FIRST + CASES)
    with ExitStack() as databases:
        names = [databases.enter_context(scratch_database(f"fuzz{n}")) for n in range(PROCESSES)]
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("fork")) as pool:
            shares = list(
                pool.map(visit_share, names, [numbers[n::PROCESSES] for n in range(PROCESSES)])
            )
    with capsys.disabled():
        print(f"\n{json.dumps(figures(shares))}")
    broken = [line for share in shares for line in share.broken]
    assert broken == [], "\n".join(broken[:40])
    assert all(share.slowest < LONGEST_S for share in shares)
    assert all(share.last_mib - share.first_mib < GROWTH_MIB for share in shares), figures(shares)
    assert sum(share.cases for share in shares) == CASES, "FUZZ_SECONDS ended before the cases did"
    assert [share.strangers for share in shares] == [{}] * PROCESSES
    assert reduce(set.intersection, (set(share.never_reached) for share in shares)) == set()


def figures(shares):
    return {
        "cases": sum(share.cases for share in shares),
        "swept": shares[0].swept,
        "operations": len(set().union(*(share.statuses for share in shares))),
        "roles": len(set().union(*(share.people for share in shares))),
        "broken": sum(len(share.broken) for share in shares),
        "slowest_s": round(max(share.slowest for share in shares), 2),
        "memory_mib": [(share.first_mib, share.last_mib) for share in shares],
    }
