"""Two hundred clients on a portal whose pool has five connections: some wait, some are told 503, and the gateway does not notice."""

import threading
import time
from collections import Counter

import pytest

from tests import factories
from tests.gateway import Load, infer_path, subscriber, until
from tests.portal import Portal, session

pytestmark = [pytest.mark.xdist_group("gateway_stage"), pytest.mark.chaos, pytest.mark.fault("F6")]
POOL, THREADS, CLIENTS, SECONDS = 5, 32, 200, 8


@pytest.fixture
def portal(stage, tmp_path):
    """On the stage's database, with many threads and few connections, each held for a while by slow replies."""
    urls = stage.gateway.database_url, stage.gateway.redis_url
    with Portal(tmp_path, *urls, threads=THREADS, DB_POOL=str(POOL)) as portal:
        portal.postgres.delay = 0.005
        portal.timeout_s = 60  # they stand in a queue
        yield portal


def status(portal, cookie):
    try:
        return portal.get("/", cookie)[0]
    except OSError as problem:
        return type(problem).__name__


def test_a_storm_on_the_portal_is_at_worst_503_and_the_gateway_goes_on(
    portal, stage, injected_faults, tmp_path
):
    version = stage.version()
    _, key = subscriber(version)
    cookie = session(factories.maya())
    assert status(portal, cookie) == 200
    injected_faults.watch(lambda: portal.postgres.injected)
    portal.postgres.set("slow")
    load = Load(stage.gateway, infer_path(version), key, tmp_path, SECONDS, 50)
    found, by = Counter(), time.monotonic() + SECONDS

    def visit():
        while time.monotonic() < by:
            found[status(portal, cookie)] += 1

    visitors = [threading.Thread(target=visit) for _ in range(CLIENTS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(90)
    assert not any(visitor.is_alive() for visitor in visitors), "nobody waits for ever"
    assert set(found) <= {200, 503} and found[200], found
    said = load.result()
    assert set(said["statuses"]) == {"200"} and said["errors"] == 0, said["statuses"]
    portal.postgres.set("pass")
    until(lambda: status(portal, cookie) == 200, 10)
