"""Who may be killed, and how one finds them: by what the supervisor started and by what /proc shows of the engine."""

import os
import random
import signal
import time
from pathlib import Path

import redis

from hosting.drivers import ray_head
from marketplace.launcher import processes


class Killer:
    """Strikes one thing every few seconds: each kind once in a shuffled order, then at random. `injected_faults` counts by kind.

    All is SIGKILL, but for "redis flushed": FLUSHALL. `growth` is told who lives while nobody is struck.
    """

    def __init__(self, stack, slug, seed, growth=None):
        self.stack = stack
        self.slug = slug
        self.source = random.Random(seed)
        self.growth = growth
        self.kinds = {
            "gateway worker": lambda: self.gateway_child(
                self.source.choice(self.gateway_workers())
            ),
            "shipping": lambda: self.gateway_child("shipping"),
            "gateway parent": lambda: self.program("gateway"),
            "replica": self.replica,
            "celery worker": lambda: self.program(self.source.choice(["worker", "worker-2"])),
            "celery beat": lambda: self.program(self.source.choice(["beat", "beat-2"])),
            "redis": lambda: self.program("redis"),
            "redis flushed": lambda: self.program("redis"),
            "postgres": lambda: self.program("postgres"),
        }
        self.injected = dict.fromkeys(self.kinds, 0)
        self.history = []
        self._first = self.source.sample(list(self.kinds), len(self.kinds))

    def run(self, seconds, every):
        """Strike for so long, one thing `every` seconds; the supervisor looks in between and starts again what died."""
        began = time.monotonic()
        next_at = began + every
        while time.monotonic() - began < seconds or self._first:
            self.stack.tick()
            time.sleep(0.1)
            if time.monotonic() >= next_at:
                if self.growth:
                    self.growth.look(self.living())
                self.strike_one(began)
                next_at = time.monotonic() + every

    def strike_one(self, began):
        """One that is there; a kind whose turn it is and that is just starting keeps its turn."""
        turns = self._first or self.source.sample(list(self.kinds), len(self.kinds))
        for kind in list(turns):
            pid = self.kinds[kind]()
            if pid and processes.identity(pid):
                self.strike(kind, pid)
                self.injected[kind] += 1
                self.history.append((round(time.monotonic() - began, 1), kind, pid))
                if self._first:
                    self._first.remove(kind)
                return

    def strike(self, kind, pid):
        if kind == "redis flushed":
            redis.Redis.from_url(self.stack.environment["REDIS_URL"], socket_timeout=2).flushall()
        else:
            os.kill(pid, signal.SIGKILL)

    def living(self):
        """{name: pid} of everything of ours that runs now."""
        names = [
            name
            for name in self.stack.supervisor.programs
            if name not in ("postgres", "redis", "engine")
        ]
        found = {name: self.program(name) for name in names}
        found |= {
            f"gateway {name}": self.gateway_child(name)
            for name in [*self.gateway_workers(), "shipping"]
        }
        found |= {f"replica {pid}": pid for pid in self.replicas()}
        return {name: pid for name, pid in found.items() if pid}

    def gateway_workers(self):
        return [str(number) for number in range(int(self.stack.environment["GATEWAY_WORKERS"]))]

    def program(self, name):
        running = self.stack.supervisor.programs[name]
        return running.child.pid if running.state == "ready" and running.is_alive() else None

    def gateway_child(self, name):
        parent = self.program("gateway")
        pids = [
            pid
            for pid in processes.children_by_parent().get(parent, ())
            if words(pid)[1:4] == ["-m", "hosting.gateway", name]
        ]
        return pids[0] if pids else None

    def replica(self):
        pids = self.replicas()
        return self.source.choice(pids) if pids else None

    def replicas(self):
        return [
            pid
            for pid in ray_head.processes(self.stack.run.path)
            if " ".join(words(pid)).startswith(f"ray::ServeReplica:{self.slug}")
        ]


def words(pid):
    """A process' command line; [] when it is gone."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .decode(errors="replace")
            .rstrip("\0")
            .split("\0")
        )
    except OSError:
        return []
