"""Forms of acceptance tests: an example with the answer that it accepts, a reason, for how long updates are held."""

from collections.abc import Mapping
from typing import Any

from django import forms

from consumption.playground import rows
from consumption.playground.rows import Unpasteable
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField


class ExampleForm(forms.Form):
    """One case: its inputs as JSON, and which answer is accepted."""

    name = LineField(max_length=80, help_text="So that you know it again, e.g. Self-employed.")
    values = forms.CharField(
        label="Inputs",
        max_length=rows.MOST_PASTED,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
        help_text="One row as JSON, or as CSV with its header.",
    )
    output = forms.ChoiceField(label="Answer that counts")
    low = forms.FloatField(label="At least", required=False)
    high = forms.FloatField(label="At most", required=False)
    expected = LineField(
        label="Or exactly",
        max_length=200,
        required=False,
        help_text="For answers that are no numbers.",
    )

    def __init__(self, *args: Any, signature: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signature = signature
        names = [spec["name"] for spec in signature.get("outputs") or []]
        self.fields["output"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean_values(self) -> dict[str, str]:
        try:
            read = rows.of_paste(self.signature, self.cleaned_data["values"])
        except Unpasteable as error:
            raise forms.ValidationError(str(error)) from None
        return read[0]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "values" in data:
            data["row"] = data.pop("values")
        return data


class AcceptForm(forms.Form):
    reason = forms.CharField(
        label="Why this answer is right for you",
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class HoldForm(forms.Form):
    days = forms.IntegerField(min_value=1, max_value=90, initial=30)
