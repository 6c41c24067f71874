"""A version's card as a Hugging Face README: metadata as YAML, then the headings of its annotated template. Pure.

Only figures that were measured independently go into `model-index`, which readers take for proven (docs/governance.md, "Imports").
"""

from collections.abc import Iterable
from typing import Any

import yaml

from catalog.models import ModelVersion
from governance import cards
from governance.cards import NOT_APPLICABLE
from governance.models import Evaluation

PIPELINES = {
    "regression": "tabular-regression",
    "binary-classification": "tabular-classification",
    "multiclass-classification": "tabular-classification",
    "text-classification": "text-classification",
    "forecasting": "time-series-forecasting",
    "generation": "text-generation",
}
# The template's headings, each with the fields that stand below it. A field's own label is its heading where the template has none.
HEADINGS = (
    ("Direct Use", ("intended_use.summary",)),
    ("Users", ("intended_use.users",)),
    ("Out-of-Scope Use", ("intended_use.out_of_scope",)),
    ("Bias, Risks, and Limitations", ("limitations.text",)),
    ("Training Data", ("data.training.description",)),
    ("Preprocessing", ("data.preprocessing",)),
    ("Factors", ("evaluation.factors",)),
    ("Results", ("evaluation.results",)),
    ("Model Examination", ("explainability.method",)),
    ("Environmental Impact", ("environment.energy",)),
    ("Model Architecture and Objective", ("technical.architecture",)),
    ("Compute Infrastructure", ("technical.compute",)),
)
PLACED = {name for _, names in HEADINGS for name in names} | {
    "identity.summary",
    "identity.license",
    "identity.base_models",
    "technical.languages",
    "data.training.datasets",
    "technical.task_type",
}


def readme(version: ModelVersion, evaluations: Iterable[Evaluation]) -> str:
    """The text of README.md. `evaluations` are figures about the version's present files."""
    card = version.card.data
    parts = [
        f"---\n{_metadata(version, evaluations)}---\n",
        f"# {version.model.name} {version.number}",
    ]
    parts.append(str(card.get("identity.summary") or version.model.summary))
    for heading, names in HEADINGS:
        parts += [f"## {heading}\n\n{text}" for name in names if (text := _text(card.get(name)))]
    for field in cards.FIELDS:
        if field.id not in PLACED and (text := _text(card.get(field.id))):
            parts.append(f"## {field.label}\n\n{text}")
    return "\n\n".join(parts) + "\n"


def _metadata(version: ModelVersion, evaluations: Iterable[Evaluation]) -> str:
    card = version.card.data
    head: dict[str, Any] = {
        "license": "other",
        "license_name": card.get("identity.license"),
        "language": card.get("technical.languages"),
        "base_model": card.get("identity.base_models"),
        "datasets": card.get("data.training.datasets"),
        "pipeline_tag": PIPELINES.get(card.get("technical.task_type", "")),
        "tags": version.model.tags,
        "model-index": _model_index(version, evaluations),
    }
    kept = {name: value for name, value in head.items() if value}
    return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=1000)


def _model_index(version: ModelVersion, evaluations: Iterable[Evaluation]) -> list[dict[str, Any]]:
    results = [
        {
            "task": {"type": version.card.data.get("technical.task_type", "other")},
            "dataset": {"name": row.data, "type": "internal"},
            "metrics": [{"type": row.metric, "value": row.value}],
            "source": {"name": "Independent evaluation"},
        }
        for row in evaluations
        if row.kind == Evaluation.Kind.INDEPENDENT
    ]
    return [{"name": version.model.slug, "results": results}] if results else []


def _text(value: Any) -> str:
    if isinstance(value, dict) and NOT_APPLICABLE in value:
        return f"Not applicable: {value[NOT_APPLICABLE]}"
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    return "" if value is None else str(value)
