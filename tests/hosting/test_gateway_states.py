"""One call as a state machine: whatever happens in whatever order, one record, one release of its slots, one end."""

import asyncio
import random
from collections import Counter
from types import SimpleNamespace

import pytest

from hosting.gateway import problems
from hosting.gateway.call import TRANSITIONS, Call, IllegalTransition, State
from hosting.gateway.clock import Clock
from hosting.gateway.config import GatewayConfig
from hosting.gateway.limits.missing import Missing
from hosting.gateway.metering.metrics import Counters
from hosting.gateway.rows_call import RowsCall
from hosting.gateway.upstream.circuit_breaker import UpstreamHealthByVersion
from hosting.gateway.upstream.connection_pool import Failure
from hosting.model_server.columns import Signature

ROWS = b'[{"income": 1.0}, {"income": 2.0}]'
SIGNATURE = Signature.of(
    {"inputs": [{"name": "income", "datatype": "FP32", "shape": [-1]}], "outputs": []}
)
MANY = ROWS + b" " * 5000  # converted in a thread
WHOLE = b'{"outputs": [{"name": "score", "shape": [2], "data": [1, 2]}]}'
OK_HEAD = {b"content-type": b"application/json", b"content-length": b"4"}


class Caller:
    """A client connection; counts how its call ended for it."""

    address, closing, takes_chunks = "192.0.2.1", b"", True

    def __init__(self):
        self.ends = Counter()

    def answer(self, data, last):
        if last:
            self.ends["answered"] += 1

    def reject(self, problem, request_id, extra):
        self.ends[problem.status] += 1

    def abort(self):
        self.ends["cut off"] += 1


class Rig:
    """A call between a caller and an upstream; `held` counts slots, `records` begun and ended journal records."""

    def __init__(self, *, missing=(), is_external=False, kind=Call, body=b"{}"):
        self.missing = list(missing)
        self.records, self.held, self.handler = Counter(), 0, None
        version = SimpleNamespace(
            id=1,
            number="1.0.0",
            origin=object(),
            first_byte_s=1.0,
            request_head=b"",
            rows_head=b"",
            signature=SIGNATURE if is_external else None,
            head_at=lambda now: b"",
            is_external=is_external,
            is_asleep=False,
            is_running=lambda now: True,
        )
        model = SimpleNamespace(slug="model", by_number={"1.0.0": version})
        self.limits = SimpleNamespace(rate_limit_headers=lambda at_us: b"")
        record = SimpleNamespace(
            model_id=1,
            environment=0,
            billing_ids=(1,) * 5,
            subscription_id=1,
            subscription_state="active",
            limits=self.limits,
        )
        self.context = SimpleNamespace(
            config=GatewayConfig(),
            clock=Clock(),
            counters=Counters(),
            keys=SimpleNamespace(get=lambda raw, now, address: record),
            models=SimpleNamespace(get=lambda model_id: model),
            common_head=b"",
            environments_open=2,
            journal=SimpleNamespace(start=self.begin_record, end=self.end_record),
            upstreams=UpstreamHealthByVersion(GatewayConfig()),
            pool=SimpleNamespace(
                take=lambda origin: self, open=self.open, give_back=lambda c: None
            ),
            admission=SimpleNamespace(
                scheduler=SimpleNamespace(may_start=lambda limits, call: True),
                take=self.take,
                wait=self.wait,
                release=self.release,
            ),
            shedder=SimpleNamespace(delay_rejection=lambda s: 0.0, record_sent=lambda: None),
            new_request_id=lambda: "an id",
        )
        self.caller = Caller()
        self.call = kind(self.context, self.caller, b"", "model", "1.0.0", {}, [body], len(body))

    def take(self, limits, version_id, now, at_us):
        if self.missing:
            return self.missing.pop()
        self.held += 1
        return None

    async def wait(self, limits, version_id, clock_us):
        while self.take(limits, version_id, 0, 0):
            await asyncio.sleep(0)
        return clock_us()

    def release(self, limits, version_id, at_us, *, was_charged):
        self.held -= 1

    def begin_record(self, *facts):
        self.records["begun"] += 1
        return SimpleNamespace(event_id=b"\0" * 16)

    def end_record(self, *facts):
        self.records["ended"] += 1
        self.records["units"] += facts[3]

    # the upstream connection

    async def open(self, origin):
        await asyncio.sleep(0)
        return self

    def exchange(self, handler, request, first_byte_s):
        self.handler = handler

    def abort(self):
        self.handler = None

    def pause_reading(self):
        """Backpressure."""

    resume_reading = pause_reading

    def upstream(self, event, *facts):
        """The upstream does something, if it has a request to answer."""
        handler = self.handler
        if handler is not None:
            if event in ("on_done", "on_failure"):
                self.handler = None
            getattr(handler, event)(*facts)


def happenings(rig):
    """What may happen to a call, and whether the answer's head must have come before."""
    return {
        "a head": lambda: rig.call.state is State.SENT and rig.upstream("on_head", 200, OK_HEAD),
        "an error": lambda: rig.call.state is State.SENT and rig.upstream("on_head", 500, {}),
        "a bad input": lambda: rig.call.state is State.SENT and rig.upstream("on_head", 422, {}),
        "data": lambda: rig.call.state is not State.SENT and rig.upstream("on_data", b"data"),
        "a whole answer": lambda: (
            rig.call.state is State.RESPONDING and rig.upstream("on_data", WHOLE)
        ),
        "the end": lambda: rig.call.state is not State.SENT and rig.upstream("on_done"),
        "a hang-up": lambda: rig.upstream("on_failure", Failure.HUNG_UP, False),
        "a stale connection": lambda: rig.upstream("on_failure", Failure.HUNG_UP, True),
        "a timeout": lambda: rig.upstream("on_failure", Failure.TIMED_OUT, False),
        "too much": lambda: rig.upstream("on_failure", Failure.TOO_LARGE, False),
        "the caller leaves": rig.call.cancel,
        "the key is revoked": lambda: (
            rig.handler is not None and rig.call.cut_off(problems.not_recognised())
        ),
        "the caller reads slowly": rig.call.pause_reading,
        "time": lambda: None,
    }


@pytest.mark.parametrize("kind", [Call, RowsCall])
@pytest.mark.parametrize("first", range(0, 300, 50))
def test_whatever_happens_there_is_one_record_one_end_and_no_slot_is_kept(first, kind):
    """Fifty calls beside each other, each with happenings of its own seed."""

    async def live():
        await asyncio.gather(*(one_call(seed, kind) for seed in range(first, first + 50)))

    asyncio.run(live())


async def one_call(seed, kind):
    luck = random.Random(seed)
    rig = Rig(
        missing=[Missing.TOKEN] * luck.randrange(3),
        is_external=luck.random() < 0.3,
        kind=kind,
        body=luck.choice([ROWS, ROWS, b"[]", MANY]),
    )
    rig.call.run()
    for _ in range(40):
        luck.choice(list(happenings(rig).values()))()
        await asyncio.sleep(0.001 if rig.call.body == [MANY] else 0)
    rig.upstream("on_failure", Failure.TIMED_OUT, False)
    rig.call.cancel()
    await asyncio.sleep(0.01)
    assert rig.call.state is State.ENDED, seed
    assert rig.held == 0 and rig.context.counters.in_flight == 0, seed
    assert rig.records["begun"] == rig.records["ended"] <= 1, seed
    assert rig.records["units"] == rig.caller.ends["answered"] <= 1, seed
    assert sum(rig.caller.ends.values()) <= 1, (seed, rig.caller.ends)


def test_a_step_that_the_table_does_not_have_is_refused():
    call = Rig().call
    with pytest.raises(IllegalTransition, match="received to streaming"):
        call._move(State.STREAMING)
    assert call.state is State.RECEIVED and State.STREAMING not in TRANSITIONS[call.state]
