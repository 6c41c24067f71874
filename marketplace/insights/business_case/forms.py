"""Forms of the business case: each assumption as low, likely and high."""

from collections.abc import Mapping
from typing import Any

from django import forms

from marketplace.core.forms import LineField
from marketplace.insights.business_case import calculator
from marketplace.insights.business_case.calculator import Assumption, Triple
from marketplace.insights.models import BusinessCase

ENDS = ("low", "likely", "high")


class CaseForm(forms.Form):
    """The assumptions; `name` and `shared` when they are saved."""

    def __init__(self, *args: Any, assumed: Mapping[str, Triple], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for assumption in calculator.ASSUMPTIONS:
            for end in ENDS:
                field = forms.FloatField(
                    min_value=assumption.least,
                    max_value=assumption.most,
                    label=f"{assumption.label}, {end}",
                    initial=_plain(getattr(assumed[assumption.name], end)),
                )
                field.widget.attrs |= {"step": "any", "inputmode": "decimal"}
                self.fields[f"{assumption.name}_{end}"] = field

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            for name, sentence in calculator.problems(self.assumed).items():
                self.add_error(f"{name}_likely", sentence)
        return data

    @property
    def assumed(self) -> dict[str, Triple]:
        """What was typed."""
        data = self.cleaned_data
        return {
            name: Triple(*(float(data[f"{name}_{end}"]) for end in ENDS))
            for name in calculator.BY_NAME
        }

    @property
    def rows(self) -> list[tuple[Assumption, list[forms.BoundField]]]:
        """Each assumption with its three fields."""
        return [
            (one, [self[f"{one.name}_{end}"] for end in ENDS]) for one in calculator.ASSUMPTIONS
        ]


class SaveForm(forms.Form):
    """The name of a scenario, and who sees it."""

    name = LineField(max_length=80, label="Name of the scenario")
    shared = forms.ChoiceField(choices=BusinessCase.Shared.choices, label="Seen by")


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
