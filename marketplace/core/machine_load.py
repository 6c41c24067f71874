"""Has this machine more to do than it has processors? Then whoever is late may only have had no turn.

Linux tells for how much of the last ten seconds something that wanted to run had to wait (/proc/pressure/cpu, "some avg10"). On a
quiet machine that is a few percent, with twice as many busy processes as processors it is nearly all of the time. Where the
kernel does not tell, the load average of the last minute answers.
"""

import os
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
SATURATED_PERCENT = 60.0
SATURATED_LOAD = 2.0  # processes that want to run, for each processor


def is_saturated() -> bool:
    """Must what runs here wait for a processor most of the time?"""
    try:
        some = PRESSURE.read_text().split("avg10=", 1)[1].split()[0]
        return float(some) >= SATURATED_PERCENT
    except (OSError, IndexError, ValueError):
        return os.getloadavg()[0] >= SATURATED_LOAD * (os.cpu_count() or 1)
