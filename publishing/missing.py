"""What stands between a draft and its submission."""

from dataclasses import dataclass

from catalog.models import ModelVersion
from governance import cards, policies
from governance.models import Condition, GateResult
from marketplace.core.errors import Invalid
from publishing import card_facts, contract_diff, trials
from publishing import signature as signatures


@dataclass(frozen=True)
class Missing:
    """One thing that a draft lacks, in a sentence, and the step in which it is done."""

    step: str
    sentence: str


@dataclass(frozen=True)
class MissingField(Missing):
    """The same for a program: each field of the card and the signature by itself, with its id ("card.limitations.text",
    "inputs.age.description", "sla", "risk")."""

    field: str


FIELDS = {contract_diff.GATE: "number", "run": "example"}


def missing_fields(version: ModelVersion) -> list[MissingField]:
    """What stands between a draft and submission, field by field."""
    found = []
    for item in what_is_missing(version):
        if item.step == "card":
            found += _missing_of_card(version)
        elif item.step == "facts":
            found += [
                MissingField("facts", _stale_sentence([name], number), f"card.{name}")
                for name, number in card_facts.stale(version).items()
            ]
        elif item.step == "meaning":
            found += [
                MissingField("meaning", f"Say what {path[1]} means.", ".".join(path))
                for path in fields_without_meaning(version)
            ]
        elif item.step == "interface":
            name = "signature" if _signature_problem(version) else "sla"
            found.append(MissingField(item.step, item.sentence, name))
        else:
            found.append(MissingField(item.step, item.sentence, FIELDS.get(item.step, item.step)))
    return found


def _missing_of_card(version: ModelVersion) -> list[MissingField]:
    return [
        MissingField("card", f"{item.field.label}: {item.problem}.", f"card.{item.field.id}")
        for item in policies.card_completeness(version).to_write
    ]


def what_is_missing(version: ModelVersion) -> list[Missing]:
    """What stands between a draft and submission, in the order of the steps."""
    findings = [
        ("package", _package_problem(version)),
        ("interface", _interface_problem(version)),
        ("meaning", _meaning_problem(version)),
        (contract_diff.GATE, contract_diff.problem(version)),
        ("run", _run_problem(version)),
        ("risk", _risk_problem(version)),
        ("card", _card_problem(version)),
        ("facts", _facts_problem(version)),
        (
            "plans",
            ""
            if version.model.plans.filter(is_offered=True).exists()
            else "Offer at least one plan.",
        ),
        ("changelog", _changelog_problem(version)),
        ("conditions", _conditions_problem(version)),
    ]
    return [Missing(step, sentence) for step, sentence in findings if sentence]


def fields_without_meaning(version: ModelVersion) -> list[tuple[str, str, str]]:
    """[(side, name, "description")] of the inputs and outputs that do not say what they mean."""
    return [
        (side, field["name"], "description")
        for side in ("inputs", "outputs")
        for field in version.signature.get(side) or []
        if not (field.get("description") or "").strip()
    ]


def _meaning_problem(version: ModelVersion) -> str:
    """Callers cannot guess what a column means, and reviewers judge it by that (docs/packaging.md, "The signature table")."""
    names = [name for _, name, _ in fields_without_meaning(version)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Say what these mean: {', '.join(names[:3])}{more}." if names else ""


def _conditions_problem(version: ModelVersion) -> str:
    late = Condition.objects.overdue().filter(version__model=version.model).first()
    return (
        f"A condition of {late.version.number} is overdue since {late.due_on:%-d %B %Y}: {late.text}"
        if late
        else ""
    )


def can_be_tried(version: ModelVersion) -> bool:
    """True once there is a package or an endpoint, with a whole signature and an example."""
    return not _package_problem(version) and not _signature_problem(version)


def _package_problem(version: ModelVersion) -> str:
    if version.kind == ModelVersion.Kind.EXTERNAL:
        return "" if version.external_url else "Give the endpoint's address."
    return "" if version.artifacts.exists() else "Upload the package, or name an external endpoint."


def _signature_problem(version: ModelVersion) -> str:
    if not version.signature:
        return "The signature is missing."
    if version.manifest.get("questions"):
        asked = version.manifest["questions"][0]
        return f"Say whether {asked['tensor']} is one tensor of {asked['width']} values, or {asked['width']} columns with names."
    mapping = version.manifest.get("mapping", {})
    if mapping.get("to_confirm"):
        return f"Confirm the names that were taken from {mapping['source']} by their place, or correct them."
    try:
        signatures.validate_signature(version.signature, version.manifest.get("graph"))
        signatures.validate_example(version.signature, version.example)
    except Invalid as problem:
        return problem.sentence
    return ""


def _run_problem(version: ModelVersion) -> str:
    """Why the newest trial failed; "" while nobody tried, because submission tries, and where the gates will say it."""
    done = None if _package_problem(version) else trials.latest(version)
    return done.summary if done and done.verdict == GateResult.Verdict.FAIL else ""


def _interface_problem(version: ModelVersion) -> str:
    if problem := _signature_problem(version):
        return problem
    return (
        ""
        if version.sla
        else "Declare the service level: availability, p95 latency, requests per second."
    )


def _card_problem(version: ModelVersion) -> str:
    found = policies.card_completeness(version)
    missing = [item.field.label for item in found.to_write]
    return (
        f"The card still needs: {', '.join(missing[:4])}{' …' if len(missing) > 4 else ''}."
        if missing and not found.ok
        else ""
    )


def _facts_problem(version: ModelVersion) -> str:
    stale = card_facts.stale(version)
    return _stale_sentence(list(stale), next(iter(stale.values()))) if stale else ""


def _stale_sentence(names: list[str], number: str) -> str:
    labels = ", ".join(cards.FIELDS_BY_ID[name].label for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{labels}{more}: written about former files ({number}). Confirm or replace."


def _risk_problem(version: ModelVersion) -> str:
    if not version.risk_tier:
        return "Answer the risk questionnaire."
    return (
        "This use is prohibited and cannot be submitted."
        if version.risk_tier == "prohibited"
        else ""
    )


def _changelog_problem(version: ModelVersion) -> str:
    earlier = (
        version.model.versions.exclude(pk=version.pk).filter(state__in=ModelVersion.LISTED).exists()
    )
    return (
        "Say in the changelog what changed and why."
        if earlier and len(version.changelog) < 30
        else ""
    )
