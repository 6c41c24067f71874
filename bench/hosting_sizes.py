"""Starting, waking from zero, and scaling under load."""

import json
import time
from dataclasses import replace

from bench.hosting_engine import Load, one_version
from tests.hosting import packages

# Enough rows to keep a replica busy for some milliseconds: what is answered at once never waits, and nothing scales.
HEAVY = json.dumps(
    {
        "inputs": [
            {**tensor, "shape": [20_000], "data": tensor["data"] * 10_000}
            for tensor in packages.EXAMPLE["inputs"]
        ]
    }
)


def starting(target):
    began = time.monotonic()
    one_version(target)
    return {"head_start_s": target.seconds["head"], "first_version_s": time.monotonic() - began}


def waking(target, steady):
    """A version with minimum 0 goes to sleep; its first call wakes it."""
    sleepy = target.spec("sleepy", min_replicas=0, idle_seconds=8)
    pids = {replica.pid for replica in target.app("steady").running}
    target.driver.apply([steady, sleepy])
    added = target.until(lambda: target.running("sleepy"), "a further version")
    asleep = target.until(
        lambda: not target.app("sleepy").replicas and target.app("sleepy").target == 0,
        "falling asleep",
    )
    status, cold = target.call(sleepy)
    untouched = {replica.pid for replica in target.app("steady").running} == pids
    return {
        "further_version_s": added,
        "asleep_s": asleep,
        "cold_start_s": cold,
        "cold_status": status,
        "others_untouched": untouched,
    }


def scaling(target, steady):
    """From one replica to three under load, and back."""
    wide = replace(steady, max_replicas=3, target_ongoing_requests=2, idle_seconds=10)
    target.driver.apply([wide])
    with Load(target, wide, threads=12, body=HEAVY) as load:
        up = target.until(lambda: target.running("steady") == 3, "three replicas")
    down = target.until(lambda: target.running("steady") == 1, "one replica")
    return {
        "scale_up_s": up,
        "scale_up_failed": load.failed,
        "scale_up_calls": len(load.calls),
        "scale_down_s": down,
    }
