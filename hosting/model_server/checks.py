"""What a version must stand before people look at it (docs/governance.md, "Execution gates").

Each check asks the server class that replicas run, in the gates' limited child (publishing.packages.gates_child), and never
elsewhere. `all_checks` yields one Finding after the other, so that what was found before a crash is known.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Any, Protocol

import numpy as np

from hosting.model_server import cases, trial
from hosting.model_server.cases import Columns
from hosting.model_server.columns import Signature
from hosting.model_server.server import ModelApp
from hosting.model_server.session import LoadedModel, because
from marketplace.core import machine_load

ASKED_AGAIN = 5  # times that the example is asked
BATCH_ROWS = 16
# How far a row's answer may move with its neighbours, as a part of the output's largest value: sums in another order move the
# last digits of 32-bit floats. More than that warns; trial.REFUSED_APART fails.
SAME = 1e-5
BUDGET_S = 25.0  # for the cases of one check
WARM_UP, CALLS, CALLS_LEAST = 50, 1000, 200  # governance.md of the specification, section 3.6
CALLS_BUDGET_S = 4.0
REPEATS = 3  # of the latency measurement, of which the median counts
SHARE = 0.8  # of the promised p95; the rest is left to engine, gateway and network
BUSY = 0.7  # of a replica's time, from where on another replica is needed
MOST_REPLICAS = 8
MOSTLY_COMPUTED = (
    0.8  # of the time is processor time: then a busy machine does not explain a late answer
)
READY_S = 60.0  # from the start of the process to the first answer
HEALTH_S = 1.0
SHOWN = 5  # cases that a sentence names


class Verdict(StrEnum):
    """As governance.models.GateResult.Verdict, which is above this package."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


@dataclass
class Finding:
    """What one check found. crashed: the replica's own answer was a 5xx."""

    gate: str
    verdict: Verdict
    summary: str
    remedy: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    crashed: bool = False


@dataclass(frozen=True)
class Promise:
    """What the version declares: p95 in milliseconds, requests a second (None: not declared), memory in MiB."""

    p95_ms: float | None
    rps: float | None
    memory_mb: int

    @classmethod
    def of(cls, sla: dict[str, Any], memory_mb: int) -> "Promise":
        return cls(_number(sla.get("p95_ms")), _number(sla.get("rps")), memory_mb)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    wall_s: float
    cpu_s: float

    @property
    def is_finite(self) -> bool:
        """JSON writes NaN and infinity as null."""
        outputs = json.loads(self.body)["outputs"]
        return not any(None in output["data"] for output in outputs)


class Answered(Protocol):
    """What became of one request."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...

    @property
    def wall_s(self) -> float: ...

    @property
    def is_finite(self) -> bool: ...


class Runs(Protocol):
    """What answers columns with columns."""

    @property
    def signature(self) -> Signature: ...

    def run(self, columns: Columns) -> Columns: ...


class Asked(Protocol):
    """What most checks ask: a replica here, or an endpoint elsewhere (publishing.endpoints)."""

    @property
    def model(self) -> Runs: ...

    def ask(self, columns: Columns) -> Answered: ...

    def post(self, body: bytes, json_length: str | None = None) -> Answered: ...

    def get(self, path: str) -> Answered: ...


class Replica:
    """The server class without a network: requests go in as ASGI messages."""

    def __init__(
        self, model: LoadedModel, manifest: dict[str, Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        model.manifest = manifest
        self.model, self.loop = model, loop
        self.app = ModelApp(model)

    def ask(self, columns: Columns) -> Answer:
        return self.post(*cases.encoded(columns))

    def post(self, body: bytes, json_length: str | None = None) -> Answer:
        return self.loop.run_until_complete(self._send("POST", "/infer", body, json_length))

    def get(self, path: str) -> Answer:
        return self.loop.run_until_complete(self._send("GET", path, b"", None))

    def post_often(self, body: bytes, json_length: str | None, calls: int) -> list[Answer]:
        """The answers to so many equal calls, or to as many as CALLS_BUDGET_S allows."""

        async def ask() -> list[Answer]:
            until = time.monotonic() + CALLS_BUDGET_S
            answers: list[Answer] = []
            while len(answers) < calls and time.monotonic() < until:
                answers.append(await self._send("POST", "/infer", body, json_length))
            return answers

        return self.loop.run_until_complete(ask())

    async def _send(self, method: str, path: str, body: bytes, json_length: str | None) -> Answer:
        sent: list[dict[str, Any]] = []
        length = (json_length or "").encode()
        headers = [(b"inference-header-content-length", length)] if length else []
        scope = {
            "type": "http",
            "method": method,
            "path": self.app.prefix + path,
            "headers": headers,
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        cpu, wall = time.process_time(), time.perf_counter()
        await self.app(scope, receive, send)
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        return Answer(sent[0]["status"], sent[1]["body"], wall_s, cpu_s)


def all_checks(
    replica: Replica,
    signature: dict[str, Any],
    example: dict[str, Any],
    promise: Promise,
    started: float,
    at: Callable[[str, str], None],
) -> Iterator[Finding]:
    """One Finding after the other, those that a model may die of last.

    started   time.time() at which the process was asked for
    at        is told (gate, what is being asked) before each request, so that a crash has a place
    """
    rows = cases.example_rows(signature, example)
    asks: dict[str, Callable[[], Finding]] = {
        "startup": lambda: startup(replica, rows, promise, started),
        "health": lambda: health(replica),
        "determinism": lambda: determinism(replica, rows),
        "batch": lambda: batch(replica, rows, signature),
        "latency": lambda: latency(replica, rows, promise),
        "refusals": lambda: refusals(replica, rows, at),
        "boundaries": lambda: boundaries(replica, rows, at),
        "robustness": lambda: robustness(replica, rows, at),
    }
    for gate, check in asks.items():
        at(gate, "its example")
        try:
            yield check()
        except Exception as wrong:  # onnxruntime raises many kinds
            is_model = isinstance(wrong, MemoryError) or "onnxruntime" in type(wrong).__module__
            what = "The model failed" if is_model else "The check broke off"
            said = because(wrong, promise.memory_mb, "its example", what, True)
            yield Finding(gate, Verdict.ERROR, str(said), "Run it again.", crashed=is_model)


def startup(replica: Replica, rows: Columns, promise: Promise, started: float) -> Finding:
    """From the start of the process to the first answer, and the memory that it takes."""
    answer = replica.ask(_one(rows))
    ready_s, memory = time.time() - started, trial.peak_mb()
    figures = {
        "ready_s": round(ready_s, 2),
        "first_answer_ms": _ms(answer.wall_s),
        "memory_mb": round(memory),
        "memory_declared_mb": promise.memory_mb,
    }
    said = f"Ready {ready_s:.1f} s after its start (at most {READY_S:.0f} s), with {memory:.0f} MB of {promise.memory_mb} MB."
    if answer.status != 200:
        return _crashed("startup", ["its example"], figures)
    if memory > promise.memory_mb:
        return Finding("startup", Verdict.FAIL, said, "Make the model smaller.", figures)
    if ready_s > READY_S:
        late = Verdict.INCONCLUSIVE if machine_load.is_saturated() else Verdict.FAIL
        return Finding("startup", late, said, "Make the model smaller, or run it again.", figures)
    return Finding("startup", Verdict.PASS, said, metrics=figures)


def health(replica: Asked) -> Finding:
    """The address that the engine and the gateway ask whether it answers."""
    answer = replica.get("/ready")
    took = f"The health endpoint answered {answer.status} in {_ms(answer.wall_s)} ms."
    passed = answer.status == 200 and answer.wall_s < HEALTH_S
    verdict = Verdict.PASS if passed else Verdict.FAIL
    return Finding("health", verdict, took, metrics={"health_ms": _ms(answer.wall_s)})


def determinism(replica: Asked, rows: Columns) -> Finding:
    answers = {replica.ask(rows).body for _ in range(ASKED_AGAIN)}
    figures = {"calls": ASKED_AGAIN, "different_answers": len(answers)}
    if len(answers) == 1:
        said = f"The example was answered {ASKED_AGAIN} times, always the same."
        return Finding("determinism", Verdict.PASS, said, metrics=figures)
    said = (
        f"The same request was answered {ASKED_AGAIN} times with {len(answers)} different answers."
    )
    remedy = "Remove what draws random numbers (dropout, sampling), or give it a fixed seed."
    return Finding("determinism", Verdict.FAIL, said, remedy, figures)


def batch(replica: Asked, rows: Columns, signature: dict[str, Any]) -> Finding:
    """Each row alone, together, and in the other order, by numbers and not by written text."""
    run = replica.model.run
    try:
        varied = trial.varied(rows, signature, BATCH_ROWS)
        together = run(varied)
    except Exception:  # a value that was made up: the example's own rows count
        varied = trial.first_rows(rows, BATCH_ROWS)
        together = run(varied)
    turned = run({name: array[::-1] for name, array in varied.items()})
    worst, place = 0.0, ""
    for row in range(BATCH_ROWS):
        alone = run({name: array[row : row + 1] for name, array in varied.items()})
        for name, array in alone.items():
            here, there = (
                together[name][row : row + 1],
                turned[name][::-1][row : row + 1],
            )
            apart = max(trial.distance(other, array, together[name]) for other in (here, there))
            if apart > worst:
                worst, place = apart, f"row {row} of the output {name}"
    figures = {"rows": BATCH_ROWS, "rows_apart": float(f"{worst:.2g}")}
    if worst <= SAME:
        said = f"{BATCH_ROWS} rows together, in both orders, are answered as each of them alone."
        return Finding("batch", Verdict.PASS, said, metrics=figures)
    said = f"Rows of one call change each other's answers: {place} moves by {worst:.2%} of the largest value."
    figures["is_small"] = worst <= trial.REFUSED_APART
    return Finding("batch", Verdict.FAIL, said, trial.BATCH_REMEDY, figures)


def refusals(replica: Asked, rows: Columns, at: Callable[[str, str], None]) -> Finding:
    """What the signature excludes gets a 4xx that says why: it reaches no model, and breaks none."""
    wrong = cases.wrong(replica.model.signature, _one(rows))
    answered, broken = [], []
    for where, document in wrong:
        at("refusals", where)
        status = replica.post(json.dumps(document).encode()).status
        if status >= 500:
            broken.append(where)
        elif status < 400:
            answered.append(where)
    figures = {"requests": len(wrong), "answered": answered[:SHOWN], "broken": broken[:SHOWN]}
    if broken:
        return _crashed("refusals", broken, figures)
    if answered:
        said = f"{len(answered)} of {len(wrong)} wrong requests were answered: {_named(answered)}."
        return Finding(
            "refusals", Verdict.FAIL, said, "Declare the range, the list or the type.", figures
        )
    said = f"{len(wrong)} wrong requests (outside ranges and lists, of other types, incomplete) were refused with the reason."
    return Finding("refusals", Verdict.PASS, said, metrics=figures)


def boundaries(replica: Asked, rows: Columns, at: Callable[[str, str], None]) -> Finding:
    """Every declared minimum, maximum and allowed value is answered, twice the same, with finite numbers."""
    asked = cases.boundaries(replica.model.signature, _one(rows))
    if not asked:
        said = "The signature declares no range, no allowed values and no optional input."
        return Finding("boundaries", Verdict.NOT_APPLICABLE, said)
    result = _answers(replica, "boundaries", asked, at, twice=True)
    if problem := result.problem("boundaries"):
        return problem
    if refused := result.refused:
        said = (
            f"{len(refused)} declared values are refused by its own signature: {_named(refused)}."
        )
        return Finding(
            "boundaries",
            Verdict.FAIL,
            said,
            "Declare a range that the graph's datatype holds.",
            result.figures,
        )
    if result.missing:
        said = f"Only {result.done} of {len(asked)} declared values could be asked within {BUDGET_S:.0f} s."
        return Finding(
            "boundaries", Verdict.INCONCLUSIVE, said, "Make the model quicker.", result.figures
        )
    said = f"{len(asked)} declared ends of ranges, allowed values and gaps were answered, with finite numbers."
    return Finding("boundaries", Verdict.PASS, said, metrics=result.figures)


def robustness(replica: Asked, rows: Columns, at: Callable[[str, str], None]) -> Finding:
    """Zero, negative and large numbers, odd texts, where the signature does not exclude them."""
    asked = cases.extremes(replica.model.signature, _one(rows))
    if not asked:
        said = "Ranges and lists exclude every extreme value; the boundaries say how their ends are answered."
        return Finding("robustness", Verdict.NOT_APPLICABLE, said)
    result = _answers(replica, "robustness", asked, at, twice=False)
    if problem := result.problem("robustness"):
        return problem
    said = f"{result.done} extreme values that no range excludes were answered or refused, none with NaN, infinity or a failure."
    return Finding("robustness", Verdict.PASS, said, metrics=result.figures)


@dataclass
class _Answers:
    """What became of the cases of a check."""

    total: int
    done: int = 0
    broken: list[str] = field(default_factory=list)
    infinite: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.total - self.done

    @property
    def figures(self) -> dict[str, Any]:
        kinds = {name: getattr(self, name)[:SHOWN] for name in ("broken", "infinite", "unstable")}
        return {
            "cases": self.total,
            "asked": self.done,
            **{k: found for k, found in kinds.items() if found},
        }

    def problem(self, gate: str) -> Finding | None:
        if self.broken:
            return _crashed(gate, self.broken, self.figures)
        if self.infinite:
            said = f"{len(self.infinite)} of {self.total} answers hold NaN or infinity: {_named(self.infinite)}."
            remedy = "Declare a narrower range, or let the model handle these values."
            return Finding(gate, Verdict.FAIL, said, remedy, self.figures)
        if self.unstable:
            said = f"{len(self.unstable)} of {self.total} requests are answered twice and differ: {_named(self.unstable)}."
            return Finding(
                gate, Verdict.FAIL, said, "Remove what draws random numbers.", self.figures
            )
        return None


def _answers(
    replica: Asked,
    gate: str,
    asked: Iterable[cases.Case],
    at: Callable[[str, str], None],
    *,
    twice: bool,
) -> _Answers:
    asked = list(asked)
    result, until = _Answers(len(asked)), time.monotonic() + BUDGET_S
    for where, columns in asked:
        if time.monotonic() > until:
            break
        at(gate, where)
        answer = replica.ask(columns)
        result.done += 1
        if answer.status >= 500:
            result.broken.append(where)
        elif answer.status >= 400:
            result.refused.append(where)
        elif not answer.is_finite:
            result.infinite.append(where)
        elif twice and replica.ask(columns).body != answer.body:
            result.unstable.append(where)
    return result


def latency(replica: Replica, rows: Columns, promise: Promise) -> Finding:
    """p95 at the declared rate, in this process, against the promise; the median of up to three measurements."""
    if not promise.p95_ms:
        said = "No p95 latency is promised."
        return Finding("latency", Verdict.FAIL, said, "Declare the service level.")
    limit_ms = SHARE * promise.p95_ms
    body, json_length = cases.encoded(_one(rows))
    replica.post_often(body, json_length, WARM_UP)
    measured = [_measured(replica, body, json_length, promise)]
    while measured[-1]["p95_ms"] > limit_ms / 2 and len(measured) < REPEATS:
        measured.append(_measured(replica, body, json_length, promise))
    figures = sorted(measured, key=lambda one: one["p95_ms"])[len(measured) // 2]
    figures |= {"promised_p95_ms": promise.p95_ms, "limit_ms": limit_ms, "repeats": len(measured)}
    return judged_latency(figures, is_saturated=machine_load.is_saturated())


def judged_latency(figures: dict[str, Any], *, is_saturated: bool) -> Finding:
    """The verdict on measured figures (`_measured`, with limit_ms and promised_p95_ms), on a machine that is busy or not."""
    figures["machine_was_busy"] = is_saturated
    said = (
        f"p95 {figures['p95_ms']} ms at {figures['rps']:g} requests a second, measured over {figures['calls']} calls in the "
        f"child without network; at most {figures['limit_ms']:g} ms ({SHARE:.0%} of the promised {figures['promised_p95_ms']:g} ms)."
    )
    if figures["failed"]:
        return _crashed("latency", [f"{figures['failed']} calls of its example"], figures)
    if figures["calls"] < CALLS_LEAST and figures["p95_ms"] > figures["limit_ms"] / 2:
        said = f"Only {figures['calls']} calls could be measured. {said}"
        return Finding("latency", Verdict.INCONCLUSIVE, said, "Run it again.", figures)
    if figures["replicas_needed"] > MOST_REPLICAS:
        said = f"The declared rate needs {figures['replicas_needed']} replicas; at most {MOST_REPLICAS} are run. {said}"
        return Finding("latency", Verdict.FAIL, said, "Promise a lower rate.", figures)
    if figures["p95_ms"] <= figures["limit_ms"]:
        return Finding("latency", Verdict.PASS, said, metrics=figures)
    if is_saturated and figures["processor_share"] < MOSTLY_COMPUTED:
        said = f"The machine had more to do than processors: the calls waited for one. {said}"
        remedy = "Run it again when the machine is quiet."
        return Finding("latency", Verdict.INCONCLUSIVE, said, remedy, figures)
    return Finding(
        "latency", Verdict.FAIL, said, "Make the model quicker, or promise more time.", figures
    )


def _measured(
    replica: Replica, body: bytes, json_length: str | None, promise: Promise
) -> dict[str, Any]:
    answers = replica.post_often(body, json_length, CALLS)
    walls = np.array([answer.wall_s for answer in answers])
    cpus = np.array([answer.cpu_s for answer in answers])
    rate = promise.rps or 1.0
    needed = max(1, ceil(rate * float(walls.mean()) / BUSY))
    return {
        "calls": len(answers),
        "failed": sum(answer.status != 200 for answer in answers),
        "rps": rate,
        "replicas_needed": needed,
        "p50_ms": _ms(np.quantile(walls, 0.5)),
        "service_p95_ms": _ms(np.quantile(walls, 0.95)),
        "p95_ms": _ms(np.quantile(from_schedule(walls, rate / needed), 0.95)),
        "processor_share": round(min(1.0, float(cpus.sum() / walls.sum())), 2),
    }


def from_schedule(service_s: np.ndarray, rate: float) -> np.ndarray:
    """Seconds from the moment a call was due to its answer, of calls that come `rate` a second to one replica.

    Measured from the schedule, so that a slow call delays those behind it and is not left out of the figures (coordinated
    omission). Lindley's recursion over the measured times; asking in real time would take minutes for the same figures.
    """
    waits, waited = np.empty_like(service_s), 0.0
    for call, took in enumerate(service_s):
        waits[call] = waited
        waited = max(0.0, waited + float(took) - 1 / rate)
    return waits + service_s


def _crashed(gate: str, where: list[str], figures: dict[str, Any]) -> Finding:
    said = f"The model fails on input that its signature allows: {_named(where)}."
    if gate == "refusals":
        said = f"Wrong requests break the replica instead of being refused: {_named(where)}."
    remedy = "Declare a range that the model can answer, or mend the graph."
    return Finding(gate, Verdict.FAIL, said, remedy, figures, crashed=True)


def _one(rows: Columns) -> Columns:
    return {name: array[:1] for name, array in rows.items()}


def _named(where: list[str]) -> str:
    rest = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
    return "; ".join(where[:SHOWN]) + rest


def _ms(seconds: Any) -> float:
    return round(float(seconds) * 1000, 3)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
