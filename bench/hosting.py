"""What the serving engine does when it must: start, wake from zero, scale under load, replace what was killed or hangs, stay calm
on a busy machine, and cost little while nobody calls.

    .venv/bin/python -m bench.hosting              # all cases, in order
    .venv/bin/python -m bench.hosting busy idle    # some of them: CASES

Starts its own one-machine engine with a few small versions; stops it. What kills and hangs cost is counted by callers of the
gateway, as consumers are; `direct_…` is the same asked past it, at the engine.
Last line: one JSON object. `kills_success_percent` is of calls while one of two replicas is killed twenty times;
`hang_replaced_s` is from SIGSTOP until another replica runs; `wedge_replaced_s` is from the end of the version's own limit of
WEDGE_LIMIT_S; `ingress_back_s` is from the kill of HAProxy until a call is answered.

busy: MANY versions beside 8 busy processes for each processor, for BENCH_BUSY_S (120) seconds, then none. `busy_replacements`:
healthy replicas that were replaced (wanted: 0). `busy_callable_s`: after the load, until each version has answered.
`busy_hung_replaced_s`: a replica is stopped under that load; so long until another one runs. `busy_start_s`: a start beside it.
idle: what one more version costs that nobody calls, in all processes of the engine together: percent of one processor
(`idle_percent_per_version`) and megabytes, awake and asleep.
"""

import json
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from bench import ground
from bench.hosting_engine import engine, one_version
from bench.hosting_faults import before_the_gateway, losing_the_ingress, wedging
from bench.hosting_load import being_busy, idling
from bench.hosting_sizes import scaling, starting, waking
from hosting.drivers import ray_head

CASES = {
    "start": lambda target, folder: starting(target),
    "wake": lambda target, folder: waking(target, one_version(target)),
    "scale": lambda target, folder: scaling(target, one_version(target)),
    "kill": before_the_gateway,
    "wedge": lambda target, folder: wedging(target, one_version(target)),
    "ingress": lambda target, folder: losing_the_ingress(target, one_version(target), folder),
    "idle": lambda target, folder: idling(target, folder),
    "busy": lambda target, folder: being_busy(target),
}
WANTS_STORES = {"kill"}


@contextmanager
def folder_for(cases):
    """A folder that goes away; with stores and a database where a case wants the gateway."""
    if WANTS_STORES & set(cases):
        with ground.ground() as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


def main(names):
    if unknown := set(names) - set(CASES):
        print(f"No case is called {', '.join(sorted(unknown))}. There are {', '.join(CASES)}.")
        return 2
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(1)
    )  # whoever ends it early leaves no engine and no busy process behind
    cases, facts = names or list(CASES), {}
    with folder_for(cases) as folder:
        with engine(folder) as target:
            for case in cases:
                facts |= CASES[case](target, folder)
        left = ray_head.processes(folder)
    facts = {
        key: round(value, 3) if isinstance(value, float) else value for key, value in facts.items()
    }
    facts["orphans"] = len(left)
    ground.table(
        f"bench.hosting: one engine on {os.cpu_count()} processors, load average {os.getloadavg()[0]:.0f}",
        [(key.replace("_", " "), str(value)) for key, value in facts.items()],
    )
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
