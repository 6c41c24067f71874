"""Postgres and Redis as the launcher runs them, durable, in a run folder of their own; a gateway over them."""

import os
import shutil
import signal
import subprocess

from marketplace.launcher import embedded_postgres, environment, process_definitions
from marketplace.launcher.ports import choose_all
from marketplace.launcher.rundir import ROOT, RunDir
from marketplace.launcher.status import Status
from marketplace.launcher.stores import start_stores
from marketplace.launcher.supervisor import Supervisor
from tests.gateway import QUICK, Gateway, Stub
from tests.stack import beside_others, models_on


class Installation:
    """`start` begins the stores, `gateway` makes a Gateway, `orm` lets a test use models on its database."""

    def __init__(self, folder, blocker):
        self.run = RunDir(folder / "run").prepare()
        self.blocker = blocker
        ports = beside_others()
        self.ports = choose_all({name: ports[name] for name in ("postgres", "redis")})
        self.stub = Stub()
        self.supervisor = None

    def start(self):
        self.supervisor = Supervisor(self.run, Status(self.run))
        start_stores(self.supervisor, self.run, self.ports)
        self.stores = environment.stores(self.run, self.ports)

    def superuser(self):
        return embedded_postgres.url(self.run, self.ports["postgres"])

    def stop(self):
        self.supervisor.stop()
        self.stub.close()

    def gateway(self):
        return Gateway(
            self.run.path,
            1,
            self.stores["DATABASE_URL"],
            self.stores["REDIS_URL"],
            self.stub.host,
            **QUICK,
        )

    def manage(self, *words, stores=True):
        """The output of a management command as an operator calls it."""
        told = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "REDIS_URL")
        }
        told |= environment.common(self.run) | (self.stores if stores else {})
        done = subprocess.run(
            process_definitions.manage(*map(str, words)),
            env=told,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def restart_postgres(self, how):
        """End it with a signal (INT: sessions are cut, data is kept; KILL: as if the power went) and start it again."""
        running = self.supervisor.programs["postgres"]
        running.child.send_signal(how)
        running.child.wait()
        running.failures = 0  # no growing pause between restarts
        self.supervisor.tick()
        self.supervisor.until_ready("postgres")

    def destroy_database(self):
        """The power goes, and the disk of the database with it."""
        child = self.supervisor.programs["postgres"].child
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        self.supervisor.stop()
        shutil.rmtree(self.run.path / "data" / "postgres")

    def orm(self):
        return models_on(self.stores["DATABASE_URL"], self.blocker)
