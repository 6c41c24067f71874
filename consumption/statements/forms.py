"""Forms of finance and of disputes."""

from typing import Any

from django import forms

from consumption.models import SharedCost
from marketplace.accounts.models import BusinessUnit
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField


class MonthField(forms.DateField):
    """A month as browsers write it, 2026-11: its first day."""

    widget = forms.DateInput(attrs={"type": "month"}, format="%Y-%m")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m"], **kwargs)


class DisputeForm(forms.Form):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        label="What is wrong",
        help_text="Finance reads it and answers.",
    )


class AnswerForm(forms.Form):
    answer = forms.ChoiceField(
        choices=[("accept", "Accept, and give back"), ("reject", "Reject")],
        widget=forms.RadioSelect,
    )
    credit = forms.DecimalField(
        required=False,
        max_digits=20,
        decimal_places=4,
        label="Given back",
        help_text="Empty: the whole line. It is on the statement of the first open month.",
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="The team reads it.",
    )


class ChargingForm(forms.Form):
    """Whether a unit is charged, from a month on."""

    unit = forms.ModelChoiceField(
        BusinessUnit.objects.all(), to_field_name="slug", empty_label=None, label="Business unit"
    )
    is_charged = forms.ChoiceField(
        choices=[("yes", "Charged back"), ("no", "Shown, not charged")],
        widget=forms.RadioSelect,
        label="From then on",
    )
    from_month = MonthField(label="From")

    def clean_is_charged(self) -> bool:
        return bool(self.cleaned_data["is_charged"] == "yes")


class SharedCostForm(forms.Form):
    """A cost of the platform that units share."""

    name = LineField(max_length=80, help_text="As units read it: Platform, run cost.")
    amount = forms.DecimalField(
        min_value=0, max_digits=16, decimal_places=2, label="Amount a month, USD"
    )
    method = forms.ChoiceField(choices=SharedCost.Method, label="Split")
    shares = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Fixed shares",
        help_text="For fixed shares, one unit a line: mortgage 40.",
    )
    from_month = MonthField(label="From")

    def clean_shares(self) -> dict[str, str]:
        shares = {}
        for line in self.cleaned_data["shares"].splitlines():
            unit, _, percent = line.strip().rpartition(" ")
            if line.strip():
                shares[unit.strip()] = percent
        try:
            for percent in shares.values():
                forms.DecimalField(min_value=0, max_value=100).clean(percent)
        except forms.ValidationError:
            raise forms.ValidationError("One unit and its percent a line: mortgage 40.") from None
        return shares


class MonthForm(forms.Form):
    """The month from which something does not hold any more."""

    until_month = MonthField(label="First month without it")
