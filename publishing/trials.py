"""The run gate: nothing is submitted that has not answered its own example (docs/packaging.md).

A trial is kept as a GateResult about what was tried, so that it is seen while the version is a draft, and counts at submission
as long as package, signature and example are the same.
"""

import json
import time
from contextlib import suppress
from math import prod
from typing import Any

from django.conf import settings

from catalog.models import ModelVersion, stored_as
from governance.actions import record_gate
from governance.models import GateResult
from hosting import health
from hosting.model_server import coercion, wire
from hosting.model_server.columns import Signature
from hosting.model_server.examples import TRIAL_ROWS
from hosting.model_server.problems import Problem
from marketplace.core import json_reader
from marketplace.core.canonical import digest
from publishing.endpoints import CREDENTIAL_ASKED
from publishing.manifest import MEMORY_MB
from publishing.packages import running
from publishing.storage import read

GATE = "run"
SHOWN_VALUES = 8  # of an output
TOOL = "trial-run/1"
SAID = "the runtime's own words"  # among the figures
SETTLE_S = 2  # a script uploads, describes and submits at once; then submission tries, and the background has nothing to do
# Of a field, what decides whether an example runs; the words that people wrote about it do not.
JUDGED = (
    "name",
    "datatype",
    "shape",
    "required",
    "default",
    "minimum",
    "maximum",
    "enum",
    "format",
)


def latest(version: ModelVersion) -> GateResult | None:
    """The newest trial of the version's present package, signature and example; None while nobody tried them."""
    return (
        version.gate_results.filter(gate=GATE, manifest_sha256=subject(version))
        .order_by("-id")
        .first()
    )


def subject(version: ModelVersion) -> str:
    """The digest of what a trial of this version tries."""
    files = sorted(version.artifacts.values_list("name", "sha256"))
    sides = {
        side: [{key: field.get(key) for key in JUDGED} for field in version.signature.get(side, [])]
        for side in ("inputs", "outputs")
    }
    tried = [
        version.kind,
        version.external_url,
        list(map(list, files)),
        sides,
        version.signature.get("binding"),
        version.example,
    ]
    return digest(tried)


def try_out(version: ModelVersion) -> GateResult:
    """Try the version as it is now, and keep what came of it. Takes about a second; up to a minute for what is slow."""
    about, started = subject(version), time.monotonic()
    found = ask(version)
    verdict = found.get("verdict") or ("fail" if found["problem"] else "pass")
    figures = found["figures"] | ({SAID: found["said"]} if found["said"] else {})
    return record_gate(
        version,
        GATE,
        verdict,
        found["problem"] or _summary(figures),
        severity="warn" if verdict == "inconclusive" else "block",
        tool=TOOL,
        metrics=figures,
        duration_ms=round((time.monotonic() - started) * 1000),
        about=about,
    )


def ask(version: ModelVersion) -> dict[str, Any]:
    """Let the version answer its example: {"problem": "" or why not, "said", "figures"}. Keeps nothing."""
    return _asked(version) if version.kind == ModelVersion.Kind.EXTERNAL else _run(version)


def record_for_submission(version: ModelVersion) -> None:
    """Repeat the newest trial as evidence about the frozen manifest; try now when there is none."""
    done = latest(version) or try_out(version)
    record_gate(
        version,
        GATE,
        done.verdict,
        done.summary,
        severity=done.severity,
        tool=done.tool,
        metrics=done.metrics,
        duration_ms=done.duration_ms,
    )


def _summary(figures: dict[str, Any]) -> str:
    alike = (
        "row by row the same"
        if figures.get("rows_apart", 0) < 1e-3
        else f"row by row the same within {figures['rows_apart']:.1%}"
    )
    loaded = f"loaded in {figures['load_ms']:.0f} ms, " if "load_ms" in figures else ""
    memory = f", with {figures['memory_mb']} MB" if "memory_mb" in figures else ""
    answered = f"answered 1 row in {figures['one_row_ms']:.2f} ms and 3 rows in {figures['three_rows_ms']:.2f} ms, {alike}"
    return f"{figures['runtime']}: {loaded}{answered}{memory}."


# --- a package -----------------------------------------------------------------------------------------------------


def _run(version: ModelVersion) -> dict[str, Any]:
    entry = version.artifacts.filter(name=version.manifest.get("entry", "")).first()
    if entry is None:
        return _no("The package has no graph. Upload it again.")
    try:
        with read(stored_as(entry.sha256)) as graph:
            return running.try_out(
                graph,
                entry.sha256,
                version.signature,
                version.example,
                MEMORY_MB,
                quarantine=settings.QUARANTINE_ROOT,
            )
    except OSError:
        return _no(
            f"The stored file of {entry.name} cannot be read. Upload the package again.",
            verdict="error",
        )


def _no(problem: str, **more: Any) -> dict[str, Any]:
    return {"problem": problem, "said": "", "figures": {}, **more}


# --- an external endpoint ------------------------------------------------------------------------------------------


def _asked(version: ModelVersion) -> dict[str, Any]:
    """One row and three, asked by the way that the gateway takes. An endpoint that asks for another credential cannot be tried yet."""
    figures: dict[str, Any] = {"runtime": "External endpoint"}
    try:
        for rows, label in ((1, "one_row_ms"), (TRIAL_ROWS, "three_rows_ms")):
            body = json.dumps(rows_of(version.signature, version.example, rows)).encode()
            status, answer, figures[label] = health.exchange(version, "POST", "/infer", body)
            if status in CREDENTIAL_ASKED:
                said = f"The endpoint asks for a credential ({status}). Store the one that it takes, on the page of the package: it is asked again then, and nothing is published before it answered."
                return _no(said, verdict="inconclusive")
            if status != 200:
                return _no(
                    f"The endpoint answered its own example ({rows} row(s)) with {status}. Make it answer with 200, or correct the example."
                )
            if rows == 1:
                figures["output"] = _first_values(version.signature, answer)
            if problem := _answer_problem(version.signature, answer, rows):
                return _no(
                    f"The endpoint's answer to {rows} row(s) does not fit the signature: {problem}"
                )
    except health.Unreachable as away:
        return _no(
            f"The endpoint cannot be asked: {away} Let it answer from the marketplace's network, then submit again."
        )
    except Problem as problem:
        return _no(f"The example would be refused: {problem.detail}")
    return {"problem": "", "said": "", "figures": figures | {"rows": [1, TRIAL_ROWS]}}


def rows_of(signature: dict[str, Any], example: dict[str, Any], rows: int) -> dict[str, Any]:
    """The example with so many rows: its first ones, from the beginning again where it has fewer. Raises Problem."""
    compiled = Signature.of(signature)
    request = wire.read(json.dumps(example).encode())
    coercion.columns_of(request, compiled)
    return {"inputs": [_rows_of_tensor(tensor, rows) for tensor in request.inputs]}


def _rows_of_tensor(tensor: wire.RawTensor, rows: int) -> dict[str, Any]:
    flat = _flat(tensor.data)
    size = prod(tensor.shape[1:])
    data = [value for row in range(rows) for value in flat[row % tensor.shape[0] * size :][:size]]
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": [rows, *tensor.shape[1:]],
        "data": data,
    }


def _flat(data: Any) -> list[Any]:
    return [value for inner in data for value in _flat(inner)] if isinstance(data, list) else [data]


def _first_values(signature: dict[str, Any], answer: bytes) -> dict[str, list[Any]]:
    """What each output says first, for people; {} for an answer that is none, or that cannot be kept."""
    values: dict[str, list[Any]] = {}
    with suppress(ValueError, AttributeError, TypeError, KeyError, RecursionError):
        data = {output["name"]: _flat(output["data"]) for output in json.loads(answer)["outputs"]}
        for name in [field["name"] for field in signature["outputs"] if field["name"] in data]:
            shown = data[name][:SHOWN_VALUES]
            values[name] = [value[:60] if isinstance(value, str) else value for value in shown]
        json_reader.check(values)
        return values
    return {}


def _answer_problem(signature: dict[str, Any], answer: bytes, rows: int) -> str:
    outputs: dict[str, Any] = {}
    with suppress(ValueError, AttributeError, TypeError, KeyError):
        outputs = {output["name"]: output for output in json.loads(answer)["outputs"]}
    if not outputs:
        return "it is not JSON with a list of outputs."
    for field in signature["outputs"]:
        name, output = field["name"], outputs.get(field["name"])
        if output is None:
            return f"it lacks the output {name}."
        if output.get("datatype") != field["datatype"]:
            return f"{name} is {output.get('datatype')}; the signature says {field['datatype']}."
        if not isinstance(output.get("shape"), list) or output["shape"][:1] != [rows]:
            return f"{name} has the shape {output.get('shape')}; {rows} row(s) were asked."
    return ""
