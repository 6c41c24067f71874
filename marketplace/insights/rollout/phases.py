"""Phases of the rollout, each with its criteria and what rows say about them (docs/adoption.md, "Rollout")."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, User
from marketplace.insights.inventory import coverage
from marketplace.insights.metrics import BY_NAME, board
from marketplace.insights.metrics.scope import sight_of
from marketplace.insights.models import CompanyEvent, EventState, SignedQuarter, Story

COVERED, SEEDED = (
    80.0,
    10,
)  # percent of production models that have to be published; models of the first phase


@dataclass(frozen=True)
class Criterion:
    """One thing that has to be true. ok: None while it cannot be told. detail: the figure now, and the target."""

    label: str
    ok: bool | None
    detail: str
    url: str
    action: str = "Show"


@dataclass(frozen=True)
class Phase:
    """A step of the rollout; it is reached when all of its criteria hold."""

    number: int
    title: str
    aim: str
    criteria: list[Criterion]

    @property
    def met(self) -> int:
        return sum(item.ok is True for item in self.criteria)

    @property
    def is_reached(self) -> bool:
        return self.met == len(self.criteria)


def phases(user: User) -> list[Phase]:
    """All phases, with the figures that the person may see: those of the metrics, and rows of the marketplace."""
    sight = sight_of(user)

    def metric(name: str, is_met: Callable[[float], bool], target: str) -> Criterion:
        return _of_metric(sight, name, is_met, target)

    units = BusinessUnit.objects.current().filter(has_ai=True).count()
    return [
        Phase(
            1,
            "Seed",
            "There is something worth finding.",
            [
                metric("published-models", lambda value: value >= SEEDED, f"at least {SEEDED}"),
                metric("high-tier-reviewed", lambda value: value >= 100, "100 %"),
                _callable(user),
            ],
        ),
        Phase(
            2,
            "First reuse",
            "A team runs on another unit's model, soon after it found it.",
            [
                metric("cross-unit-models", lambda value: value >= 1, "at least 1"),
                metric("time-to-integrate", lambda value: value < 14, "less than 14 days"),
                _story(user),
                _event(),
            ],
        ),
        Phase(
            3,
            "Mandate",
            "What runs in production is published, and nobody builds unasked.",
            [
                _covered(user),
                metric("search-before-build", lambda value: value >= 100, "100 %"),
                metric("search-success", lambda value: value > 60, "more than 60 %"),
            ],
        ),
        Phase(
            4,
            "Company-wide",
            "Publishing and reuse are how the company works.",
            [
                metric("publisher-adoption", lambda value: value >= 50, "50 %"),
                metric("freshness", lambda value: value >= 80, "80 %"),
                metric("consumer-growth", lambda value: value >= 50, "50 % a quarter"),
                metric(
                    "units-with-ai", lambda value: value > units, f"more than the {units} before"
                ),
                _signed(),
            ],
        ),
    ]


def _of_metric(sight: str, name: str, is_met: Callable[[float], bool], target: str) -> Criterion:
    """A criterion over the newest value of a success metric."""
    metric = BY_NAME[name]
    url = reverse("insights:metric", args=[name])
    newest = board.latest(sight, name)
    if not newest:
        return Criterion(metric.title, None, f"Not counted yet; target {target}.", url)
    value = newest[0].value
    if value is None:
        why = newest[0].reason or "not enough data"
        return Criterion(metric.title, None, f"Not enough data ({why}); target {target}.", url)
    now = board.written(value, metric.unit)
    return Criterion(metric.title, is_met(value), f"{now} now; target {target}.", url)


def _callable(user: User) -> Criterion:
    seen = RegisteredModel.objects.visible_to(user).published()
    total, live = seen.count(), seen.filter(aliases__name="stable").distinct().count()
    url = reverse("catalog:models")
    detail = f"{live} of {total} published models have a version that answers; target all."
    return Criterion("Models that can be called", live == total if total else None, detail, url)


def _story(user: User) -> Criterion:
    count = Story.objects.published_for(user).count()
    detail = f"{count} published; target at least 1."
    return Criterion("A success story", count > 0, detail, reverse("insights:stories"), "Tell one")


def _event() -> Criterion:
    count = CompanyEvent.objects.filter(state=EventState.OVER).count()
    detail = f"{count} took place; target at least 1."
    return Criterion("A demo day", count > 0, detail, reverse("insights:events"), "Plan one")


def _covered(user: User) -> Criterion:
    seen = RegisteredModel.objects.visible_to(user).published()
    whole = coverage.total(coverage.by_unit(seen, timezone.localdate()))
    url = reverse("insights:inventory_coverage")
    label = "Production models that are published"
    if whole.percent is None:
        return Criterion(label, None, "The inventory is empty.", url)
    detail = (
        f"{whole.published} of {whole.due} ({whole.percent:.0f} %) now; target {COVERED:.0f} %."
    )
    return Criterion(label, whole.percent >= COVERED, detail, url, "Chase the owners")


def _signed() -> Criterion:
    count = SignedQuarter.objects.count()
    detail = f"{count} signed by finance; target at least 1."
    return Criterion("A quarter of the value ledger", count > 0, detail, reverse("insights:value"))
