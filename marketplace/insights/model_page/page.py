"""Gathers what the overview shows: each app is asked for its facts once, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog import neighbours
from catalog.models import ModelVersion, RegisteredModel
from consumption.metering.consumers import Consumers, consumers
from consumption.models import Subscription
from consumption.subscribing.answering import answering
from governance.actions import current_gates
from governance.headlines import Headline, headline
from governance.models import GateResult, Review
from governance.policies import conditions_of
from hosting import service_levels
from hosting.models import Incident
from hosting.service_levels import ErrorBudget, Promise, ServiceLevelReport
from marketplace.accounts.requests import PageRequest
from marketplace.insights.model_page import ahead, interface, price, quality, trust

ALIKE = 3
FAILURES = 2  # of the card's known ways to fail


@dataclass(frozen=True)
class Service:
    """What was promised of a version and what was measured; its open incidents."""

    report: ServiceLevelReport
    promises: list[Promise]
    budget: ErrorBudget | None
    incidents: int

    @property
    def verdict(self) -> str:
        """kept, broken, untried, or "" where nothing is promised."""
        verdicts = {promise.verdict for promise in self.promises}
        if Promise.BROKEN in verdicts:
            return "broken"
        if Promise.KEPT in verdicts:
            return "kept"
        return "untried" if verdicts else ""

    @property
    def budget_tone(self) -> str:
        """good, warn from three quarters of the budget on, bad when more than all of it is spent."""
        if self.budget is None or self.budget.spent_percent < 75:
            return "good"
        return "bad" if self.budget.spent > self.budget.allowed else "warn"


@dataclass(frozen=True)
class Limits:
    """What it must not be used for, and how it is known to fail, from its card; [] each where nothing is written."""

    not_for: list[str]
    failures: list[str]


@dataclass(frozen=True)
class Alike:
    """A model like this one, and what they have in common."""

    model: RegisteredModel
    why: str


@dataclass(frozen=True)
class Answer:
    """Everything on the overview but the frame. Parts about a version are None before the first one, or before its submission."""

    purpose: str
    decision_role: str
    inputs: interface.Side
    outputs: interface.Side
    example: interface.Example | None
    headline: Headline | None
    drawing: quality.Drawing | None
    asked: Review | None
    trust: trust.Trust | None
    service: Service | None
    price: price.Price
    consumers: Consumers
    limits: Limits
    ahead: ahead.Ahead
    alike: list[Alike]


def answer(request: PageRequest, context: dict[str, Any]) -> Answer:
    """The Answer about the model and version of catalog.pages.model_context."""
    user, model, version = request.user, context["model"], context["version"]
    versions = list(context["versions"])
    held = Subscription.objects.held_by(user).open().filter(model=model)
    held = held.select_related("application", "pinned_version", "held_version")
    used = consumers(user, model)
    written = getattr(version, "card", None)
    card = dict(written.data) if written else {}
    gates = current_gates(version) if version and version.manifest_sha256 else []
    figures = headline(version) if version else None
    service = _service(version) if version and version.state in ModelVersion.LISTED else None
    signature = version.signature if version else {}
    asked = None
    if version and not (figures and figures.is_independent):
        reviews = version.reviews.filter(kind=Review.Kind.EVALUATION, state=Review.State.OPEN)
        asked = reviews.first()
    return Answer(
        purpose=model.description or str(card.get("intended_use.summary") or ""),
        decision_role=str(card.get("intended_use.decision_role") or ""),
        inputs=interface.side(signature.get("inputs") or []),
        outputs=interface.side(signature.get("outputs") or []),
        example=interface.example(version, gates) if version else None,
        headline=figures,
        drawing=quality.drawing(figures) if figures else None,
        asked=asked,
        trust=_trust(model, version, gates, figures, service, used),
        service=service,
        price=price.price(list(model.plans.filter(is_offered=True)), request.GET),
        consumers=used,
        limits=_limits(model, card),
        ahead=ahead.ahead(user, model, version, versions, list(held)),
        alike=_alike(request, model, version),
    )


def _service(version: ModelVersion) -> Service:
    report = service_levels.report(version)
    return Service(
        report,
        service_levels.promises(version, report),
        service_levels.error_budget(version, report) if report.is_enough else None,
        Incident.objects.filter(version=version, closed_at=None).count(),
    )


def _trust(
    model: RegisteredModel,
    version: ModelVersion | None,
    gates: Sequence[GateResult],
    figures: Headline | None,
    service: Service | None,
    used: Consumers,
) -> trust.Trust | None:
    if version is None or version.submitted_at is None:
        return None
    owner = model.owner
    return trust.trust(
        trust.Facts(
            version=version,
            gates=gates,
            headline=figures,
            promises=service.promises if service else [],
            calls=service.report.calls if service else 0,
            consumers=used,
            answering=answering(model),
            touches_people="people" in conditions_of(version),
            owner_is_there=owner.is_active and owner.is_on(model.owner_team),
        )
    )


def _limits(model: RegisteredModel, card: dict[str, Any]) -> Limits:
    known = _items(card.get("limitations.failure_modes"))[:FAILURES]
    written = model.limitations or str(card.get("limitations.text") or "")
    return Limits(_items(card.get("intended_use.out_of_scope")), known or _items(written))


def _items(value: Any) -> list[str]:
    """A card's answer as a list: a text is one item; "not applicable" is none."""
    if isinstance(value, list):
        return [str(item) for item in value if item]
    return [value] if isinstance(value, str) and value.strip() else []


def _alike(
    request: PageRequest, model: RegisteredModel, version: ModelVersion | None
) -> list[Alike]:
    seen = RegisteredModel.objects.visible_to(request.user).published().for_list()
    return [
        Alike(other, _why(model, version, other))
        for other in neighbours.of(seen, model, limit=ALIKE)
    ]


def _why(model: RegisteredModel, version: ModelVersion | None, other: RegisteredModel) -> str:
    """What both have: the task, inputs of the same name; their words where it is neither."""
    reasons = ["Same task"] if model.capability_id == other.capability_id else []
    mine, its = _inputs(version), _inputs(other.stable)
    if shared := len(mine & its):
        reasons.append(f"{shared} of {len(mine)} inputs the same")
    text = ", ".join(reasons)
    return f"{text[:1].upper()}{text[1:]}." if text else "Described in similar words."


def _inputs(version: ModelVersion | None) -> set[str]:
    fields = version.signature.get("inputs") if version else None
    return {field["name"] for field in fields or []}
