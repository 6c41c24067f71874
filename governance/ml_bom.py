"""A version as a CycloneDX 1.6 bill of materials for machine learning (docs/evidence-packs.md, "Bill of materials"). Pure.

Made by hand: cyclonedx-python-lib 11.12 drops `modelCard`. Values and intervals are texts, unknown keys are forbidden, so what
CycloneDX has no place for stands in properties that begin with "mm:".
"""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from catalog.models import ModelVersion
from governance.cards import NOT_APPLICABLE
from governance.models import Evaluation

CLASSIFIED = "data.training.classification"
# CycloneDX's place in `considerations` → fields of the card.
CONSIDERATIONS = {
    "users": ("intended_use.users",),
    "useCases": ("intended_use.summary",),
    "technicalLimitations": (
        "limitations.text",
        "limitations.failure_modes",
    ),
    "performanceTradeoffs": ("limitations.tradeoffs",),
}
OUT_OF_SCOPE = "Out of scope: "  # before those uses, which CycloneDX keeps among the limitations
ELSEWHERE = (
    "identity.domain",
    "identity.license",
    "contacts.accountable_owner",
    "intended_use.decision_role",
    "data.personal.lawful_basis",
    "oversight.human",
    "legal.restrictions",
    "standards_applied",
)


def bill_of_materials(version: ModelVersion, evaluations: Iterable[Evaluation]) -> dict[str, Any]:
    """The document, as plain JSON. `evaluations` are figures about the version's present files."""
    name, model = f"{version.model.slug}@{version.number}", version.model
    digests = {file["name"]: file["sha256"] for file in version.manifest["files"]}
    entry = digests.get(version.manifest["entry"])
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": name,
        "supplier": {"name": model.owner_team.name},
        "name": model.slug,
        "version": version.number,
        "description": model.summary,
        "modelCard": _model_card(version, list(evaluations)),
    }
    if entry:
        component["hashes"] = _hashes(entry)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{name}#{version.manifest_sha256}')}",
        "version": 1,
        "metadata": {
            "timestamp": (version.submitted_at or version.created_at).isoformat(),
            "tools": {"components": [{"type": "application", "name": "Model marketplace"}]},
            "component": component,
        },
        "components": [
            {"type": "file", "bom-ref": f"{name}/{file}", "name": file, "hashes": _hashes(sha256)}
            for file, sha256 in digests.items()
        ],
        "dependencies": [{"ref": name, "dependsOn": [f"{name}/{file}" for file in digests]}],
    }


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _model_card(version: ModelVersion, evaluations: list[Evaluation]) -> dict[str, Any]:
    card = version.card.data
    considerations: dict[str, Any] = {
        place: _texts(card, *fields) for place, fields in CONSIDERATIONS.items()
    }
    considerations["technicalLimitations"] += [
        f"{OUT_OF_SCOPE}{text}" for text in _texts(card, "intended_use.out_of_scope")
    ]
    considerations["ethicalConsiderations"] = [
        {"name": text} for text in _texts(card, "risk.harms", "data.training.known_bias")
    ]
    mitigation = " ".join(_texts(card, "fairness.mitigations"))
    considerations["fairnessAssessments"] = [
        {"groupAtRisk": group, **({"mitigationStrategy": mitigation} if mitigation else {})}
        for group in _texts(card, "fairness.groups")
    ]
    return {
        "modelParameters": _parameters(version, evaluations),
        "quantitativeAnalysis": {
            "performanceMetrics": [metric for row in evaluations for metric in _metrics(row)]
        },
        "considerations": {place: told for place, told in considerations.items() if told},
        "properties": _properties(version),
    }


def _parameters(version: ModelVersion, evaluations: list[Evaluation]) -> dict[str, Any]:
    card = version.card.data
    classified = _texts(card, CLASSIFIED)
    described = " ".join(_texts(card, "data.training.description"))
    trained_on = [
        {"type": "dataset", "name": name, "description": described}
        | ({"classification": classified[0]} if classified else {})
        for name in _texts(card, "data.training.datasets") or ["Training data"]
    ]
    measured_on = dict.fromkeys(row.data for row in evaluations)
    learning = _texts(card, "technical.learning_approach")
    single = {
        "task": _texts(card, "technical.task_type"),
        "modelArchitecture": _texts(card, "technical.architecture"),
    }
    return {
        **({"approach": {"type": learning[0]}} if learning else {}),
        **{place: texts[0] for place, texts in single.items() if texts},
        "datasets": trained_on
        + [
            {"type": "dataset", "name": name, "description": "Measured on it"}
            for name in measured_on
        ],
        "inputs": [{"format": _format(field)} for field in version.signature["inputs"]],
        "outputs": [{"format": _format(field)} for field in version.signature["outputs"]],
    }


def _format(field: dict[str, Any]) -> str:
    """ "income: FP32 [-1, 1], EUR"."""
    unit = f", {field['unit']}" if field.get("unit") else ""
    return f"{field['name']}: {field['datatype']} {field.get('shape', [])}{unit}"


def _metrics(row: Evaluation) -> list[dict[str, Any]]:
    """The figure, and what a naive model reaches. What the marketplace did not measure says so in its type."""
    independent = row.kind == Evaluation.Kind.INDEPENDENT
    metric = row.metric if independent else f"{row.kind}:{row.metric}"
    figure: dict[str, Any] = {"type": metric, "value": repr(row.value)}
    if row.slice:
        figure["slice"] = row.slice
    if row.low is not None:
        figure["confidenceInterval"] = {"lowerBound": repr(row.low), "upperBound": repr(row.high)}
    if row.baseline is None:
        return [figure]
    return [figure, {"type": f"baseline:{metric}", "value": repr(row.baseline)}]


def _properties(version: ModelVersion) -> list[dict[str, str]]:
    facts = {
        "state": version.state,
        "risk_tier": version.risk_tier,
        "manifest_sha256": version.manifest_sha256,
        "manifest_signature": version.manifest_signature,
        "card_sha256": version.card.sha256,
    }
    facts |= {field: "; ".join(_texts(version.card.data, field)) for field in ELSEWHERE}
    return [{"name": f"mm:{name}", "value": value} for name, value in facts.items() if value]


def _texts(card: dict[str, Any], *fields: str) -> list[str]:
    """What the fields of the card say, one text an item; nothing for "not applicable"."""
    texts = []
    for field in fields:
        value = card.get(field)
        if isinstance(value, dict) and NOT_APPLICABLE in value or value in (None, ""):
            continue
        texts += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return texts
