"""A call that really happened: the first row of a version's example and what it answered in the run gate (docs/packaging.md)."""

import json
from dataclasses import dataclass
from math import prod
from typing import Any

from catalog.models import ModelVersion
from governance.models import GateResult
from hosting.model_server.problems import Problem
from publishing import trials

LONGEST_KEPT = 60  # letters of a text that the run gate keeps


@dataclass(frozen=True)
class Exchange:
    """A request of one row, and the answer to it, as the gateway takes and gives them."""

    request: dict[str, Any]
    answer: dict[str, Any]

    @property
    def request_text(self) -> str:
        return as_text(self.request)

    @property
    def answer_text(self) -> str:
        return as_text(self.answer)


def exchange(version: ModelVersion) -> Exchange | None:
    """The Exchange of a version; None while its example did not run, and where the gate kept only the beginning of an answer."""
    ran = _ran(version)
    kept = ran.metrics.get("output") if ran and ran.verdict == GateResult.Verdict.PASS else None
    fields = version.signature.get("outputs") or []
    if not kept or not all(_is_whole(field, kept.get(field["name"])) for field in fields):
        return None
    try:
        request = trials.rows_of(version.signature, version.example, 1)
    except Problem:
        return None
    outputs = [
        {
            "name": field["name"],
            "datatype": field["datatype"],
            "shape": [1, *field["shape"][1:]],
            "data": kept[field["name"]],
        }
        for field in fields
    ]
    facts = {"model_name": version.model.slug, "model_version": version.number}
    return Exchange(request, facts | {"outputs": outputs})


def as_text(body: dict[str, Any]) -> str:
    """JSON for people: a tensor a line."""
    lines = [
        f'  "{name}": [\n    '
        + ",\n    ".join(json.dumps(tensor, ensure_ascii=False) for tensor in value)
        + "\n  ]"
        if isinstance(value, list)
        else f'  "{name}": {json.dumps(value, ensure_ascii=False)}'
        for name, value in body.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


def _ran(version: ModelVersion) -> GateResult | None:
    if version.is_editable:
        return trials.latest(version)
    results = version.gate_results.filter(gate=trials.GATE, manifest_sha256=version.manifest_sha256)
    return results.order_by("-id").first()


def _is_whole(field: dict[str, Any], values: list[Any] | None) -> bool:
    """Is it all that the version answered to one row, and not only its beginning?"""
    sizes = field["shape"][1:]
    if not values or -1 in sizes or len(values) != prod(sizes):
        return False
    return all(not isinstance(value, str) or len(value) < LONGEST_KEPT for value in values)
