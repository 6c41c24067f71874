"""The steps of a version's way to submission, and which of them are done."""

from dataclasses import dataclass, field
from enum import StrEnum

from django.urls import reverse

from governance import cards
from governance.models import GateResult
from publishing import signature_table, trials
from publishing.missing import (
    Missing,
    MissingField,
    can_be_tried,
    missing_fields,
    what_is_missing,
)
from publishing.signature_cells import value_text

STEPS = [
    ("package", "Package"),
    ("interface", "Signature"),
    ("risk", "Risk"),
    ("card", "Model card"),
    ("plans", "Plans"),
    ("submit", "Submit"),
]
WAITING = "waiting"
WHERE = {
    "changelog": "submit",
    "conditions": "submit",
    "run": "interface",
    "contract": "interface",
    "meaning": "interface",
    "facts": "card",
}
FIGURES = [
    ("runtime", "Answered by", "{}"),
    ("load_ms", "Loading", "{:.1f} ms"),
    ("first_ms", "First row", "{:.2f} ms"),
    ("one_row_ms", "One row", "{:.2f} ms"),
    ("three_rows_ms", "Three rows", "{:.2f} ms"),
    ("memory_mb", "Memory of the whole process", "{} MB"),
    ("rows_apart", "A row's answer moves with its neighbours by", "{:.2%}"),
]
READY = {
    "package": "The package is in",
    "interface": "Signature, example and service level",
    "meaning": "Each input and output says what it means",
    "contract": "Its number fits what changes for callers",
    "run": "It answers its own example, with one row and with three",
    "risk": "The risk questionnaire is answered",
    "card": "The model card is complete",
    "facts": "What the card says about the files is about these files",
    "plans": "At least one plan is offered",
    "conditions": "No condition of an earlier approval is overdue",
}


class StepState(StrEnum):
    DONE = "done"
    CURRENT = "current"
    TODO = "todo"


@dataclass(frozen=True)
class Step:
    """A step of the way to submission, drawn by components/stepper.html."""

    label: str
    url: str
    state: StepState


@dataclass(frozen=True)
class MissingOnPage(Missing):
    """What stands between a draft and its submission, and the page where it is done."""

    url: str


@dataclass(frozen=True)
class FieldOnPage(MissingField):
    """A field that a draft lacks, and the address of the page where it is mended."""

    page: str


@dataclass(frozen=True)
class CheckItem:
    """Whether a step is done, drawn by components/checklist.html. `ok` is None for an example that nobody tried."""

    label: str
    ok: bool | None
    detail: str
    url: str


@dataclass(frozen=True)
class Answer:
    """The first values that an output gave to the example."""

    name: str
    values: str
    unit: str


@dataclass(frozen=True)
class Trial:
    """Whether a draft answers its own example, drawn by publishing/_trial.html.

    state    "" while there is nothing to try, WAITING, or the result's verdict.
    figures  [(label, text)] of what was measured.
    answers  what it answered to the example's first row.
    output   what ONNX Runtime wrote.
    """

    state: str = ""
    result: GateResult | None = None
    figures: list[tuple[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    output: str = ""


def of(version, current):
    """[Step] of a version, on the page of one of them."""
    lacking = {WHERE.get(item.step, item.step) for item in missing(version)}
    return [
        Step(label, _url(version, slug), _state(version, slug, current, lacking))
        for slug, label in STEPS
    ]


def missing(version):
    """[MissingOnPage] of a draft; [] once it is submitted."""
    if not version.is_editable:
        return []
    cells = [_page_of(version, item) for item in missing_fields(version) if item.step == "meaning"]
    return [
        MissingOnPage(
            item.step,
            item.sentence,
            cells[0] if item.step == "meaning" else _url(version, WHERE.get(item.step, item.step)),
        )
        for item in what_is_missing(version)
    ]


def fields(version):
    """[FieldOnPage] of a draft; [] once it is submitted."""
    if not version.is_editable:
        return []
    return [
        FieldOnPage(item.step, item.sentence, item.field, _page_of(version, item))
        for item in missing_fields(version)
    ]


def _page_of(version, item):
    page = _url(version, WHERE.get(item.step, item.step))
    if item.step == "meaning":
        side, _, rest = item.field.partition(".")
        return page + signature_table.link_to(version, side, *rest.rsplit(".", 1))
    if item.step in ("card", "facts"):
        field = item.field.removeprefix("card.")
        return f"{page}?section={cards.FIELDS_BY_ID[field].section}#field-{field}"
    return page


def checklist(version):
    """[CheckItem] of every step."""
    lacking = {item.step: item.sentence for item in missing(version)}
    untried = {"run"} if version.is_editable and trial(version).state in ("", WAITING) else set()
    return [
        CheckItem(
            label,
            None if slug in untried else slug not in lacking,
            lacking.get(slug, ""),
            "" if slug in untried else _url(version, WHERE.get(slug, slug)),
        )
        for slug, label in READY.items()
    ]


def trial(version):
    """The Trial of a draft."""
    if not version.is_editable or not can_be_tried(version):
        return Trial()
    result = trials.latest(version)
    if result is None:
        return Trial(WAITING)
    metrics = result.metrics
    described = {field["name"]: field for field in version.signature["outputs"]}
    answers = [
        Answer(name, ", ".join(map(value_text, values)), described.get(name, {}).get("unit") or "")
        for name, values in metrics.get("output", {}).items()
    ]
    return Trial(
        result.verdict, result, measures_of(metrics), answers, metrics.get(trials.SAID, "")
    )


def measures_of(metrics):
    """What a trial measured: [(label, text)]."""
    return [(label, form.format(metrics[key])) for key, label, form in FIGURES if key in metrics]


def figures_of(metrics):
    """What a trial measured, and the first values that it wrote: [(label, text)]."""
    values = [
        (f"First values of {name}", ", ".join(map(str, shown)))
        for name, shown in metrics.get("output", {}).items()
    ]
    return measures_of(metrics) + values


def _state(version, slug, current, lacking):
    if slug == current:
        return StepState.CURRENT
    is_open = version.is_editable if slug == "submit" else slug in lacking
    return StepState.TODO if is_open else StepState.DONE


def _url(version, step):
    return reverse(f"publishing:{step}", args=[version.model.slug, version.number])
