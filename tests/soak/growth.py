"""Does anything grow? Memory and open files of processes over time, as /proc tells them."""

import os
import time
from pathlib import Path

WARM_UP_S = 20  # a young process still loads modules and fills pools
LEAST_S = 30  # a slope of less says nothing


class Growth:
    """`look` notes what processes hold now; `report` tells how that changed for those that lived long enough."""

    def __init__(self):
        self.looks = {}
        self.first = {}

    def look(self, pids):
        """`pids`: {name: pid}. Seconds, bytes and open files of each."""
        for name, pid in pids.items():
            now = time.monotonic()
            if now - self.first.setdefault((name, pid), now) < WARM_UP_S:
                continue
            try:
                self.looks.setdefault((name, pid), []).append((now, *held(pid)))
            except OSError:
                continue  # it has just gone

    def report(self):
        """{"name pid": {"seconds", "mib", "mib_per_10_min", "files", "files_more"}}"""
        return {
            f"{name} {pid}": told(looks)
            for (name, pid), looks in self.looks.items()
            if looks[-1][0] - looks[0][0] >= LEAST_S
        }


def held(pid):
    """(resident bytes, open files); an OSError when it is gone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))


def told(looks):
    seconds, sizes, files = zip(*looks, strict=True)
    return {
        "seconds": round(seconds[-1] - seconds[0]),
        "mib": round(sizes[-1] / 2**20),
        "mib_per_10_min": round(slope(seconds, sizes) * 600 / 2**20, 1),
        "files": files[-1],
        "files_more": files[-1] - files[0],
    }


def slope(xs, ys):
    """Of the line of least squares."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((one - x) * (other - y) for one, other in zip(xs, ys, strict=True)) / sum(
        (one - x) ** 2 for one in xs
    )
