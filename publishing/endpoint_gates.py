"""The execution gates of an endpoint hosted outside: the same checks, asked over the network (docs/governance.md, "Execution gates")."""

from collections.abc import Callable
from typing import Any

import numpy as np

from catalog.models import ModelVersion
from governance import gates
from hosting.model_server import cases, checks
from hosting.model_server.checks import Finding, Verdict
from publishing.endpoints import Answer, CannotAsk, CredentialAsked, Endpoint

SECONDS = 150.0  # of all checks; the task may take 240
CALLS, CALLS_LEAST = 200, 50  # for the latency, one after the other
CALLS_SECONDS = 20.0
AGAIN = "Let the endpoint answer from the marketplace's network, then run the checks again."
NOT_STARTED = "Nothing is started here: it is hosted outside, and probed every 30 seconds once it is published."


def findings_of(version: ModelVersion) -> list[dict[str, Any]]:
    """One finding a gate, in the order of gates.RUN. What could not be asked is an error; a credential, inconclusive."""
    endpoint = Endpoint(version, SECONDS)
    rows = cases.example_rows(version.signature, version.example)
    asks: dict[str, Callable[[], Finding]] = {
        "startup": lambda: Finding("startup", Verdict.NOT_APPLICABLE, NOT_STARTED),
        "health": lambda: checks.health(endpoint),
        "determinism": lambda: checks.determinism(endpoint, rows),
        "batch": lambda: checks.batch(endpoint, rows, version.signature),
        "latency": lambda: latency(endpoint, rows, version.sla),
        "refusals": lambda: checks.refusals(endpoint, rows, _nowhere),
        "boundaries": lambda: checks.boundaries(endpoint, rows, _nowhere),
        "robustness": lambda: checks.robustness(endpoint, rows, _nowhere),
    }
    return [_found(gate, asks[gate]) for gate in gates.RUN]


def latency(endpoint: Endpoint, rows: cases.Columns, sla: dict[str, Any]) -> Finding:
    """p95 of calls of one row one after the other, over the network, against the promise."""
    promised = checks.Promise.of(sla, 0).p95_ms
    if not promised:
        said = "No p95 latency is promised."
        return Finding("latency", Verdict.FAIL, said, "Declare the service level.")
    answers = _calls(endpoint, {name: array[:1] for name, array in rows.items()})
    walls = np.array([answer.wall_s for answer in answers]) * 1000
    p50, p95 = (round(float(np.quantile(walls, share)), 2) for share in (0.5, 0.95))
    limit = checks.SHARE * promised
    figures = {
        "calls": len(answers),
        "failed": sum(answer.status != 200 for answer in answers),
        "p50_ms": p50,
        "p95_ms": p95,
        "limit_ms": limit,
        "promised_p95_ms": promised,
    }
    said = (
        f"p95 {p95} ms over {len(answers)} calls, one after the other, over the network; "
        f"at most {limit:g} ms ({checks.SHARE:.0%} of the promised {promised:g} ms). "
        "At the declared rate it is measured from real calls."
    )
    remedy = "Make the endpoint quicker, or promise more time."
    if figures["failed"]:
        said = f"{figures['failed']} of {len(answers)} calls of its example were not answered."
        return Finding("latency", Verdict.FAIL, said, AGAIN, figures, crashed=True)
    if p95 > limit:
        return Finding("latency", Verdict.FAIL, said, remedy, figures)
    if len(answers) < CALLS_LEAST:
        return Finding("latency", Verdict.INCONCLUSIVE, said, "Run it again.", figures)
    return Finding("latency", Verdict.PASS, said, metrics=figures)


def _calls(endpoint: Endpoint, row: cases.Columns) -> list[Answer]:
    answers = [endpoint.ask(row)]
    spent = answers[0].wall_s
    while len(answers) < CALLS and spent < CALLS_SECONDS:
        answers.append(endpoint.ask(row))
        spent += answers[-1].wall_s
    return answers


def _found(gate: str, check: Callable[[], Finding]) -> dict[str, Any]:
    try:
        finding = check()
    except CredentialAsked as wall:
        finding = Finding(gate, Verdict.INCONCLUSIVE, str(wall), metrics={"is_small": True})
    except CannotAsk as problem:
        finding = Finding(gate, Verdict.ERROR, str(problem), AGAIN)
    return vars(finding)


def _nowhere(gate: str, asked: str) -> None:
    """A crash of an endpoint is an answer and no end of a process: no place has to be kept."""
