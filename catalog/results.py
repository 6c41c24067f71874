"""The page of found models as it is drawn: the bands apart, each hit with the facts that people choose by."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.core.paginator import Page
from django.db.models import prefetch_related_objects
from django.http import QueryDict

from catalog import search
from catalog.models import ModelVersion, RegisteredModel
from catalog.search import Found, Hit
from marketplace.core.links import Tab
from marketplace.core.templatetags import formatting
from marketplace.core.templatetags.formatting import number, quantity

VIEWS = {"table": "Table", "cards": "Cards"}
VIEW = "results_view"


@dataclass(frozen=True)
class Service:
    """Whether the promise of the version in use was kept in 30 days: words, their tone and icon."""

    text: str
    tone: str
    icon: str


KEPT = Service("Met", "good", "check-badge")
MISSED = Service("Missed", "bad", "x-circle")
NO_PROMISE = Service("No promise", "neutral", "minus-circle")
TOO_FEW = Service("Too few calls", "neutral", "minus-circle")


@dataclass(frozen=True)
class Result:
    """One hit with its facts. price: "" without a plan; access: how one gets it."""

    hit: Hit
    service: Service
    price: str
    is_free: bool
    access: str

    @property
    def model(self) -> RegisteredModel:
        return self.hit.model

    @property
    def version(self) -> ModelVersion | None:
        return self.hit.model.stable


@dataclass(frozen=True)
class Wider:
    """What one would find without one filter in force, and the address."""

    label: str
    count: int
    url: str


@dataclass(frozen=True)
class Results:
    """A page of what was found: good and weak results of this page, and how many of each there are in all."""

    found: Found
    page: "Page[Hit]"
    good: list[Result]
    weak: list[Result]

    @property
    def bands(self) -> str:
        """How many are good and how many weak, after the number of all: ": 4 good matches, 2 weak."."""
        if not self.found.typed or not self.found.total:
            return ""
        weak = f", {number(self.found.weak)} weak" if self.found.weak else ""
        return f": {quantity(self.found.good, 'good match,good matches')}{weak}."

    @property
    def first_is_weak(self) -> bool:
        """Nothing good was found: the page says so before the weak ones."""
        return bool(self.found.typed) and not self.found.good and bool(self.found.total)


def of(found: Found, page_number: str | None) -> Results:
    """The Results of one page. One query for the plans of its models."""
    page = found.page(page_number)
    hits = list(page.object_list)
    prefetch_related_objects([hit.model for hit in hits], "plans")
    results = [_result(hit) for hit in hits]
    return Results(
        found,
        page,
        [one for one in results if one.hit.band == search.GOOD],
        [one for one in results if one.hit.band == search.WEAK],
    )


def wider(found: Found, data: QueryDict) -> list[Wider]:
    """The filters whose removal finds more, most first, as links."""
    return [Wider(one.label, one.count, without(data, one.param, one.value)) for one in found.widen]


def without(data: QueryDict, param: str, value: str) -> str:
    """The address without one value of a filter, on its first page."""
    kept = data.copy()
    kept.setlist(param, [other for other in kept.getlist(param) if other != value])
    kept.pop("page", None)
    return "?" + kept.urlencode()


def with_value(data: QueryDict, param: str, value: str) -> str:
    """The address with one value of a parameter, on its first page."""
    kept = data.copy()
    kept.setlist(param, [value])
    kept.pop("page", None)
    return "?" + kept.urlencode()


def cleared(data: QueryDict) -> str:
    """The address with the words that are asked, without any filter."""
    kept = QueryDict(mutable=True)
    for param in ("q", "exact", "sort", "view"):
        if data.get(param):
            kept.setlist(param, data.getlist(param))
    return "?" + kept.urlencode()


def views(data: QueryDict, current: str) -> list[Tab]:
    """Table and cards, as addresses."""
    return [
        Tab(label, with_value(data, "view", view), view == current) for view, label in VIEWS.items()
    ]


def view_of(session: SessionBase, asked: str | None) -> str:
    """Table or cards: what the address says, which is remembered; else what was chosen last."""
    if asked not in VIEWS:
        return str(session.get(VIEW, "table"))
    if session.get(VIEW, "table") != asked:
        session[VIEW] = asked
    return asked


def _result(hit: Hit) -> Result:
    plans: list[Any] = [plan for plan in hit.model.plans.all() if plan.is_offered]
    cheapest = min(
        plans, key=lambda plan: (plan.monthly_fee_micros, plan.price_micros_per_1000), default=None
    )
    price = _price(cheapest) if cheapest else ""
    at_once = any(plan.approval == plan.Approval.AUTOMATIC for plan in plans)
    access = "At once" if at_once else "Owner decides" if plans else "No plan yet"
    is_free = cheapest is not None and cheapest.price_kind == "free"
    return Result(hit, _service(hit.model), price, is_free, access)


def _price(plan: Any) -> str:
    """The price of 1 000 calls; of a plan with a fee, the fee."""
    if plan.monthly_fee_micros:
        return f"{formatting.price(plan.monthly_fee_micros, plan.currency)} a month"
    return formatting.price(plan.price_micros_per_1000, plan.currency)


def _service(model: RegisteredModel) -> Service:
    """As the facet "Service level" judges it."""
    sla = model.stable.sla if model.stable else {}
    availability, p95 = (
        Decimal(str(value)) if (value := sla.get(name)) not in (None, "") else None
        for name in ("availability", "p95_ms")
    )
    if availability is None and p95 is None:
        return NO_PROMISE
    if model.measured_availability is None:
        return TOO_FEW
    is_available = availability is None or model.measured_availability >= availability
    is_quick = p95 is None or model.measured_p95_ms is None or model.measured_p95_ms <= p95
    return KEPT if is_available and is_quick else MISSED
