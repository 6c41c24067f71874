"""A real gateway for tests: its own processes, in front of a stub that answers as a model would, or as none should."""

import contextlib
import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions as consumption
from consumption.models import UsageEvent
from hosting.models import Upstream
from marketplace.core import keys
from marketplace.launcher.ports import FALLBACK, choose
from marketplace.launcher.processes import die_with_parent
from marketplace.launcher.rundir import ROOT
from tests import factories
from tests.faultproxy import FaultProxy
from tests.stack import models_on, on_database, on_redis

STAGE_REDIS = 7
LOADS, MODELS = itertools.count(), itertools.count(1)
QUICK = {
    "header_s": 1.0,
    "body_s": 1.5,
    "idle_s": 2.0,
    "first_byte_s": 1.0,
    "upstream_idle_s": 1.0,
    "connections_per_address": 300,
    # All tests call from one address: wrong keys of one must not slow down another within the minute.
    "failures_per_minute": 1_000_000,
}

ANSWER = json.dumps(
    {
        "model_name": "income-verification",
        "model_version": "1.0.0",
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [1], "data": [3700.0]}],
    }
).encode()
REQUEST = json.dumps(
    {
        "inputs": [
            {"name": "income", "datatype": "FP32", "shape": [1], "data": [4000.0]},
            {"name": "debt", "datatype": "FP32", "shape": [1], "data": [300.0]},
        ]
    }
).encode()


def free_port():
    """By lot, and where no outgoing connection can come in between."""
    return choose(random.choice(FALLBACK))


class Stub:
    """An upstream on a port of its own. `behave` is a function (connection, head, body) that writes what it likes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.seen = []
        self.open = 0
        self.behave = answer_ok
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        self.open += 1
        buffer = b""
        try:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                length = content_length(head)
                while len(buffer) < length:
                    buffer += connection.recv(1 << 20)
                body, buffer = buffer[:length], buffer[length:]
                self.seen.append((head, body))
                if self.behave(connection, head, body) is False:
                    return
        except OSError:
            pass
        finally:
            self.open -= 1
            connection.close()

    def close(self):
        self.listener.close()


def content_length(head):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def http_answer(body, status=b"200 OK", kind=b"application/json", extra=b""):
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
        status,
        kind,
        len(body),
        extra,
        body,
    )


def answer_ok(connection, head, body):
    connection.sendall(http_answer(ANSWER))


def answer(status, body=b"secret words of the upstream", kind=b"text/plain", extra=b""):
    return lambda connection, head, sent: connection.sendall(http_answer(body, status, kind, extra))


class Gateway:
    """`python -m hosting.gateway` on the test database. Use as a context manager; `limits` are GATEWAY_… settings."""

    def __init__(
        self, folder: Path, workers=1, database_url="", redis_url="", outbound="", **limits
    ):
        self.folder = Path(folder)
        self.port = free_port()
        self.limits = limits
        self.outbound = outbound
        self.workers = workers
        self.database_url = database_url or on_database(connection.settings_dict["NAME"])
        self.redis_url = redis_url or settings.REDIS_URL
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        env = os.environ | {
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_WORKERS": str(self.workers),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "OUTBOUND_ALLOWED": self.outbound,
            "OUTBOUND_ALLOWS_LOOPBACK": "1",
            "RUN_DIR": str(self.folder),
            "USAGE_JOURNAL_DIR": str(self.folder / "journal"),
            **{f"GATEWAY_{name.upper()}": str(value) for name, value in self.limits.items()},
        }
        self.log = open(self.folder / "gateway.log", "ab")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hosting.gateway"],
            env=env,
            cwd=ROOT,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=die_with_parent,
        )
        self.wait_ready()

    def wait_ready(self, seconds=30):
        until(lambda: self.get("/v2/health/ready")[0] == 200, seconds, self.said)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.log.close()

    def __exit__(self, *_):
        self.stop()

    def said(self):
        return (self.folder / "gateway.log").read_text()[-1500:]

    def children(self):
        """Pids of the workers and the shipping process, by name."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid and b"hosting.gateway" in words:
                    found[words[3].decode()] = int(entry)
        return found

    def kill(self, name):
        """SIGKILL a child and wait until another one took its place. Returns whether it was there to be killed."""
        pid = self.children().get(name)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.children().get(name) not in (None, pid), 20, self.said)
        return True

    def metrics(self):
        """Sums over workers by metric name."""
        sums = {}
        for path in (self.folder / "metrics").glob("*.prom"):
            for line in path.read_text().splitlines():
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                sums[name] = sums.get(name, 0) + float(value)
        return sums

    def count(self, name, **labels):
        """The sum over workers of one metric; with labels, of the lines that carry them."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [
            line
            for path in (self.folder / "metrics").glob("*.prom")
            for line in path.read_text().splitlines()
        ]
        chosen = [
            line
            for line in lines
            if line.startswith(f"gateway_{name}{{") and all(label in line for label in wanted)
        ]
        return sum(float(line.rpartition(" ")[2]) for line in chosen)

    def get(self, path, key="", **headers):
        return self.request("GET", path, key, b"", **headers)

    def infer(self, path, key, body=REQUEST, **headers):
        return self.request("POST", path, key, body, **headers)

    def request(self, method, path, key="", body=b"", timeout=20, address="127.0.0.1", **headers):
        """(status, headers, body) of one request on a connection of its own from `address`; (0, {}, b"") when there is none."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=timeout, source_address=(address, 0)
        )
        try:
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            return (
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()


class Load:
    """Our load generator as a process of its own; it keeps the ids of all answers that were 200."""

    def __init__(self, gateway, path, key, folder, seconds, rate=150, connections=16):
        number = next(LOADS)
        request, self.said = folder / f"request-{number}", folder / f"said-{number}.json"
        request.write_bytes(raw_request(path, key))
        words = [
            sys.executable,
            "-m",
            "bench.load",
            gateway.port,
            connections,
            seconds,
            rate,
            request,
            "--ids",
        ]
        with self.said.open("w") as said:  # a pipe would fill up with ids
            self.process = subprocess.Popen([str(word) for word in words], stdout=said, cwd=ROOT)

    def is_over(self):
        return self.process.poll() is not None

    def result(self):
        """What bench.load says at its end: {"calls", "errors", "statuses", "acknowledged", …}."""
        self.process.wait(timeout=240)
        return json.loads(self.said.read_text())


def raw_request(path, key, body=REQUEST, *lines):
    """The bytes of one inference. `lines` are more headers; when they frame the body, no Content-Length is added."""
    head = [f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {key}", *lines]
    if not any(
        "content-length" in line.lower() or "transfer-encoding" in line.lower() for line in lines
    ):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def parallel(count, work):
    """Run `work(n)` in `count` threads at once; their results in the order of n. What one raises is raised here."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


@contextlib.contextmanager
def meanwhile(count, work):
    """`work(n)` goes on in `count` threads beside the block; a list of what has come back so far, whole after the block."""
    found = []
    with ThreadPoolExecutor(count) as pool:
        futures = [
            pool.submit(lambda number: found.append(work(number)), number)
            for number in range(count)
        ]
        yield found
    for future in futures:
        future.result()


def same_kid(text):
    """Another well-formed key of the same kid."""
    head = text[: -keys.CRC - 1] + ("a" if text[-keys.CRC - 1] != "a" else "b")
    return head + keys.checksum(head.encode())


def until(condition, seconds=10, said=lambda: ""):
    """Poll until true; an AssertionError after `seconds`."""
    by = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < by, f"not within {seconds} s. {said()}"
        time.sleep(0.05)
    return answer


def route(version, url):
    """Send a version's calls to `url`, as to the engine."""
    url = f"{url}/v2/models/{version.model.slug}/versions/{version.number}"
    Upstream.objects.update_or_create(
        version=version, defaults={"kind": "engine", "base_url": url, "is_ready": True}
    )


@transaction.atomic
def live_version(entry=None, number="1.0.0", url="", **facts):
    """A version as the journey leaves it, by its row alone: published and routed to `url`."""
    entry = entry or factories.model()
    type(entry).objects.filter(pk=entry.pk).update(state="published")
    major, minor, patch = map(int, number.split("."))
    version = ModelVersion.objects.create(
        model=entry,
        number=number,
        major=major,
        minor=minor,
        patch=patch,
        created_by=entry.owner,
        **{
            "state": "published",
            "manifest_signature": "signed",
            "signature": factories.signature(),
            "published_at": timezone.now(),
            **facts,
        },
    )
    if url:
        route(version, url)
    return version


def subscriber(version, app="Loan origination", environment="prod", **terms):
    """(Subscription, text of a key) on a plan of its own with these terms; wide limits by default."""
    wide = {"rate_per_second": 50_000, "burst": 50_000, "concurrency": 200, "monthly_quota": None}
    slug = f"plan-{version.model.plans.count()}"
    plan = factories.plan(version.model, slug=slug, by=version.model.owner, **{**wide, **terms})
    by, team = factories.maya(), factories.mortgage()
    application = consumption.create_application(
        by, team=team, name=f"{app} {version.model_id} {slug}", environment=environment
    )
    subscription = consumption.subscribe(
        by, application=application, plan=plan, purpose="Tests.", version=version
    )
    return subscription, consumption.create_key(by, subscription)[1]


class Stage:
    """A gateway of two processes, a stub and a database of their own, kept for all gateway tests of a run."""

    def __init__(self, folder, blocker, name="stage", redis=STAGE_REDIS):
        self.blocker = blocker
        self.database = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        self.redis_url = on_redis(redis)
        self.stub = Stub()
        self.gateway = self.new_gateway(folder / "gateway", 2)
        self.kept = contextlib.ExitStack()

    def keep(self, started):
        """Enter what is used by several tests; it ends with the stage."""
        return self.kept.enter_context(started)

    def new_gateway(self, folder, workers=1, redis_url="", **limits):
        """Another Gateway of this database, Redis and stub, not started yet."""
        return Gateway(
            folder,
            workers,
            on_database(self.database),
            redis_url or self.redis_url,
            self.stub.host,
            **QUICK | limits,
        )

    def __enter__(self):
        make_database(self.database)
        self.gateway.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.kept.close()
        self.gateway.stop()
        self.stub.close()

    @contextlib.contextmanager
    def orm(self):
        """Models on the stage's database, committed at once; Redis is the stage's too."""
        tested = settings.REDIS_URL
        with models_on(on_database(self.database), self.blocker):
            settings.REDIS_URL = self.redis_url
            try:
                yield self
            finally:
                settings.REDIS_URL = tested

    def version(self, number="1.0.0", entry=None, url="", **facts):
        """A live version, of a model of its own unless told, routed to the stub."""
        entry = entry or factories.model(name=f"Model {next(MODELS)}")
        return live_version(entry, number, url or self.stub.url, **facts)

    def called(self, subscription):
        """The usage events of a subscription: (request id, outcome, units)."""
        rows = UsageEvent.objects.filter(subscription_id=subscription.pk)
        return [(event.event_id.hex, event.outcome, event.units) for event in rows]


class Faulty:
    """A gateway of its own on the stage's database, with fault proxies before its `redis`, its `postgres` and the `upstream`."""

    def __init__(self, stage, folder, workers=1, **limits):
        self.stage = stage
        self.redis = proxy_before(stage.redis_url)
        self.postgres = proxy_before(settings.DATABASE_URL)
        self.upstream = proxy_before(stage.stub.url)
        self.proxies = {"redis": self.redis, "postgres": self.postgres, "upstream": self.upstream}
        self.database_url = through(self.postgres, on_database(stage.database))
        self.redis_url = through(self.redis, stage.redis_url)
        self.gateway = Gateway(
            folder, workers, self.database_url, self.redis_url, self.upstream.host, **QUICK | limits
        )

    def __enter__(self):
        self.gateway.start()
        return self

    def __exit__(self, *_):
        self.end_faults()
        self.gateway.stop()
        for proxy in self.proxies.values():
            proxy.close()

    def end_faults(self):
        for proxy in self.proxies.values():
            proxy.set("pass")

    def heal(self):
        """All faults end; the gateway is ready within ten seconds."""
        self.end_faults()
        until(lambda: self.gateway.get("/v2/health/ready")[0] == 200, 10, self.gateway.said)


def proxy_before(url):
    parts = urlsplit(url)
    return FaultProxy(parts.hostname, parts.port)


def through(proxy, url):
    return re.sub(r":\d+/", f":{proxy.port}/", url)


def make_database(name):
    """A database with today's schema: a copy of the test database if this run made one, else migrated from nothing."""
    tested = connection.settings_dict["NAME"]
    connection.close()
    connection.close_pool()
    template = tested if tested != settings.DATABASE_URL.rpartition("/")[2] else "template1"
    with psycopg.connect(on_database("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    if template == "template1":
        words = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        urls = dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL"), on_database(name))
        subprocess.run(words, env=os.environ | urls, cwd=ROOT, check=True, capture_output=True)


def infer_path(version, number=""):
    middle = f"/versions/{number}" if number else ""
    return f"/v2/models/{version.model.slug}{middle}/infer"
