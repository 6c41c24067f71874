"""Terms of plans: which are in force, whether new ones are worse for consumers, how they read, and how they begin.

A call is valued by the rows (consumption.metering.valuation); the gateway and lists read the copy on the plan, which `begin` writes.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils.text import capfirst

from consumption.models import Plan, PlanTerms, PriceKind
from consumption.plans import pricing
from marketplace.audit.actions import record
from marketplace.core.invalidation import invalidate

LIMITS = ("rate_per_second", "burst", "concurrency", "monthly_quota")
FIELDS = (*pricing.FIELDS, *LIMITS)
# What each limit is called, and the unit of its figures.
WORDS = {
    "rate_per_second": ("rate", "calls a second"),
    "burst": ("burst", "calls"),
    "concurrency": ("calls at a time", "calls"),
    "monthly_quota": ("quota", "calls a month"),
}


@dataclass(frozen=True)
class Difference:
    """One term that changes, in words: "Price", "4.00 USD per 1,000 calls", "5.00 USD per 1,000 calls"."""

    label: str
    old: str
    new: str
    is_worse: bool

    def __str__(self):
        before = "" if self.old == "none" else f" instead of {self.old}"
        return f"{self.label}: {self.new}{before}"


@dataclass(frozen=True)
class Step:
    """Terms in a plan's history, their price in words, and how they differ from those before."""

    terms: PlanTerms
    price: str
    differences: list[Difference]


def values(terms):
    """{field: value} of a Plan or PlanTerms."""
    return {name: getattr(terms, name) for name in FIELDS}


def completed(before, given):
    """{field: value} of terms after what was given for some of them; price fields as their kind means them. Raises Invalid."""
    after = before | given
    if "price_micros_per_1000" in given and "price_kind" not in given:
        simple = (PriceKind.FREE, PriceKind.PER_CALL, PriceKind.COST_PLUS)
        after |= {"price_kind": PriceKind.PER_CALL} if after["price_kind"] in simple else {}
    if given.get("price_kind") == PriceKind.FREE and "price_micros_per_1000" not in given:
        after |= {"price_micros_per_1000": 0}
    return after | pricing.completed(after)


def is_worse(before, after):
    """Does anything become dearer or tighter for consumers? What is better elsewhere does not make up for it."""
    return _is_dearer(before, after) or any(
        _is_tighter(name, before[name], after[name]) for name in LIMITS
    )


def allows_more(terms, than):
    """Is any limit of these terms higher than the other ones' (Plan or PlanTerms)? Their prices do not matter."""
    return any(_is_tighter(name, getattr(terms, name), getattr(than, name)) for name in LIMITS)


def differences(before, after, currency):
    """The terms that differ, as [Difference]."""
    old, new = pricing.in_words(before, currency), pricing.in_words(after, currency)
    price = Difference("Price", old, new, _is_dearer(before, after))
    limits = [
        Difference(
            capfirst(WORDS[name][0]),
            _shown(name, before[name]),
            _shown(name, after[name]),
            _is_tighter(name, before[name], after[name]),
        )
        for name in LIMITS
        if before[name] != after[name]
    ]
    return [price, *limits] if old != new else limits


def history(plan):
    """[Step] of a plan, newest first; what has not begun yet is among them.

    From the prefetched `terms`, oldest first.
    """
    rows = list(plan.terms.all())
    earlier = [None, *rows]
    steps = [
        Step(
            row,
            pricing.in_words(row, plan.currency),
            differences(values(was), values(row), plan.currency) if was else [],
        )
        for was, row in zip(earlier, rows, strict=False)
    ]
    return steps[::-1]


def write(by, plan, terms, effective_from=None):
    """Add terms ({field: value}) to a plan's history, from a moment on; without one, from now on. Returns the PlanTerms.

    The database's clock says what now is, so that terms never begin before what was already valued.
    """
    now = _clock()
    last = plan.terms.order_by("-effective_from").first()
    begins = max(effective_from or now, now)
    if last and last.effective_from >= begins:
        begins = last.effective_from + timedelta(microseconds=1)
    return PlanTerms.objects.create(plan=plan, effective_from=begins, created_by=by, **terms)


def begin(by, plan, terms):
    """Terms that begin now reach the gateway and the lists: they are copied onto the plan."""
    Plan.objects.filter(pk=plan.pk).update(**terms)
    for name, value in terms.items():
        setattr(plan, name, value)
    record(
        by,
        "plan.terms_begin",
        plan.model,
        plan=plan.slug,
        terms={name: str(value) for name, value in terms.items()},
    )
    invalidate("model", model=plan.model_id)


def _clock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def _is_dearer(before, after):
    return pricing.is_dearer(pricing.Price.of(before), pricing.Price.of(after))


def _is_tighter(name, old, new):
    if name == "monthly_quota":
        return new is not None and (old is None or new < old)
    return new < old


def _shown(name, value):
    return "no limit" if value is None else f"{value:,} {WORDS[name][1]}"
