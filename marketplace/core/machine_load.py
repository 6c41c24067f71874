"""Is this machine saturated? On a saturated machine a late answer may only have waited for a processor.

Linux reports the share of the last ten seconds in which a runnable process had to wait (/proc/pressure/cpu, "some avg10"). On
a quiet machine that is a few percent; with twice as many busy processes as processors it is nearly all of the time. Without
that file the load average of the last minute decides.
"""

import os
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
SATURATED_PERCENT = 60.0
SATURATED_LOAD = 2.0  # processes that want to run, for each processor


def is_saturated() -> bool:
    """Do processes here wait for a processor most of the time?"""
    try:
        some = PRESSURE.read_text().split("avg10=", 1)[1].split()[0]
        return float(some) >= SATURATED_PERCENT
    except (OSError, IndexError, ValueError):
        return os.getloadavg()[0] >= SATURATED_LOAD * (os.cpu_count() or 1)
