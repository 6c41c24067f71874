"""More calls than a process can answer: load shedding and fair scheduling, and that the rest is answered as fast as before."""

import asyncio
import contextlib
import heapq
import json
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from consumption.metering.usage_journal import ENVIRONMENTS
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.admission import Admission
from hosting.gateway.limits.connections import ConnectionLimiter
from hosting.gateway.limits.fair_scheduler import FairScheduler
from hosting.gateway.limits.load_shedder import SAMPLE_S, LoadShedder
from hosting.gateway.limits.shared_slots import SharedSlotTable
from hosting.gateway.metering.metrics import Counters
from hosting.gateway.problems import Problem
from hosting.gateway.records import CALLS_PER_PASS, SubscriptionLimits
from marketplace.core.problem_types import BY_SLUG
from tests.gateway import QUICK, Gateway, Load, infer_path, subscriber, until
from tests.stack import on_database
from tests.tiers import only

pytestmark = [pytest.mark.xdist_group("gateway_stage")]
LAG_S = GatewayConfig().busy_lag_s


def shedder_with(lag_s=0.0, in_flight=0):
    """A load shedder after a second of this lag."""
    counters = Counters()
    counters.in_flight = in_flight
    shedder = LoadShedder(GatewayConfig(), counters)
    for _ in range(20):
        shedder.add_sample(lag_s)
    return shedder


@pytest.mark.parametrize(
    ("lag_s", "test", "production"),
    [
        (0, False, False),
        (0.9 * LAG_S, False, False),
        (1.5 * LAG_S, True, False),
        (2.5 * LAG_S, True, True),
        (60, True, True),
    ],
)
def test_calls_of_test_applications_are_shed_first(lag_s, test, production):
    shedder = shedder_with(lag_s)
    assert (shedder.should_shed(True), shedder.should_shed(False)) == (test, production)


def test_one_stall_however_long_sheds_nothing():
    shedder = shedder_with()
    shedder.add_sample(30.0)
    assert not shedder.should_shed(True)


def blocked(work):
    """The load shedder of a loop that does little else than `work` for a second."""

    async def live():
        shedder = shedder_with()
        watch = asyncio.ensure_future(shedder.watch())
        for _ in range(6):
            work()
            await asyncio.sleep(0.001)
        watch.cancel()
        return shedder

    return asyncio.run(live())


def burn():
    until_s = time.thread_time() + 0.3
    while time.thread_time() < until_s:
        pass


@pytest.mark.slow
def test_only_the_process_own_work_counts_not_what_others_take_from_the_machine():
    assert blocked(burn).should_shed(False)
    assert not blocked(lambda: time.sleep(0.3)).should_shed(True)


@pytest.mark.parametrize(
    ("in_flight", "test", "production"),
    [(1535, False, False), (1536, True, False), (2047, True, False), (2048, True, True)],
)
def test_calls_in_flight_are_bounded_for_test_applications_earlier(in_flight, test, production):
    shedder = shedder_with(in_flight=in_flight)
    assert (shedder.should_shed(True), shedder.should_shed(False)) == (test, production)


class Worker:
    """A process that answers one after the other, and clients that ask again as soon as they are answered. Virtual time.

    An answer costs 200 µs of it, a rejection 60 µs; the lag is how long what has arrived waits.
    """

    ANSWER_S, REJECTION_S = 200e-6, 60e-6

    def __init__(self):
        self.shedder = LoadShedder(GatewayConfig(), Counters())
        self.now = 0.0
        self.waiting = []

    def run(self, clients, seconds):
        """Answers a second, while so many clients ask."""
        arrivals = [(self.now, number) for number in range(clients)]
        end, answered, sample_at = self.now + seconds, 0, self.now + SAMPLE_S
        while self.now < end:
            arrived, number = heapq.heappop(arrivals)
            self.now = max(self.now, arrived)
            while self.waiting and self.waiting[0] <= self.now:
                heapq.heappop(self.waiting)
                self.shedder.record_sent()
            while self.now >= sample_at:
                self.shedder.add_sample(self.now - min(arrived, self.now))
                sample_at += SAMPLE_S
            if self.shedder.should_shed(False):
                self.now += self.REJECTION_S
                heapq.heappush(
                    self.waiting,
                    told := self.now + self.shedder.delay_rejection(GatewayConfig().shed_wait_s),
                )
                heapq.heappush(arrivals, (told, number))
            else:
                self.now += self.ANSWER_S
                answered += 1
                heapq.heappush(arrivals, (self.now, number))
        return answered / seconds


@pytest.mark.fault("F21")
@pytest.mark.parametrize("clients", only((50, 500, 1000, GatewayConfig().connections), 500))
def test_a_tenfold_burst_and_more_leaves_four_fifths_of_the_capacity(clients):
    worker = Worker()
    capacity = worker.run(50, 5)
    assert worker.run(clients, 60) >= 0.8 * capacity
    worker.run(50, 10)
    assert not worker.shedder.should_shed(True) and not worker.shedder.delayed, (
        "back to normal within ten seconds"
    )
    assert worker.run(50, 5) == pytest.approx(capacity, rel=0.02)


def test_the_answer_is_no_limit_of_the_plan_and_says_so(stage, tmp_path):
    """A bound of no calls at all sheds everything, so the text can be read at leisure."""
    version = stage.version()
    _, key = subscriber(version)
    gateway = Gateway(
        tmp_path,
        1,
        on_database(stage.database),
        stage.gateway.redis_url,
        stage.stub.host,
        **QUICK,
        in_flight=0,
        shed_wait_s=1,
    )
    with gateway:
        began = time.monotonic()
        status, headers, body = gateway.infer(infer_path(version), key)
        assert time.monotonic() - began >= 0.5, "delayed, so that a retry at once does not pay"
        problem = json.loads(body)
        assert (
            status == 503
            and problem["type"].endswith("/gateway-busy")
            and "no limit of your plan" in problem["detail"]
        )
        assert headers["retry-after"] == "2" and "gateway-busy" in BY_SLUG
        assert gateway.get("/v2/health/ready")[0] == gateway.get("/v2/health/live")[0] == 200
        assert gateway.get(f"/v2/models/{version.model.slug}", key)[0] == 200
        until(
            lambda: gateway.count("rejections_total", version=version.pk, limit="load") == 1,
            3,
            gateway.said,
        )
        assert stage.stub.seen == []


def rejection_of(limiter, address):
    """The problem that a new connection gets, by its slug; None when it is accepted."""
    try:
        limiter.acquire(address)
    except Problem as problem:
        return problem.status, problem.slug
    return None


def test_too_many_connections_are_the_callers_own_doing_as_long_as_they_are_one_addresss():
    limiter = ConnectionLimiter(per_address=2, total=4, body_bytes=0)
    assert [rejection_of(limiter, "192.0.2.1") for _ in range(3)] == [
        None,
        None,
        (429, "too-many-connections"),
    ]
    assert [rejection_of(limiter, address) for address in ("192.0.2.2", None)] == [
        None,
        (503, "gateway-busy"),
    ]


@pytest.mark.slow
def test_who_opens_too_many_connections_reads_so(stage, tmp_path):
    """Two hundred at once used to read "try again": that something of the gateway was away."""
    gateway = stage.new_gateway(tmp_path, connections_per_address=4)
    with gateway, contextlib.ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        status, headers, body = gateway.infer("/v2/models/any/infer", "", b"x" * 700_000)
    assert (status, headers["retry-after"], headers["connection"]) == (429, "1", "close")
    problem = json.loads(body)
    assert (
        problem["type"].endswith("/too-many-connections")
        and "more than 4 connections" in problem["detail"]
    )
    assert "too-many-connections" in BY_SLUG


def share_answered(said):
    return said["statuses"].get("200", 0) / said["calls"]


@pytest.mark.chaos
@pytest.mark.fault("F21")
def test_a_real_burst(stage, tmp_path, injected_faults):
    """Ten times the connections that keep one worker busy, half of them of a test application; then as before.

    The bound on the lag is lowered, for the clients and the model of this test share two cores with the gateway. For the same
    reason how much is answered is judged in virtual time above and, on a real gateway with a core for itself, by bench.burst.
    """
    version = stage.version()
    _, key = subscriber(version)
    _, trying_key = subscriber(version, environment="test")
    gateway = Gateway(
        tmp_path / "gateway",
        1,
        on_database(stage.database),
        stage.gateway.redis_url,
        stage.stub.host,
        **QUICK | {"connections_per_address": 2000},
        busy_lag_s=0.01,
        upstream_concurrency=2000,
    )
    path, health = infer_path(version), []
    with gateway:
        until(lambda: gateway.infer(path, key)[0] == 200)
        trying = Load(gateway, path, trying_key, tmp_path, 12, rate=0, connections=160)
        production = Load(gateway, path, key, tmp_path, 12, rate=0, connections=160)
        while not production.is_over():
            health.append(gateway.get("/v2/health/ready")[0])
            time.sleep(0.1)
        served, tried = production.result(), trying.result()
        injected_faults.add(tried["statuses"].get("503", 0))
        assert set(health) == {200} and len(health) > 10
        assert not served["errors"] + tried["errors"] and set(served["statuses"]) | set(
            tried["statuses"]
        ) <= {"200", "503"}
        assert share_answered(served) > share_answered(tried), "test applications are shed first"
        until(
            lambda: (
                gateway.count("rejections_delayed") == 0
                and gateway.count("event_loop_lag_seconds") < 0.01
            ),
            10,
            gateway.said,
        )
        assert {gateway.infer(path, key)[0] for _ in range(50)} == {200}


class Bucket:
    """Redis as admission sees it: grants all that is asked for, after a moment; `asked`: how many each time."""

    is_up = True

    def __init__(self):
        self.asked = []

    async def execute(self, *command):
        wanted = command[-1]
        self.asked.append(wanted)
        await asyncio.sleep(0.001)
        return [wanted, 1_000_000, 0, b"0"]


def test_a_thousand_calls_that_wait_for_a_lease_try_again_once_or_twice():
    """A lease of 64 for a thousand would wake nearly all of them in vain sixteen times: so a real burst lost half its goodput."""
    redis, looks = Bucket(), 0

    class Counted(Admission):
        def take(self, *words):
            nonlocal looks
            looks += 1
            return super().take(*words)

    async def burst():
        config = replace(GatewayConfig(), upstream_concurrency=1000)
        shedder = LoadShedder(config, Counters())
        admission = Counted(
            config, redis, 1, SharedSlotTable(), shedder, None, None, lambda epoch: None
        )
        limits = SubscriptionLimits(1, SharedSlotTable().of_subscription(1))
        limits.adopt(
            SimpleNamespace(
                environment=0, rate=100_000, burst=100_000, concurrency=1000, quota=None
            )
        )
        await asyncio.gather(*(admission.wait(limits, 1, lambda: 0) for _ in range(1000)))
        return admission.admitted

    assert asyncio.run(burst()) == 1000
    assert looks <= 3000 and len(redis.asked) <= 3


class RecordedCall:
    """A call that records when it starts."""

    def __init__(self, name, order):
        self.name, self.order = name, order

    def start(self, limits):
        self.order.append(self.name)


def limits_of(environment="prod"):
    limits = SubscriptionLimits(1, SharedSlotTable().of_subscription(1))
    limits.adopt(
        SimpleNamespace(
            environment=ENVIRONMENTS.index(environment),
            rate=100,
            burst=100,
            concurrency=1000,
            quota=None,
        )
    )
    return limits


def start_all(*crowds):
    """Calls of several subscriptions that come in one pass, as (limits, count, name): in which order they start."""

    async def live():
        scheduler, order = FairScheduler(GatewayConfig()), []
        for limits, count, name in crowds:
            for _ in range(count):
                call = RecordedCall(name, order)
                if scheduler.may_start(limits, call):
                    call.start(limits)
        while len(order) < sum(count for _, count, _ in crowds):
            await asyncio.sleep(0)
        return order

    return asyncio.run(live())


def test_a_crowd_of_one_subscription_lets_another_start_in_the_same_pass():
    order = start_all((limits_of(), 500, "greedy"), (limits_of(), 1, "modest"))
    assert order.index("modest") == CALLS_PER_PASS


def test_while_both_have_a_queue_a_test_application_has_a_quarter_of_productions_share():
    order = start_all((limits_of("test"), 100, "test"), (limits_of(), 100, "prod"))
    assert order[:80].count("test") == 16


@pytest.mark.parametrize(
    ("environment", "waited_s", "is_rejected"),
    [("test", 1.5 * LAG_S, True), ("prod", 1.5 * LAG_S, False), ("prod", 2.5 * LAG_S, True)],
)
def test_a_subscription_whose_queue_is_too_long_is_rejected_and_nobody_else(
    environment, waited_s, is_rejected
):
    async def live():
        scheduler, greedy = FairScheduler(GatewayConfig()), limits_of(environment)
        for _ in range(CALLS_PER_PASS + 1):
            scheduler.may_start(greedy, RecordedCall("", []))
        greedy.queue[0] = (time.thread_time() - waited_s, greedy.queue[0][1])
        assert scheduler.may_start(limits_of(environment), RecordedCall("", []))
        scheduler.may_start(greedy, RecordedCall("", []))

    with (
        pytest.raises(Problem, match="gets more calls") if is_rejected else contextlib.nullcontext()
    ):
        asyncio.run(live())
