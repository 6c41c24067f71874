"""A line in words: how its amount is worked out, and each link of its evidence (docs/value.md, "From an amount to its evidence")."""

from dataclasses import dataclass
from decimal import Decimal

from django.urls import reverse

from catalog.models import SearchRecord
from marketplace.insights.ledger import calls, sizing
from marketplace.insights.ledger.calls import Answered, Count
from marketplace.insights.models import ReuseEvent, SignedQuarter

SHOWN_DAYS = 30  # of the small chart


@dataclass(frozen=True)
class Term:
    """One term of the sum: an amount or a factor, and what it is."""

    value: str
    words: str


@dataclass(frozen=True)
class OpenedLine:
    """The line that is open: its sum, what it rests on, and the four links. An empty `record` or `signed` is said to be missing."""

    line: ReuseEvent
    terms: list[Term]
    reasons: list[str]
    answered: Answered
    trend: list[Count]
    record: SearchRecord | None
    signed: SignedQuarter | None

    @property
    def calls_url(self) -> str:
        return reverse("insights:line_calls", args=[self.line.pk])

    @property
    def record_url(self) -> str:
        return reverse("insights:line_record", args=[self.line.pk])

    @property
    def approval_url(self) -> str:
        return reverse("insights:line_approval", args=[self.line.pk])

    @property
    def quarter_url(self) -> str:
        return reverse("insights:quarter", args=[self.line.quarter_name])

    @property
    def trend_labels(self) -> list[str]:
        return [count.label for count in self.trend]

    @property
    def trend_values(self) -> list[int]:
        return [count.ok for count in self.trend]


def opened(line: ReuseEvent) -> OpenedLine:
    """What the page shows of an open line (for_page())."""
    days = calls.days_of(line)
    return OpenedLine(
        line,
        terms_of(line),
        sizing.reasons(line.complexity) if line.counterfactual == "would_build" else [],
        calls.answered(line),
        days[-SHOWN_DAYS:],
        line.search_record,
        SignedQuarter.objects.select_related("signed_by").filter(quarter=line.quarter).first(),
    )


def terms_of(line: ReuseEvent) -> list[Term]:
    """cost × evidence × share, without the integration that is deducted at the end."""
    return [
        Term(amount(line.cost_low), cost_words(line)),
        Term(f"{line.confidence.normalize():f}", f"evidence {line.grade}"),
        Term(
            f"{line.share.normalize():f}",
            "first team of the unit" if line.share == 1 else "further team of the unit",
        ),
    ]


def cost_words(line: ReuseEvent) -> str:
    """What the amount before the factors is."""
    if line.counterfactual == "would_buy":
        return "to buy for twelve months"
    if line.counterfactual != "would_build":
        return "nothing would have been spent"
    if line.booked_cost:
        return "to build, low end of what the publisher booked"
    return f"to build, {sizing.SIZES[line.size]}, low end"


def kind_words(line: ReuseEvent) -> str:
    """One line under the name: "Mortgage · build, large"."""
    if line.is_reversal:
        return f"reversal: {line.reason}"
    if line.counterfactual == "would_do_without":
        return "would have done without: counted as enablement, never as avoided cost"
    if line.counterfactual == "would_buy":
        return (
            f"licence, {amount(line.licence_price)}"
            if line.licence_price
            else "licence, price not given yet"
        )
    size = f"build, {sizing.SIZES[line.size]}"
    return (
        size
        if line.share == 1
        else f"{size}; further team of its unit, share {line.share.normalize():f}"
    )


def amount(value: Decimal | None) -> str:
    """Thousands in groups, cents only where there are some, a minus sign for less than nothing."""
    if value is None:
        return "–"
    text = f"{abs(value):,.2f}".removesuffix(".00")
    return f"−{text}" if value < 0 else text
