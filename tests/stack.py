"""The demo's own processes, started for tests: on a database, a Redis number, ports and a folder of their own."""

import os
import random
import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from hosting.drivers import ray_head
from marketplace import settings as facts
from marketplace.core import signing
from marketplace.core.postgres import roles
from marketplace.launcher import embedded_postgres, embedded_redis, environment, process_definitions
from marketplace.launcher.ports import choose_all
from marketplace.launcher.rundir import ROOT, RunDir
from marketplace.launcher.status import Status
from marketplace.launcher.supervisor import Supervisor

STACK_REDIS = 5
WORKER_REDIS = 6
PREFERRED = process_definitions.PREFERRED_PORTS | {"web": 28000, "gateway": 28001}
PLACE = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


def on_redis(number):
    """The test Redis, another database of it: queues of different starts do not mix."""
    return re.sub(r"/\d+$", f"/{number}", settings.REDIS_URL)


def on_database(name):
    return re.sub(r"/[^/]*$", f"/{name}", settings.DATABASE_URL)


def beside_others():
    """A block of its own, by lot: who is just starting, or was just killed, does not hold the ports that it has chosen."""
    first = random.randrange(22000, 29000, 50)
    return choose_all(
        {name: first + offset for offset, name in enumerate(PREFERRED)}
    ) | process_definitions.replica_ports(first + 1000)


class Stack:
    """`portal` and `gateway` are base URLs; `orm()` lets a test use models on the stack's database; `manage()` runs a command.

    `own_stores`: Postgres and Redis are the stack's too, durable as in the demo, so that a test may kill them.
    """

    def __init__(self, folder: Path, blocker, engine=True, own_stores=False, workers=0):
        self.run = RunDir(folder / "run").prepare()
        self.blocker = blocker
        self.engine = engine
        self.ports = (
            beside_others()
            if own_stores
            else choose_all(PREFERRED) | process_definitions.replica_ports()
        )
        self.database = f"stack_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        self.own_stores = own_stores
        stores = self.store_urls()
        self.environment = environment.common(self.run) | stores | environment.demo(self.ports)
        self.environment["SLEEP_AFTER_S"] = "120"  # a test does not wait for a quarter of an hour
        if workers:
            self.environment["GATEWAY_WORKERS"] = str(workers)
        self.supervisor = Supervisor(self.run, Status(self.run), self.environment)
        self.portal = self.environment["PORTAL_URL"]
        self.gateway = self.environment["GATEWAY_URL"]

    def __enter__(self):
        try:
            self.begin()
            self.supervisor.until_ready()
        except BaseException:
            self.supervisor.stop()
            raise
        return self

    def begin(self):
        """Stores first, then a database with today's schema, then everything that stands on it."""
        if self.own_stores:
            self.supervisor.start(embedded_postgres.postgres(self.run, self.ports["postgres"]))
            self.supervisor.start(embedded_redis.redis(self.run, self.ports["redis"]))
            self.supervisor.until_ready()
        self.make_database()
        self.manage("migrate", "--no-input", "--verbosity", "0")
        self.supervisor.start(process_definitions.front(self.ports["web"]))
        self.supervisor.start(process_definitions.web(self.run))
        self.supervisor.start(process_definitions.gateway(self.ports["gateway"]))
        self.supervisor.start(process_definitions.worker())
        self.supervisor.start(process_definitions.beat(self.run))
        if self.engine:
            self.supervisor.start(process_definitions.engine(self.run, self.ports))

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.supervisor.stop()
        ray_head.stop(self.run.path, grace=0)

    def store_urls(self):
        """The processes sign in as the application, `migrate` as the owner: roles of this stack's own, as in production."""
        server = (
            embedded_postgres.url(self.run, self.ports["postgres"], self.database)
            if self.own_stores
            else on_database(self.database)
        )
        place = server.rpartition("@")[2]
        names = {name: f"{self.database}_{name}" for name in ("owner", "app")}
        return {
            "DATABASE_ADMIN_URL": server,
            "DATABASE_OWNER_URL": f"postgresql://{names['owner']}:{self.run.secret_text('postgres_owner_password')}@{place}",
            "DATABASE_URL": f"postgresql://{names['app']}:{self.run.secret_text('postgres_app_password')}@{place}",
            "REDIS_URL": embedded_redis.url(self.run, self.ports["redis"])
            if self.own_stores
            else on_redis(STACK_REDIS),
        }

    def make_database(self):
        urls = [self.environment[f"DATABASE_{name}URL"] for name in ("ADMIN_", "OWNER_", "")]
        server = re.sub(r"/[^/]*$", "/postgres", urls[0])
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        roles.ensure(server, *urls[1:])

    def manage(self, *arguments):
        """Run a management command on the stack's database; its output. Raises CalledProcessError."""
        done = subprocess.run(
            process_definitions.manage(*arguments),
            env=os.environ | self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{arguments[0]} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
            )
        return done.stdout

    def pid(self, name):
        """The process id of `web`, `gateway`, `worker`, `beat` or `engine`."""
        return self.supervisor.programs[name].child.pid

    def tick(self):
        """Let the supervisor look: call it in a test's waiting loop, so that what died is started again."""
        self.supervisor.tick()

    def wait_until(self, condition, seconds=30):
        """Supervise until `condition()` is true; an AssertionError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
            self.supervisor.tick()
            time.sleep(0.2)
        return answer

    def orm(self):
        """Models on the stack's database; in_its_place gives them its artifacts and secrets."""
        return models_on(self.environment["DATABASE_URL"], self.blocker)


@contextmanager
def in_its_place(stack, settings):
    """This process has the stack's artifacts, secrets, Redis and engine, as the stack's own have. `settings` is pytest-django's."""
    run, environment = stack.run, stack.environment
    settings.SIGNING_KEY_FILE = str(run.secret("signing_key"))
    settings.KEY_PEPPERS = {1: run.secret_text("key_pepper")}
    settings.AUDIT_KEYS = [run.secret_text("audit_key")]
    settings.QUARANTINE_ROOT = str(run.path / "tmp")
    settings.USAGE_JOURNAL_DIR, settings.GATEWAY_METRICS_DIR = (
        run.path / "journal",
        run.path / "metrics",
    )
    settings.RAY_AUTH_TOKEN_PATH = str(run.secret("ray_token"))
    for name in ("REDIS_URL", "ENGINE_URL", "ENGINE_API_URL"):
        setattr(settings, name, environment[name])
    settings.ENGINE_METRICS_URLS = environment["ENGINE_METRICS_URLS"].split()
    files = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(run.path / "artifacts")},
    }
    settings.STORAGES = settings.STORAGES | {"artifacts": files}
    try:
        signing._private_key.cache_clear()
        yield
    finally:
        signing._private_key.cache_clear()


@contextmanager
def models_on(database_url, blocker):
    """Models on this database, what they write is committed at once. `blocker` is pytest-django's."""
    tested = {name: connection.settings_dict[name] for name in PLACE}
    with blocker.unblock():
        _move(facts.database(database_url))
        try:
            yield
        finally:
            _move(tested)


def _move(place):
    connection.close()
    connection.close_pool()
    connection.settings_dict.update({name: place[name] for name in PLACE})


@contextmanager
def worker_on_test_database(folder, process=None):
    """A Celery worker whose database is the one of this pytest process. `process`: the sender, in its place."""
    run = RunDir(folder / "run").prepare()
    stores = {
        "DATABASE_URL": on_database(connection.settings_dict["NAME"]),
        "REDIS_URL": on_redis(WORKER_REDIS),
    }
    supervisor = Supervisor(run, Status(run), environment.common(run) | stores)
    supervisor.start(process or process_definitions.worker())
    try:
        supervisor.until_ready()
        yield supervisor
    finally:
        supervisor.stop()
