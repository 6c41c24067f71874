"""publish, status, evaluate: what a pipeline does and waits for."""

from __future__ import annotations

import json
import operator
import re
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from marketplace_client.cli import mlflow_registry
from marketplace_client.cli.context import Context
from marketplace_client.cli.failures import NOT_NOW, NOT_PASSED, USAGE, Failure

IN_PROGRESS = ("submitted", "checking", "in_review", "approved")
LIVE = ("published", "deprecated")
WAIT_S = 5
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def publish(context: Context) -> int:
    """Entry, package and publication, up to the submission; the same files again change nothing."""
    given, portal = context.arguments, context.portal
    if given.entry:
        portal.put("models", given.model, data=_document(given.entry))
    document = _document(given.publication) if given.publication else {}
    if given.card:
        document["card_text"] = _text(given.card)
    with tempfile.TemporaryDirectory() as folder:
        files = {"file": _package(context, Path(folder))} if given.package else {}
        fields = [("publication", json.dumps(document))]
        path = ("models", given.model, "versions", given.number)
        portal.put(*path, data={})
        status, code = portal.form(*path, "publication", fields=fields, files=files)
    what = "is submitted" if code == 201 else "was submitted before; nothing changed"
    if given.wait:
        return _wait(context, f"{given.model} {given.number} {what}.")
    context.out.document(status, f"{given.model} {given.number} {what}: {status['state']}.")
    return 0


def _document(name: str) -> Any:
    try:
        return json.loads(_text(name))
    except ValueError as wrong:
        raise Failure(f"{name} cannot be read as JSON: {wrong}.", USAGE) from None


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as wrong:
        raise Failure(f"{name} cannot be read: {wrong}.", USAGE) from None


def _package(context: Context, folder: Path) -> Path:
    """An MLflow directory, or a version of an MLflow registry, as a tar.gz; a file as it is."""
    named = context.arguments.package
    if mlflow_registry.is_reference(named):
        path = mlflow_registry.download(named, context.world.environment, folder)
    else:
        path = Path(named)
    if not path.exists():
        raise Failure(f"{path} is not there.", USAGE)
    if path.is_file():
        return path
    packed = folder / "package.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(path, arcname=path.name)
    return packed


def status(context: Context) -> int:
    if context.arguments.wait:
        return _wait(context)
    found = _status(context)
    context.out.document(found, _described(found))
    return 0


def _status(context: Context, **query: Any) -> dict[str, Any]:
    given = context.arguments
    found: dict[str, Any] = context.portal.get(
        "models", given.model, "versions", given.number, "status", **query
    )
    return found


def _wait(context: Context, first: str = "") -> int:
    """Until nothing goes on by itself any more: 0 when the version is live, 5 when not, 6 when the wait is over."""
    if first:
        context.out.say(first)
    end = time.monotonic() + context.arguments.wait
    found = _status(context)
    while found["is_in_progress"] and (left := end - time.monotonic()) > 0:
        mark = found["mark"]
        found = _status(context, since=mark, wait=min(WAIT_S, int(left)))
        if found["mark"] != mark:
            context.out.say(found["state"])
        else:
            context.world.sleep(min(WAIT_S, left))
    context.out.document(found, _described(found))
    if found["is_in_progress"]:
        return NOT_NOW
    return 0 if found["state"] in LIVE else NOT_PASSED


def _described(found: dict[str, Any]) -> str:
    lines = [f"{found['model']} {found['number']}: {found['state']}"]
    lines += [
        f"  missing {one['field']}: {one['sentence']} {one.get('page', '')}"
        for one in found["missing"]
    ]
    lines += [
        f"  gate {gate['gate']}: {gate['verdict']} {gate.get('summary', '')}"
        for gate in found["gates"]
    ]
    lines += [
        f"  review {one['kind']}: {one['state']}, due {one['due_at']}" for one in found["reviews"]
    ]
    return "\n".join(lines)


def evaluate(context: Context) -> int:
    """A file of one's own rows through up to five versions: uploaded, mapped, run, waited for, compared with what is required."""
    given, portal = context.arguments, context.portal
    required = [_requirement(text) for text in given.require]
    fields = [("name", given.name or Path(given.file).name), ("team", given.team)]
    fields += [("data_class", given.data_class), ("keep_days", str(given.keep_days))]
    fields += [("versions", version) for version in given.version]
    path = Path(given.file)
    if not path.is_file():
        raise Failure(f"{path} is not there.", USAGE)
    made, _ = portal.form("batch-evaluations", fields=fields, files={"file": path})
    end = time.monotonic() + given.wait
    found = _until(context, made, ("mapping",), end)
    mapping: dict[str, Any] = {
        "inputs": _mapped(given.map, found),
        "confirms_personal": given.confirm_personal,
    }
    mapping |= {
        name: getattr(given, name) for name in ("label", "task", "positive") if getattr(given, name)
    }
    if given.group:
        mapping["groups"] = given.group
    portal.put("batch-evaluations", made["id"], "mapping", data=mapping)
    found = _until(context, made, ("ready",), end)
    portal.post("batch-evaluations", made["id"], "start", data={})
    found = _until(context, made, ("succeeded",), end)
    if given.answers:
        Path(given.answers).write_bytes(portal.download("batch-evaluations", made["id"], "answers"))
    failed = [text for text in (_unmet(one, found) for one in required) if text]
    context.out.document(found, "\n".join(_figures(found)))
    for text in failed:
        context.out.say(text)
    return NOT_PASSED if failed else 0


def _until(
    context: Context, made: dict[str, Any], states: tuple[str, ...], end: float
) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = context.portal.get("batch-evaluations", made["id"])
        context.out.progress(f"{found['state']}: {found['answers_done']} answers")
        if found["state"] in states:
            context.out.end_progress()
            return found
        if found["state"] in ("failed", "cancelled"):
            raise Failure(found["problem"] or f"The evaluation was {found['state']}.", NOT_PASSED)
        if time.monotonic() >= end:
            raise Failure(
                f"Evaluation {made['id']} is {found['state']} still; it goes on.", NOT_NOW
            )
        context.world.sleep(1)


def _mapped(words: list[str], found: dict[str, Any]) -> dict[str, str]:
    """input=column as said; else each column to the input of its name."""
    if not words:
        return {column["name"]: column["name"] for column in found["columns"]}
    pairs = dict(word.partition("=")[::2] for word in words)
    if not all(pairs.values()):
        raise Failure("--map takes input=column.", USAGE)
    return pairs


def _requirement(text: str) -> tuple[str, str, float]:
    """metric, comparison, threshold."""
    found = re.fullmatch(r"(\w+)\s*(>=|<=|>|<)\s*(-?[\d.]+(?:e-?\d+)?)", text.strip())
    if not found:
        raise Failure(f"--require takes for example 'mae<=300', not {text}.", USAGE)
    return found[1], found[2], float(found[3])


def _unmet(required: tuple[str, str, float], found: dict[str, Any]) -> str:
    """Why the first version does not meet it; "" when it does."""
    metric, comparison, threshold = required
    figures = {
        one["metric"]: one["values"][0]["value"] for one in found["results"].get("figures", [])
    }
    if metric not in figures:
        return f"There is no figure {metric}; there are {', '.join(figures) or 'none'}."
    value = figures[metric]
    if value is not None and COMPARE[comparison](value, threshold):
        return ""
    return f"{metric} is {value}, not {comparison} {threshold:g}."


def _figures(found: dict[str, Any]) -> list[str]:
    lines = [f"Evaluation {found['id']} of {found['rows']} rows: {found['state']}"]
    for one in found["results"].get("figures", []):
        values = [
            f"{version} {value['value']}"
            for version, value in zip(found["versions"], one["values"], strict=False)
        ]
        lines.append(f"  {one['metric']}: {', '.join(values)}")
    return lines
