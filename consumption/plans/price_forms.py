"""How a price is typed: its kind, and the fields that the kind uses. Shared by a new plan and by new terms of one."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from consumption.plans import pricing
from consumption.plans.pricing import PriceKind
from marketplace.core.money import from_micros, to_micros

MOST = from_micros(pricing.PRICE_MAX)
STEP = re.compile(r"(?:to )?([0-9][0-9 ,]*|above)[: ]\s*(?:free|([0-9]+(?:\.[0-9]{1,6})?))", re.I)
MONEY: dict[str, Any] = {"min_value": 0, "max_value": MOST, "max_digits": 12, "decimal_places": 6}


class StepsField(forms.CharField):
    """Steps of a graduated price, one a line: "10000 free", "1000000 1.20", "above 0.80"; prices for 1 000 calls."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        lines = [line.strip() for line in (super().to_python(value) or "").splitlines()]
        return [self._step(line) for line in lines if line]

    def _step(self, line: str) -> list[int | None]:
        found = STEP.fullmatch(line)
        if found is None:
            raise forms.ValidationError(
                f"“{line[:40]}” is no step. Write the last call and the price, as in 10000 1.20."
            )
        last, price = found.groups()
        try:
            micros = to_micros(Decimal(price or 0))
        except InvalidOperation:
            raise forms.ValidationError(f"“{price}” is no price.") from None
        upper = None if last.lower() == "above" else int(re.sub(r"[ ,]", "", last))
        return [upper, micros]


class PriceFields(forms.Form):
    """The fields of a price. `price()` is what was typed, as fields of terms."""

    price_kind = forms.ChoiceField(
        choices=PriceKind, required=False, label="Price", initial=PriceKind.PER_CALL
    )
    price = forms.DecimalField(
        **MONEY, required=False, label="Price per 1,000 calls", help_text="Of calls not included."
    )
    monthly_fee = forms.DecimalField(
        **MONEY,
        required=False,
        label="Monthly fee",
        help_text="Each day of the month is charged its part.",
    )
    included_calls = forms.IntegerField(
        min_value=0, max_value=pricing.CALLS_MAX, required=False, label="Calls included a month"
    )
    price_steps = StepsField(
        required=False,
        max_length=1000,
        label="Steps",
        help_text="One a line, with the price of 1,000 calls: 10000 free, then 1000000 1.20, then above 0.80.",
    )
    unit_cost = forms.DecimalField(**MONEY, required=False, label="What 1,000 calls cost you")
    markup = forms.DecimalField(
        min_value=0,
        max_value=10_000,
        decimal_places=2,
        max_digits=7,
        required=False,
        label="Markup, percent",
    )

    def price_terms(self) -> dict[str, Any]:
        """What was typed, as fields of terms; without a kind only the price of 1 000 calls."""
        typed = self.cleaned_data
        micros = {"price_micros_per_1000": to_micros(typed.get("price") or 0)}
        if not typed.get("price_kind"):
            return micros
        if typed["price_kind"] == PriceKind.FREE:  # what was typed before another kind was chosen
            micros = {"price_micros_per_1000": 0}
        return micros | {
            "price_kind": typed["price_kind"],
            "monthly_fee_micros": to_micros(typed.get("monthly_fee") or 0),
            "included_calls": typed.get("included_calls") or 0,
            "price_steps": typed.get("price_steps") or [],
            "unit_cost_micros_per_1000": to_micros(typed.get("unit_cost") or 0),
            "markup_basis_points": int((typed.get("markup") or 0) * 100),
        }


NAMES = tuple(PriceFields.base_fields)


def as_typed(terms: Any) -> dict[str, Any]:
    """The initial values of PriceFields for terms or a plan."""
    return {
        "price_kind": terms.price_kind,
        "price": from_micros(terms.price_micros_per_1000).normalize(),
        "monthly_fee": from_micros(terms.monthly_fee_micros).normalize(),
        "included_calls": terms.included_calls,
        "price_steps": "\n".join(
            f"{'above' if upper is None else upper} {from_micros(micros).normalize():f}"
            for upper, micros in terms.price_steps
        ),
        "unit_cost": from_micros(terms.unit_cost_micros_per_1000).normalize(),
        "markup": Decimal(terms.markup_basis_points) / 100,
    }
