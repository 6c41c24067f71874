"""What it costs to use each version, how one gets it, who uses it; and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Plan, Subscription, UsageDay
from marketplace.core.money import show_amount
from marketplace.core.templatetags.formatting import number, quantity, state_label
from marketplace.insights.comparison.table import Cell, Column, Group, Mark, Row, Sentence, Verdict

USUAL_CALLS, MOST_CALLS = 10_000, 10**9  # a month
DEAR = 2  # times the cheapest that is not free: from here on a price is marked
CONSUMER_DAYS = 30


@dataclass(frozen=True)
class Offer:
    """The cheapest plan of a model that allows so many calls a month; plan: None without one."""

    plan: Plan | None
    calls: int

    @property
    def amount(self) -> Decimal | None:
        """What the calls cost a month, in the plan's currency."""
        if self.plan is None:
            return None
        return self.plan.cost_of(self.calls)


def offers_of(columns: Sequence[Column], calls: int) -> list[Offer]:
    """The Offer of each column. One query."""
    plans = Plan.objects.filter(model__in=[one.model for one in columns], is_offered=True)
    found: dict[int, Plan] = {}
    for plan in sorted(plans, key=lambda plan: (plan.cost_of(calls), plan.pk)):
        if plan.monthly_quota is None or plan.monthly_quota >= calls:
            found.setdefault(plan.model_id, plan)
    return [Offer(found.get(column.model.pk), calls) for column in columns]


def group(columns: Sequence[Column], offers: Sequence[Offer]) -> Group:
    """Price, access, consumers, rating, risk tier, how far the version is in its life. One query."""
    paid = [offer.amount for offer in offers if offer.amount]
    currencies = {offer.plan.currency for offer in offers if offer.plan}
    least = min(paid) if len(currencies) == 1 and paid else None
    since = timezone.now().date() - timedelta(days=CONSUMER_DAYS)
    days = UsageDay.objects.filter(version__model__in=[one.model for one in columns], day__gt=since)
    counted = days.order_by().values_list("version__model")
    units = dict(counted.annotate(Count("business_unit_id", distinct=True)))
    rows = [
        Row(
            f"At {number(offers[0].calls)} calls a month",
            tuple(_price(offer, least) for offer in offers),
        ),
        Row("Production access", tuple(map(_access, columns, offers))),
        Row("Used by", tuple(_users(one, units.get(one.model.pk, 0)) for one in columns)),
        Row("Rating", tuple(rating(column.model) for column in columns)),
        _words(
            "Risk tier", [state_label(one.version.risk_tier or "not assessed") for one in columns]
        ),
        Row("Lifecycle", tuple(lifecycle(column.version) for column in columns)),
    ]
    return Group("Cost and access", tuple(rows))


def about(columns: Sequence[Column]) -> Group:
    """What each is, whose, and what it must not be used for."""
    rows = [
        _words("Task", [str(column.model.capability) for column in columns]),
        _words("Domain", [str(column.model.domain) for column in columns]),
        _words("Model type", [str(column.model.model_type) for column in columns]),
        _words("Business unit", [str(column.model.owner_team.business_unit) for column in columns]),
        _words("Support hours", [column.model.support_hours or "Not stated" for column in columns]),
        _words("Runs as", [column.version.get_kind_display() for column in columns]),
        _words("Not for", [_card(column, "intended_use.out_of_scope") for column in columns]),
    ]
    return Group("What it is", tuple(rows))


def sentence(names: Sequence[str], offers: Sequence[Offer]) -> Sentence | None:
    """What the prices come to, in words; None where they are alike or cannot be compared."""
    priced = [
        (offer.amount, offer.plan.currency, name)
        for name, offer in zip(names, offers, strict=True)
        if offer.plan is not None and offer.amount is not None
    ]
    if len(priced) < 2 or len({currency for _, currency, _ in priced}) > 1:
        return None
    (low, currency, cheapest), (high, _, dearest) = min(priced), max(priced)
    if low == high:
        return None
    if not low:
        return Sentence(
            f"{cheapest} is free", f", {dearest} costs {show_amount(high, currency)} a month."
        )
    sums = f": {show_amount(high, currency)} against {show_amount(low, currency)} a month."
    if high < DEAR * low:
        return Sentence(f"{dearest} costs more than {cheapest}", sums)
    times = f"{high / low:,.0f}" if high >= 10 * low else f"{high / low:.1f}"
    return Sentence(f"{dearest} costs {times} times as much as {cheapest}", sums, "bad")


def _price(offer: Offer, least: Decimal | None) -> Cell:
    plan, amount = offer.plan, offer.amount
    if plan is None or amount is None:
        return Cell(verdict=Verdict("No plan for so many calls"))
    is_dear = least is not None and amount > least and amount >= DEAR * least
    detail = f"{plan.price_in_words.replace('1,000 calls', '1,000')}, plan {plan.name}"
    return Cell(
        show_amount(amount, plan.currency), detail, mark=Mark.WORSE if is_dear else Mark.NONE
    )


def _access(column: Column, offer: Offer) -> Cell:
    if held := column.subscription:
        is_open = held.state == Subscription.State.ACTIVE
        tone, icon = ("good", "check-circle") if is_open else ("neutral", "minus-circle")
        said = "You have access" if is_open else held.get_state_display()
        return Cell(str(held.application), verdict=Verdict(said, tone, icon))
    if column.closed_because:
        said = f"Not for new subscriptions: {column.closed_because}"
        return Cell(verdict=Verdict(said, "bad", "x-circle"), mark=Mark.WORSE)
    if offer.plan is None:
        return Cell("Ask the owner", "no plan fits")
    return Cell(offer.plan.get_approval_display())


def _users(column: Column, units: int) -> Cell:
    teams = column.model.consumer_teams
    if not teams:
        return Cell("No team yet")
    detail = f"in {quantity(units, 'unit,units')}" if units else ""
    return Cell(str(quantity(teams, "team,teams")), detail)


def rating(model: RegisteredModel) -> Cell:
    """The mean of the reviews and their number."""
    if not model.rating_count:
        return Cell("None yet")
    return Cell(
        f"{model.rating_mean:.1f} of 5", str(quantity(model.rating_count, "review,reviews"))
    )


def lifecycle(version: ModelVersion) -> Cell:
    """How far the version is in its life, and when it ends."""
    ends = f"ends {version.sunset_at:%-d %b %Y}" if version.sunset_at else ""
    mark = Mark.WORSE if version.state in ModelVersion.ENDING else Mark.NONE
    return Cell(str(state_label(version.state)), ends, mark=mark)


def _card(column: Column, name: str) -> str:
    card = getattr(column.version, "card", None)
    value = card.data.get(name) if card else None
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value) if value else "Not stated"


def _words(label: str, texts: Sequence[str]) -> Row:
    return Row(label, tuple(Cell(text) for text in texts))
