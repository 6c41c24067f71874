"""How fast a version answers in the sandbox: an open-loop generator in the worker, with bounded calls.

Open loop: calls are due at fixed times, whether the ones before are answered or not, and a latency counts from when its call was
due. So a version that falls behind cannot hide it (docs/playground.md, "Benchmark").
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import ceil, floor, inf, sqrt
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import LatencyRun
from consumption.permissions import can_try
from consumption.playground import gateway_client, rows, sandbox_pass, tries
from consumption.playground.allowance import NoneLeft
from consumption.playground.sandbox_pass import SandboxPass
from marketplace.accounts.models import User
from marketplace.core.background import enqueue
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition

CONCURRENCIES = (1, 4, 16)
MOST_CALLS = {1: 60, 4: 160, 16: 320}
FEWEST_CALLS = 10
STAGE_S = 8.0  # calls are due within so many seconds
WARM_UP = 4
LOAD = 0.8  # of what so many at once could answer at the latency of one alone
MOST_PER_S = 100
RUNS_AN_HOUR = 3  # of a person
MOST_ROWS = 20
LOST_S = 200  # a task that runs longer was killed
LOCK = 0x6C6174656E6379


@dataclass(frozen=True)
class Stage:
    """What was measured with so many calls at once. Milliseconds from when a call was due.

    offered_per_s  how many calls were due; answered_per_s how many were answered.
    p50, p95, p99  with the interval of the first two (order statistics, 95 %); None without an answer.
    """

    concurrency: int
    calls: int
    answered: int
    offered_per_s: float
    answered_per_s: float
    p50: float | None = None
    p50_interval: tuple[float, float] | None = None
    p95: float | None = None
    p95_interval: tuple[float, float] | None = None
    p99: float | None = None
    most: float | None = None


@transaction.atomic
def start(
    by: User, version: ModelVersion, *, count: int = 1, expected_calls: int | None = None
) -> LatencyRun:
    """Have a version measured with `count` rows of its owner's example in each call. Raises NotAllowed, RuleError."""
    require(
        can_try(by, version), "You may not try this version.", ask=str(version.model.owner_team)
    )
    if reason := tries.why_not(version):
        raise RuleError(reason, field="version", ask=version.model.support_contact)
    since = timezone.now() - timedelta(hours=1)
    if LatencyRun.objects.filter(user=by, requested_at__gt=since).count() >= RUNS_AN_HOUR:
        raise NoneLeft(
            f"You have measured {RUNS_AN_HOUR} times within an hour.", remedy="Wait a while."
        )
    if request_of(version, count) is None:
        raise RuleError(
            "The version has no example to send.",
            field="version",
            ask=str(version.model.owner_team),
        )
    wanted = LatencyRun(user=by, version=version, rows=count, expected_calls=expected_calls)
    try:
        with transaction.atomic():
            wanted.save()
    except IntegrityError:
        raise RuleError(
            "A benchmark of yours is under way.", remedy="Wait until it has ended."
        ) from None
    enqueue("consumption.measure_latency", wanted.pk)
    return wanted


def request_of(version: ModelVersion, count: int) -> dict[str, Any] | None:
    """A request with `count` rows: those of the owner's example, over and over. None where there is no example that fits."""
    shown = rows.of_example(version.signature, version.example)
    repeated = [shown[at % len(shown)] for at in range(count)]
    judged = rows.judge(version.signature, repeated)
    return None if judged.errors else judged.body


def measure(run_id: int) -> None:
    """Measure a run that waits. One at a time in the whole marketplace; the others stay queued until the sweep sends them again."""
    run = LatencyRun.objects.select_related("version__model").filter(pk=run_id).first()
    if run is None or run.state != LatencyRun.State.QUEUED:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if LatencyRun.objects.filter(state=LatencyRun.State.RUNNING).exists():
            return
        transition(run, LatencyRun.State.RUNNING)
    body = request_of(run.version, run.rows)
    reason = tries.why_not(run.version) or ("" if body else "The version has no example to send.")
    stages: list[Stage] = []
    if body and not reason:
        stages = measured(lambda: _call(run.version, body))
        reason = "" if any(stage.answered for stage in stages) else "It did not answer."
    if reason:
        transition(run, LatencyRun.State.FAILED, reason=reason[:300])
    else:
        transition(run, LatencyRun.State.DONE, stages=[asdict(stage) for stage in stages])
    _send_next()


def sweep() -> None:
    """Fail runs whose worker was killed, and send the one that waits for longest again."""
    since = timezone.now() - timedelta(seconds=LOST_S)
    for run in LatencyRun.objects.filter(state=LatencyRun.State.RUNNING, state_since__lt=since):
        transition(run, LatencyRun.State.FAILED, reason="The worker was ended meanwhile.")
    _send_next()


def measured(new_call: Callable[[], Callable[[], bool]]) -> list[Stage]:
    """The stages of a run; none of those after one without an answer. `new_call` makes what calls once and says whether it was
    answered; it is made anew for each stage, since a pass lives for a minute."""
    call = new_call()
    warm = [_timed(call, time.monotonic()) for _ in range(WARM_UP)]
    answered = sorted(seconds for seconds, is_answered in warm if is_answered)
    if not answered:
        return []
    alone_s = answered[len(answered) // 2]
    stages: list[Stage] = []
    for concurrency in CONCURRENCIES:
        per_s = min(MOST_PER_S, LOAD * concurrency / max(alone_s, 0.001))
        calls = max(FEWEST_CALLS, min(MOST_CALLS[concurrency], ceil(per_s * STAGE_S)))
        stages.append(stage_of(new_call(), concurrency, calls, per_s))
        if not stages[-1].answered:
            break
    return stages


def stage_of(call: Callable[[], bool], concurrency: int, calls: int, per_s: float) -> Stage:
    """Make `calls` calls, due `per_s` a second, at most `concurrency` at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(concurrency) as pool:
        waiting = []
        for number in range(calls):
            due = began + number / per_s
            time.sleep(max(0.0, due - time.monotonic()))
            waiting.append(pool.submit(_timed, call, due, began + 2 * STAGE_S))
        results = [one.result() for one in waiting]
    took_s = time.monotonic() - began
    answered = sorted(1000 * seconds for seconds, is_answered in results if is_answered)
    if not answered:
        return Stage(concurrency, calls, 0, per_s, 0.0)
    return Stage(
        concurrency=concurrency,
        calls=calls,
        answered=len(answered),
        offered_per_s=per_s,
        answered_per_s=len(answered) / took_s,
        p50=percentile(answered, 0.5),
        p50_interval=interval(answered, 0.5),
        p95=percentile(answered, 0.95),
        p95_interval=interval(answered, 0.95),
        p99=percentile(answered, 0.99),
        most=answered[-1],
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that at least this share does not exceed."""
    return values[max(0, ceil(share * len(values)) - 1)]


def interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """The order statistics between which the percentile lies with 95 %."""
    middle, apart = share * len(values), 1.96 * sqrt(len(values) * share * (1 - share))
    last = len(values) - 1
    return values[max(0, floor(middle - apart) - 1)], values[min(last, ceil(middle + apart) - 1)]


def _send_next() -> None:
    waiting = LatencyRun.objects.filter(state=LatencyRun.State.QUEUED).order_by("requested_at")
    if run := waiting.first():
        enqueue("consumption.measure_latency", run.pk)


def _call(version: ModelVersion, body: dict[str, Any]) -> Callable[[], bool]:
    """What calls once. Its pass is of a system user, so that a person's own limits have no part in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM statement_timestamp())::bigint")
        now_s = cursor.fetchone()[0]
    granted = SandboxPass(
        User.objects.system("benchmark").pk,
        version.model_id,
        version.pk,
        now_s + sandbox_pass.LIFE_S,
        rate=2 * MOST_PER_S,
        burst=2 * MOST_PER_S,
        concurrency=max(CONCURRENCIES),
    )
    text = tries.pass_of(granted)
    slug, number = version.model.slug, version.number

    def call() -> bool:
        try:
            return gateway_client.infer(slug, number, body, text).status == 200
        except (gateway_client.Late, gateway_client.TooLong, gateway_client.Unreachable):
            return False

    return call


def _timed(call: Callable[[], bool], due: float, until: float = inf) -> tuple[float, bool]:
    """(seconds since the call was due, whether it was answered). After `until` nothing is called any more."""
    is_answered = time.monotonic() < until and call()
    return time.monotonic() - due, is_answered
