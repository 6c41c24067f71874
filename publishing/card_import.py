"""Answers of the model card read from what exists: a Hugging Face README, an MLmodel file, a CycloneDX bill of materials.

What comes of it is a proposal, field by field, which its publisher takes or leaves (docs/governance.md, "Imports"). Nothing is fetched,
nothing is run. Pure.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from governance import card_values, cards
from governance.card_fields import LEARNING, TASKS
from governance.ml_bom import OUT_OF_SCOPE
from marketplace.core import json_reader
from marketplace.core.errors import Invalid
from publishing.packages.mlflow_models import PlainLoader

LONGEST = 400_000  # characters; the card itself holds less
LONGEST_HEAD = 100_000  # characters of YAML, which is read slowly
Found = Iterator[tuple[str, Any]]

# Headings of the annotated card template and of cards as people write them → field of the card.
HEADINGS = {
    "direct use": "intended_use.summary",
    "intended use": "intended_use.summary",
    "intended uses": "intended_use.summary",
    "uses": "intended_use.summary",
    "users": "intended_use.users",
    "out-of-scope use": "intended_use.out_of_scope",
    "out-of-scope uses": "intended_use.out_of_scope",
    "bias, risks, and limitations": "limitations.text",
    "limitations": "limitations.text",
    "limitations and bias": "limitations.text",
    "model architecture and objective": "technical.architecture",
    "compute infrastructure": "technical.compute",
    "hardware": "technical.compute",
    "training data": "data.training.description",
    "preprocessing": "data.preprocessing",
    "factors": "evaluation.factors",
    "results": "evaluation.results",
    "model examination": "explainability.method",
    "environmental impact": "environment.energy",
}
# Hugging Face's pipeline tags that say which task it is.
PIPELINES = {
    "tabular-regression": "regression",
    "text-classification": "text-classification",
    "text-generation": "generation",
    "text2text-generation": "generation",
    "time-series-forecasting": "forecasting",
    "text-ranking": "ranking",
}
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")
COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")


@dataclass(frozen=True)
class CardProposal:
    """What was read. values: field id → value; left_out: sentences about what has no place, or cannot stand as it is."""

    source: str
    values: dict[str, Any]
    left_out: list[str]


def read(text: str) -> CardProposal:
    """The CardProposal of a file's text, recognised by its content. Raises Invalid naming the field "paste"."""
    if len(text) > LONGEST:
        raise Invalid(f"It has more than {LONGEST} characters.", field="paste")
    bare = text.lstrip("\ufeff \r\n\t")
    if bare.startswith("{"):
        return _proposal("the CycloneDX file", *_of_cyclonedx(bare))
    if re.search(r"^flavors:", bare, re.MULTILINE):
        return _proposal("the MLmodel file", *_of_mlmodel(bare))
    if bare.startswith("---") or any(HEADING.match(line) for line in bare.splitlines()):
        return _proposal("the Hugging Face README", *_of_readme(bare))
    raise Invalid(
        "This is none of the three.",
        field="paste",
        remedy="Send a Hugging Face README, an MLmodel file or a CycloneDX JSON file.",
    )


def _proposal(source: str, found: Iterable[tuple[str, Any]], left_out: list[str]) -> CardProposal:
    """Those values that answer their fields; the first for each field stands."""
    values: dict[str, Any] = {}
    for name, value in found:
        field = cards.FIELDS_BY_ID[name]
        if name in values or field.source == "auto" or cards.is_blank(value):
            continue
        shaped = _shaped(field, value)
        if refusal := card_values.refusal(field, shaped):
            left_out.append(f"{field.label}: {refusal}")
        elif not cards.is_blank(shaped):
            values[name] = shaped
    return CardProposal(source, values, left_out)


def _shaped(field: cards.CardField, value: Any) -> Any:
    """A text as the field takes it: one line, or a list of what its lines say."""
    if field.widget == "list":
        lines = value if isinstance(value, list) else str(value).splitlines()
        items = [LIST_ITEM.sub("", str(line)).strip() for line in lines]
        return [item for item in items if not cards.is_blank(item)]
    if isinstance(value, list):
        value = "\n".join(map(str, value))
    if isinstance(value, (int, float)) and field.widget != "number":
        value = str(value)
    return " ".join(value.split()) if field.widget == "text" and isinstance(value, str) else value


# ── Hugging Face README ───────────────────────────────────────────────────


def _of_readme(text: str) -> tuple[list[tuple[str, Any]], list[str]]:
    head, body = _front_matter(text)
    sections = list(_sections(COMMENT.sub("", body)))
    found = [*_of_sections(sections), *_of_metadata(head)]
    unknown = [title for title, said in sections if said and title.lower() not in HEADINGS]
    left_out = [f"No place on the card: {', '.join(unknown[:12])}."] if unknown else []
    return found, left_out


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    if not text.startswith("---"):
        return {}, text
    head, _, body = text.removeprefix("---").partition("\n---")
    if len(head) > LONGEST_HEAD:
        raise Invalid(f"Its YAML has more than {LONGEST_HEAD} characters.", field="paste")
    return _yaml(head), body


def _sections(body: str) -> Iterator[tuple[str, str]]:
    """(heading, the text below it up to the next one)."""
    title, lines = "", list[str]()
    for line in body.splitlines():
        if heading := HEADING.match(line):
            yield title, "\n".join(lines).strip()
            title, lines = heading[1].strip("*: "), []
        else:
            lines.append(line)
    yield title, "\n".join(lines).strip()


def _of_sections(sections: list[tuple[str, str]]) -> Found:
    for heading, name in HEADINGS.items():
        for title, said in sections:
            if title.lower() == heading:
                yield name, said


def _of_metadata(head: dict[str, Any]) -> Found:
    yield "identity.license", head.get("license_name") or head.get("license")
    yield "identity.base_models", _list(head.get("base_model"))
    yield "technical.languages", _list(head.get("language"))
    yield "data.training.datasets", _list(head.get("datasets"))
    yield "technical.task_type", PIPELINES.get(str(head.get("pipeline_tag")))
    yield "technical.architecture", head.get("library_name")
    yield (
        "evaluation.results",
        [line for entry in _dicts(head, "model-index") for line in _results(entry)],
    )


def _results(entry: dict[str, Any]) -> Iterator[str]:
    """Figures of a model-index, as their writer reports them."""
    for result in _dicts(entry, "results"):
        data = result.get("dataset")
        on = f" on {data['name']}" if isinstance(data, dict) and data.get("name") else ""
        for metric in _dicts(result, "metrics"):
            label = metric.get("name") or metric.get("type")
            yield f"{label} {metric.get('value')}{on}, self-reported"


# ── MLmodel ───────────────────────────────────────────────────────────────


def _of_mlmodel(text: str) -> tuple[list[tuple[str, Any]], list[str]]:
    if len(text) > LONGEST_HEAD:
        raise Invalid(
            f"An MLmodel of more than {LONGEST_HEAD} characters is not read.", field="paste"
        )
    mlmodel = _yaml(text)
    flavors = mlmodel.get("flavors")
    libraries = [
        f"{name} {version}".strip()
        for name, flavor in (flavors.items() if isinstance(flavors, dict) else ())
        if name != "python_function" and isinstance(flavor, dict)
        for version in [flavor.get(f"{name}_version") or ""]
    ]
    left_out = ["The signature is read on the Signature step."] if mlmodel.get("signature") else []
    return [("technical.architecture", ", ".join(libraries))], left_out


# ── CycloneDX ─────────────────────────────────────────────────────────────


def _of_cyclonedx(text: str) -> tuple[list[tuple[str, Any]], list[str]]:
    component = _component(_json(text))
    card = _dict(component, "modelCard")
    considerations, parameters = _dict(card, "considerations"), _dict(card, "modelParameters")
    found = [
        ("identity.summary", component.get("description")),
        *_of_properties(card),
        *_of_parameters(parameters),
        *_of_considerations(considerations),
        ("evaluation.results", list(_metrics(_dict(card, "quantitativeAnalysis")))),
    ]
    known = {"modelParameters", "considerations", "quantitativeAnalysis", "properties", "bom-ref"}
    unknown = sorted(card.keys() - known)
    return found, [f"No place on the card: {', '.join(unknown)}."] if unknown else []


def _component(bom: dict[str, Any]) -> dict[str, Any]:
    components = [_dict(_dict(bom, "metadata"), "component"), *_dicts(bom, "components")]
    models = [one for one in components if isinstance(one.get("modelCard"), dict)]
    if bom.get("bomFormat") != "CycloneDX" or not models:
        raise Invalid("It is no CycloneDX file with a modelCard.", field="paste")
    return models[0]


def _of_properties(card: dict[str, Any]) -> Found:
    for item in _dicts(card, "properties"):
        name = str(item.get("name")).removeprefix("mm:")
        if name in cards.FIELDS_BY_ID:
            yield name, item.get("value")


def _of_parameters(parameters: dict[str, Any]) -> Found:
    learning, task = str(_dict(parameters, "approach").get("type")), str(parameters.get("task"))
    yield "technical.learning_approach", learning if learning in dict(LEARNING) else None
    yield "technical.task_type", task if task in dict(TASKS) else None
    yield (
        "technical.architecture",
        parameters.get("modelArchitecture") or parameters.get("architectureFamily"),
    )
    trained_on = [
        one for one in _dicts(parameters, "datasets") if one.get("description") != "Measured on it"
    ]
    yield "data.training.datasets", [one["name"] for one in trained_on if one.get("name")]
    for one in trained_on:
        yield "data.training.description", one.get("description")
        yield "data.training.classification", one.get("classification")


def _of_considerations(said: dict[str, Any]) -> Found:
    limits = [text for text in _list(said.get("technicalLimitations")) if isinstance(text, str)]
    outside = [text for text in limits if text.startswith(OUT_OF_SCOPE)]
    yield "intended_use.users", _list(said.get("users"))
    yield "intended_use.summary", _list(said.get("useCases"))
    yield "intended_use.out_of_scope", [text.removeprefix(OUT_OF_SCOPE) for text in outside]
    yield "limitations.text", [text for text in limits if text not in outside]
    yield "limitations.tradeoffs", _list(said.get("performanceTradeoffs"))
    yield "risk.harms", [one.get("name") for one in _dicts(said, "ethicalConsiderations")]
    assessed = _dicts(said, "fairnessAssessments")
    yield "fairness.groups", [one["groupAtRisk"] for one in assessed if one.get("groupAtRisk")]
    for one in assessed:
        yield "fairness.mitigations", one.get("mitigationStrategy")


def _metrics(analysis: dict[str, Any]) -> Iterator[str]:
    for metric in _dicts(analysis, "performanceMetrics"):
        interval, part = _dict(metric, "confidenceInterval"), metric.get("slice")
        between = (
            f" [{interval.get('lowerBound')}, {interval.get('upperBound')}]" if interval else ""
        )
        yield f"{metric.get('type')} {metric.get('value')}{between}{f', {part}' if part else ''}"


# ── What is read as it may be ─────────────────────────────────────────────


def _yaml(text: str) -> dict[str, Any]:
    return _object(lambda: yaml.load(text, Loader=PlainLoader), "YAML")


def _json(text: str) -> dict[str, Any]:
    return _object(lambda: json_reader.read(text), "JSON")


def _object(reads: Callable[[], Any], form: str) -> dict[str, Any]:
    problems = (yaml.YAMLError, json_reader.Malformed, json_reader.Unusable, ValueError)
    try:
        found = reads()
    except (*problems, RecursionError) as problem:
        raise Invalid(f"Its {form} cannot be read: {str(problem)[:200]}", field="paste") from None
    if not isinstance(found, dict):
        raise Invalid(f"Its {form} is no object.", field="paste")
    return found


def _dict(owner: dict[str, Any], name: str) -> dict[str, Any]:
    value = owner.get(name)
    return value if isinstance(value, dict) else {}


def _dicts(owner: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in _list(owner.get(name)) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
