"""Who may be killed, and how one finds them: by what the supervisor started and by what /proc shows of the engine."""

import os
import random
import signal
import time
from pathlib import Path

from hosting.drivers import ray_head
from marketplace.dev import processes


class Killer:
    """Kills one thing every few seconds: each kind once in a shuffled order, then at random. `fired` counts by kind."""

    def __init__(self, stack, slug, seed):
        self.stack = stack
        self.slug = slug
        self.source = random.Random(seed)
        self.kinds = {
            "gateway worker": self.gateway_worker,
            "shipping": lambda: self.gateway_child("shipping"),
            "replica": self.replica,
            **{
                name: lambda program=program: self.program(program)
                for name, program in {
                    "gateway parent": "gateway", "celery worker": "worker", "celery beat": "beat", "redis": "redis", "postgres": "postgres",
                }.items()
            },
        }  # fmt: skip
        self.fired = dict.fromkeys(self.kinds, 0)
        self.history = []
        self._first = self.source.sample(list(self.kinds), len(self.kinds))

    def run(self, seconds, every):
        """Kill for so long, one thing `every` seconds; the supervisor looks in between and starts again what died."""
        began = time.monotonic()
        next_at = began + every
        while time.monotonic() - began < seconds or self._first:
            self.stack.tick()
            time.sleep(0.1)
            if time.monotonic() >= next_at:
                self.kill_one(began)
                next_at = time.monotonic() + every

    def kill_one(self, began):
        """One that is there; a kind whose turn it is and that is just starting keeps its turn."""
        turns = self._first or self.source.sample(list(self.kinds), len(self.kinds))
        for kind in list(turns):
            pid = self.kinds[kind]()
            if pid and processes.identity(pid):
                os.kill(pid, signal.SIGKILL)
                self.fired[kind] += 1
                self.history.append((round(time.monotonic() - began, 1), kind, pid))
                if self._first:
                    self._first.remove(kind)
                return

    def program(self, name):
        running = self.stack.supervisor.programs[name]
        return running.child.pid if running.state == "ready" and running.is_alive() else None

    def gateway_worker(self):
        return self.gateway_child(self.source.choice("01"))

    def gateway_child(self, name):
        parent = self.program("gateway")
        pids = [pid for pid in processes.children_by_parent().get(parent, ()) if words(pid)[1:4] == ["-m", "hosting.gateway", name]]
        return pids[0] if pids else None

    def replica(self):
        pids = self.replicas()
        return self.source.choice(pids) if pids else None

    def replicas(self):
        return [pid for pid in ray_head.processes(self.stack.run.path) if " ".join(words(pid)).startswith(f"ray::ServeReplica:{self.slug}")]


def words(pid):
    """A process' command line; [] when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []
