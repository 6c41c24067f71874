"""A serving engine for tests: it says what the test tells it, and remembers what it was told."""

from dataclasses import replace
from datetime import UTC, datetime

from hosting.drivers.base import AppState, EngineUnavailable, SeenApp, SeenReplica

STARTED = datetime(2026, 1, 2, tzinfo=UTC)


class FakeEngine:
    """`run(name, pids)` makes an application run; `say(name, state, message)` sets what the engine claims."""

    def __init__(self, url="http://127.0.0.1:1"):
        self.url = url
        self.specs = {}
        self.apps = {}
        self.is_away = False
        self.is_busy = False
        self.machine = "n"
        self.applied = 0
        self.counted = []

    def apply(self, specs):
        self._answer()
        told = {spec.name: spec.sha256 for spec in specs}
        known = {name: spec.sha256 for name, spec in self.specs.items()}
        self.specs = {spec.name: spec for spec in specs}
        self.apps = {name: app for name, app in self.apps.items() if name in told}
        for name in told.keys() - self.apps.keys():
            self.apps[name] = SeenApp(name, AppState.STARTING, target=1)
        self.applied += told != known
        return told != known

    def status(self):
        self._answer()
        return dict(self.apps)

    def machines(self):
        return {self.machine}

    def is_saturated(self):
        return self.is_busy

    def lose_everything(self, machine="m"):
        """The head was started anew: it knows nothing, and its machine has a new name."""
        self.specs, self.apps, self.machine = {}, {}, machine

    def logs(self, name, lines=200):
        return ['{"levelname": "ERROR", "message": "the graph has no output"}']

    def figures(self):
        self._answer()
        return self.counted

    def base_url(self, spec):
        return self.url + spec.route

    def run(self, name, pids, target=None, state=AppState.RUNNING):
        seen = tuple(
            SeenReplica(f"r{pid}", "running", node=self.machine, pid=pid, started_at=STARTED)
            for pid in pids
        )
        self.apps[name] = SeenApp(
            name, state, target=len(pids) if target is None else target, replicas=seen
        )

    def begun_at(self, name, moment):
        """Its replicas began at that moment."""
        app = self.apps[name]
        self.apps[name] = replace(
            app, replicas=tuple(replace(one, started_at=moment) for one in app.replicas)
        )

    def say(self, name, state, message="", target=1):
        self.apps[name] = SeenApp(name, state, message=message, target=target)

    def _answer(self):
        if self.is_away:
            raise EngineUnavailable("away")
