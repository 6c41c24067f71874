"""Forms of the ledger, of claims and of what publishing took."""

from datetime import date
from typing import Any

from django import forms

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.ledger import quarters, rules, sizing
from marketplace.insights.models import ClaimKind, EffortKind, ReuseEvent


class DollarField(forms.DecimalField):
    """An amount of US dollars and cents."""

    def __init__(self, **kwargs: Any) -> None:
        limits: dict[str, Any] = {
            "min_value": 0,
            "max_value": rules.MOST,
            "max_digits": 12,
            "decimal_places": 2,
        }
        super().__init__(**limits | kwargs)


class DayField(forms.DateField):
    """A day, as browsers write it."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _prose(label: str, help_text: str, **more: Any) -> forms.CharField:
    return forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        label=label,
        help_text=help_text,
        **more,
    )


class DescribeForm(forms.Form):
    """What integrating took, and the plan that was given up."""

    integration = DollarField(
        required=False,
        label="What integrating took, USD",
        help_text="Hours at their rate, and what was bought. Empty: a fifth of what building would have cost is deducted.",
    )
    plan_reference = LineField(
        required=False,
        max_length=120,
        label="Plan that was given up",
        help_text="Its number: MO-2026-07.",
    )
    plan_amount = DollarField(required=False, label="What it would have cost, USD")
    plan_ended_on = DayField(required=False, label="Given up on")
    plan_text = _prose("What it was", "And where the decision is filed.", required=False)


class ConfirmForm(forms.Form):
    """What the team would have done without the model, and how large that is."""

    counterfactual = forms.ChoiceField(
        choices=Subscription.COUNTERFACTUALS, widget=forms.RadioSelect, label="Without the model"
    )
    licence_price = DollarField(
        required=False,
        label="Twelve months of what would be bought, USD",
        help_text="Only where the team would have bought.",
    )
    reason = _prose("Why you can say so", "Finance relies on it, and auditors read it.")

    def __init__(self, *args: Any, line: ReuseEvent, **kwargs: Any) -> None:
        initial = {
            "counterfactual": line.counterfactual,
            "licence_price": line.licence_price,
            **line.complexity,
        }
        super().__init__(*args, **{"initial": initial} | kwargs)
        for question in sizing.QUESTIONS:
            self.fields[question.name] = forms.ChoiceField(
                choices=question.choices, label=question.label
            )
        self.order_fields(["counterfactual", "licence_price", *sizing.POINTS, "reason"])

    def facts(self) -> dict[str, Any]:
        """What confirm_line takes."""
        data = self.cleaned_data
        return {
            "counterfactual": data["counterfactual"],
            "licence_price": data["licence_price"],
            "reason": data["reason"],
            "complexity": {name: data[name] for name in sizing.POINTS},
        }


class CounterfactualForm(forms.Form):
    """What the team would have done."""

    counterfactual = forms.ChoiceField(
        choices=Subscription.COUNTERFACTUALS, widget=forms.RadioSelect, label="Without the model"
    )


class ReasonForm(forms.Form):
    """Why."""

    reason = _prose("Why", "It goes to the record, and the team reads it.")


class QuarterField(forms.CharField):
    """A quarter as 2026-Q3: its first day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=7, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        first = quarters.parsed(text)
        if text and first is None:
            raise forms.ValidationError("Write a quarter as 2026-Q3.")
        return first


class ClaimForm(forms.Form):
    """Value beyond avoided cost."""

    team = forms.ModelChoiceField(queryset=Team.objects.none(), empty_label=None)
    model = forms.ModelChoiceField(
        queryset=RegisteredModel.objects.none(), to_field_name="slug", label="Model"
    )
    title = LineField(
        max_length=120,
        label="What it brings",
        help_text="As executives read it: More cards kept after retention calls.",
    )
    kind = forms.ChoiceField(choices=ClaimKind.choices, label="Kind")
    quarter = QuarterField(label="Quarter", help_text="As 2026-Q3.")
    gross = DollarField(min_value=1, label="Gross value of a year, USD")
    attribution_percent = forms.IntegerField(
        min_value=1,
        max_value=100,
        initial=rules.ATTRIBUTION_MOST,
        label="Owed to the model, percent",
        help_text=f"At most {rules.ATTRIBUTION_MOST}, unless you say why more.",
    )
    attribution_reason = _prose(
        "Why more than that", "Only for more than the usual part.", required=False
    )
    method = _prose("How it is worked out", "So that somebody else comes to the same amount.")
    evidence = _prose("What shows it", "Reports, accounts, experiments: where they are filed.")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]
        used = RegisteredModel.objects.visible_to(user).published().order_by("name")
        self.fields["model"].queryset = used  # type: ignore[attr-defined]


class DecideClaimForm(forms.Form):
    """Finance's answer to a claim."""

    answer = forms.ChoiceField(
        choices=[("validate", "Validate: count it from this quarter on"), ("reject", "Reject")],
        widget=forms.RadioSelect,
        label="Your answer",
    )
    is_independent = forms.BooleanField(
        required=False,
        label="What came earlier is no part of an avoided cost",
        help_text="Only then the weeks that were saved count beside an avoided cost of the same use.",
    )
    reason = _prose("Why", "It goes to the record, and auditors read it.")


class EffortForm(forms.Form):
    """What a model took its owners."""

    kind = forms.ChoiceField(choices=EffortKind.choices, widget=forms.RadioSelect, label="What")
    amount = forms.DecimalField(
        min_value=0, max_value=rules.MOST, max_digits=12, decimal_places=2, label="How much"
    )
    spent_on = DayField(label="On")
    note = LineField(
        max_length=200, label="Where it is booked", help_text="A number that finance finds again."
    )


def parsed_day(text: str) -> date | None:
    """ "2026-11-28" as a day; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
