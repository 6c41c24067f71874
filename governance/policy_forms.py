"""Forms of policies: one field for each parameter, and the decision about a proposal."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from governance import policy_parameters
from governance.policy_parameters import Parameter
from governance.rules import Text
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField


class PolicyForm(forms.Form):
    """Another text of a policy. cleaned_data is {"values": {parameter: value}, "effective_from", "reason"}.

    The other fields are `about_it`; pages show them below the tables.
    """

    effective_on = forms.DateField(
        label="In force from",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="From the beginning of this day. A proposal that is decided later begins a minute after it.",
    )
    reason = forms.CharField(
        label="Why",
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="At least 20 characters. Publishers and auditors read it.",
    )

    def __init__(
        self, *args: Any, kind: str, text: Text, is_preview: bool = False, **kwargs: Any
    ) -> None:
        """is_preview: nothing is proposed yet, so that no reason is needed."""
        super().__init__(*args, **kwargs)
        for name in ("reason", "effective_on"):
            self.fields[name].required = not is_preview
        self.text = policy_parameters.editable(kind, text)
        self.parameters = {
            name: parameter
            for name, parameter in policy_parameters.parameters(kind, self.text).items()
            if not parameter.is_fixed
        }
        for name, parameter in self.parameters.items():
            self.fields[name] = _field(parameter, self.text)
        tomorrow = timezone.localdate() + timedelta(days=1)
        self.fields["effective_on"].initial = tomorrow

    @property
    def about_it(self) -> list[forms.BoundField]:
        """The fields that are no parameters."""
        return [self["effective_on"], self["reason"]]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        day = given.get("effective_on")
        start = timezone.make_aware(datetime.combine(day, time.min)) if day else None
        if day and day < timezone.localdate():
            self.add_error("effective_on", "A change does not begin in the past.")
        return {
            "values": {name: given[name] for name in self.parameters if name in given},
            "effective_from": start,
            "reason": given.get("reason", ""),
        }


class PolicyDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[("approved", "Approve"), ("refused", "Refuse")],
    )
    reason = forms.CharField(
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="At least 20 characters. It stays on the record, and auditors read it.",
    )


def _field(parameter: Parameter, text: Text) -> forms.Field:
    value = parameter.read(text)
    about: dict[str, Any] = {"label": parameter.label, "initial": value}
    said = {"aria-label": parameter.label}
    if parameter.choices:
        choices = list(parameter.choices)
        if value not in dict(choices):
            choices.append((value, value))
        return forms.ChoiceField(
            choices=choices,
            required="" not in dict(choices),
            widget=forms.Select(attrs=said),
            **about,
        )
    if isinstance(value, int):
        return forms.IntegerField(
            min_value=parameter.low,
            max_value=parameter.high,
            widget=forms.NumberInput(attrs=said),
            **about,
        )
    return LineField(
        max_length=parameter.high,
        required=False,
        widget=forms.TextInput(attrs=said),
        **about,
    )
