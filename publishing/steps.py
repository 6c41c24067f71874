"""The steps of a version's way to submission, and which of them are done."""

from django.urls import reverse

from publishing import trials
from publishing.actions import can_be_tried, what_is_missing

STEPS = [
    ("package", "Package"),
    ("interface", "Signature"),
    ("card", "Model card"),
    ("risk", "Risk"),
    ("plans", "Plans"),
    ("submit", "Submit"),
]
WHERE = {"changelog": "submit", "run": "interface"}
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
    "run": "It answers its own example, with one row and with three",
    "card": "The model card is complete",
    "risk": "The risk questionnaire is answered",
    "plans": "At least one plan is offered",
}


def of(version, current):
    """[{"slug", "label", "url", "state": done|current|attention|todo}] for components/stepper.html."""
    lacking = {WHERE.get(item["step"], item["step"]) for item in missing(version)}
    return [
        {
            "slug": slug,
            "label": label,
            "url": _url(version, slug),
            "state": _state(version, slug, current, lacking),
        }
        for slug, label in STEPS
    ]


def missing(version):
    """What stands between the draft and submission: [{"step", "sentence", "url"}]; [] once it is submitted."""
    if not version.is_editable:
        return []
    found = what_is_missing(version)
    return [item | {"url": _url(version, WHERE.get(item["step"], item["step"]))} for item in found]


def checklist(version):
    """Every step with whether it is done: [{"label", "ok", "detail", "url"}] for components/checklist.html.

    ok: None for what is not known yet, an example that nobody tried.
    """
    lacking = {item["step"]: item["sentence"] for item in missing(version)}
    untried = (
        {"run"} if trial(version)["state"] in ("", "waiting") and version.is_editable else set()
    )
    return [
        {
            "label": label,
            "ok": None if slug in untried else slug not in lacking,
            "detail": lacking.get(slug, ""),
            "url": "" if slug in untried else _url(version, WHERE.get(slug, slug)),
        }
        for slug, label in READY.items()
    ]


def trial(version):
    """{"state": "", "waiting" or a verdict, "result": GateResult or None, "figures": [(label, text)], "said"} for publishing/_trial.html."""
    if not version.is_editable or not can_be_tried(version):
        return {"state": "", "result": None}
    result = trials.latest(version)
    metrics = result.metrics if result else {}
    figures = [(label, form.format(metrics[key])) for key, label, form in FIGURES if key in metrics]
    values = [
        (f"First values of {name}", ", ".join(map(str, shown)))
        for name, shown in metrics.get("output", {}).items()
    ]
    return {
        "state": result.verdict if result else "waiting",
        "result": result,
        "figures": figures + values,
        "said": metrics.get(trials.SAID, ""),
    }


def _state(version, slug, current, lacking):
    if slug == current:
        return "current"
    if slug == "submit":
        return "todo" if version.is_editable else "done"
    return "todo" if slug in lacking else "done"


def _url(version, step):
    return reverse(f"publishing:{step}", args=[version.model.slug, version.number])
