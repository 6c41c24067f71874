"""What a model costs: its plans in words, and what so many calls a month come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from consumption.models import Plan
from marketplace.core.templatetags.formatting import quantity
from marketplace.insights.model_page.avoided_cost import ALTERNATIVES, AvoidedCost, avoided

USUAL_CALLS, MOST_CALLS = 10_000, 10**12  # a month


class CallsField(forms.IntegerField):
    """A whole number as people write it: 12000, 12,000 or 12 000."""

    def to_python(self, value: Any) -> int | None:
        text = value.replace(",", "").replace(" ", "") if isinstance(value, str) else value
        number: int | None = super().to_python(text)
        return number


class CostForm(forms.Form):
    """Expected calls a month, and what the team would do without the model. A GET form."""

    calls = CallsField(
        label="Your calls a month",
        min_value=1,
        max_value=MOST_CALLS,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": 20}),
    )
    without = forms.ChoiceField(
        label="Without it we would",
        choices=[(name, said) for name, (said, _) in ALTERNATIVES.items()],
        required=False,
    )


@dataclass(frozen=True)
class Bill:
    """So many calls a month on one plan."""

    plan: Plan
    calls: int

    @property
    def amount(self) -> Decimal | None:
        """What they cost, in the plan's currency; None where its quota is less than they are."""
        quota = self.plan.monthly_quota
        if quota is not None and quota < self.calls:
            return None
        return self.plan.cost_of(self.calls)


@dataclass(frozen=True)
class Price:
    """The plans in words, the calculator's form, and its result; bills is [] without a plan, and while the form does not hold."""

    words: list[str]
    form: CostForm
    bills: list[Bill]
    avoided: AvoidedCost | None


def price(plans: Sequence[Plan], query: QueryDict) -> Price:
    """The Price of the plans on offer, cheapest first, for what the reader asked in the address."""
    asked = {name: query[name] for name in ("calls", "without") if name in query}
    form = CostForm({"calls": f"{USUAL_CALLS:,}", "without": "large"} | asked, label_suffix="")
    if not form.is_valid() or not plans:
        return Price([in_words(plan) for plan in plans], form, [], None)
    calls = form.cleaned_data["calls"]
    return Price(
        words=[in_words(plan) for plan in plans],
        form=form,
        bills=[Bill(plan, calls) for plan in plans],
        avoided=avoided(form.cleaned_data["without"] or "large"),
    )


def in_words(plan: Plan) -> str:
    """ "Standard: 4.00 USD per 1,000 calls, no fixed fee", "Trial: free, 5,000 calls a month"."""
    told = f"{plan.name}: {plan.price_in_words}"
    if plan.price_micros_per_1000 and not plan.monthly_fee_micros:
        told = f"{told}, no fixed fee"
    quota = plan.monthly_quota
    return f"{told}, at most {quantity(quota, 'call,calls')} a month" if quota else told
