"""Two hundred clients on a portal whose pool has five connections: some wait, some are told 503, and the gateway does not notice."""

import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest
from django.test import Client

from marketplace.dev import lineup
from marketplace.dev.processes import die_with_parent
from marketplace.dev.rundir import ROOT
from tests import cast
from tests.gateway import Load, free_port, infer_path, proxy_before, subscriber, through, until

pytestmark = [pytest.mark.xdist_group("gateway_stage"), pytest.mark.chaos, pytest.mark.fault("F6")]
POOL, THREADS, CLIENTS, SECONDS = 5, 32, 200, 8


@pytest.fixture
def storm_proxy(stage):
    """Postgres as the portal sees it: each reply takes a while, so that its connections are held."""
    proxy = proxy_before(stage.gateway.database_url)
    proxy.delay = 0.005
    yield proxy
    proxy.close()


@pytest.fixture
def portal(stage, storm_proxy, tmp_path):
    """The base URL of a portal of its own on the stage's database, with many threads and few connections."""
    port = free_port()
    process = lineup.web(port)
    argv = [*process.argv]
    argv[argv.index("--blocking-threads") + 1] = str(THREADS)
    env = os.environ | {
        "DATABASE_URL": through(storm_proxy, stage.gateway.database_url),
        "REDIS_URL": stage.gateway.redis_url,
        "DB_POOL": str(POOL),
    }
    with (tmp_path / "portal.log").open("wb") as log:
        child = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=log, stderr=log, preexec_fn=die_with_parent)
    until(process.ready, 60)
    yield f"http://127.0.0.1:{port}"
    child.terminate()
    child.wait(20)


def status(url, cookie):
    request = urllib.request.Request(url, headers={"Cookie": f"sessionid={cookie}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError as problem:
        return type(problem).__name__


def test_a_storm_on_the_portal_is_at_worst_503_and_the_gateway_goes_on(portal, storm_proxy, stage, fired, tmp_path):
    version = stage.version()
    _, key = subscriber(version)
    browser = Client()
    browser.force_login(cast.maya())
    cookie = browser.cookies["sessionid"].value
    assert status(f"{portal}/", cookie) == 200
    fired.watch(lambda: storm_proxy.fired)
    storm_proxy.set("slow")
    load = Load(stage.gateway, infer_path(version), key, tmp_path, SECONDS, 50)
    found, by = Counter(), time.monotonic() + SECONDS

    def visit():
        while time.monotonic() < by:
            found[status(f"{portal}/", cookie)] += 1

    visitors = [threading.Thread(target=visit) for _ in range(CLIENTS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(90)
    assert not any(visitor.is_alive() for visitor in visitors), "nobody waits for ever"
    assert set(found) <= {200, 503} and found[200], found
    said = load.result()
    assert set(said["statuses"]) == {"200"} and said["errors"] == 0, said["statuses"]
    storm_proxy.set("pass")
    until(lambda: status(f"{portal}/", cookie) == 200, 10)
