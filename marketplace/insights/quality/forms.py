"""The checklist of a quality review with room for findings, and what is said about a finding."""

from collections.abc import Iterator
from typing import Any

from django import forms

from marketplace.core.field_limits import REASON
from marketplace.insights.models import QualityFinding
from marketplace.insights.quality.actions import Found
from marketplace.insights.quality.checklist import ANSWERS, POINTS

ROWS = 3  # findings that the page has room for; the API takes more


class ReviewForm(forms.Form):
    """answer_<point>, note_<point>; severity_<n>, text_<n>, due_on_<n>; note."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for point in POINTS:
            self.fields[f"answer_{point.id}"] = forms.ChoiceField(
                choices=ANSWERS,
                widget=forms.RadioSelect,
                label=point.asks,
                help_text=f"{point.how} About {point.minutes} minutes.",
            )
            self.fields[f"note_{point.id}"] = forms.CharField(
                max_length=REASON, required=False, label="Note"
            )
        for place in range(ROWS):
            self._add_finding(place)
        self.fields["note"] = forms.CharField(
            max_length=REASON,
            required=False,
            label="In short",
            widget=forms.Textarea(attrs={"rows": 2}),
        )

    def _add_finding(self, place: int) -> None:
        number = place + 1
        self.fields[f"text_{place}"] = forms.CharField(
            max_length=REASON,
            required=False,
            label=f"Finding {number}",
            widget=forms.Textarea(attrs={"rows": 2}),
        )
        self.fields[f"severity_{place}"] = forms.ChoiceField(
            choices=QualityFinding.Severity.choices,
            required=False,
            label=f"Severity of finding {number}",
        )
        self.fields[f"due_on_{place}"] = forms.DateField(
            required=False,
            label=f"Finding {number} is mended by",
            widget=forms.DateInput(attrs={"type": "date"}),
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for place in range(ROWS):
            if given.get(f"text_{place}") and not given.get(f"due_on_{place}"):
                self.add_error(f"due_on_{place}", "Say by when it is mended.")
        return given

    def arguments(self) -> dict[str, Any]:
        """What the verb takes."""
        given = self.cleaned_data
        return {
            "answers": {
                point.id: {
                    "answer": given[f"answer_{point.id}"],
                    "note": given[f"note_{point.id}"],
                }
                for point in POINTS
            },
            "findings": list(self._found()),
            "note": given["note"],
        }

    def _found(self) -> Iterator[Found]:
        for place in range(ROWS):
            if text := self.cleaned_data[f"text_{place}"]:
                yield Found(
                    self.cleaned_data[f"severity_{place}"] or QualityFinding.Severity.MINOR,
                    text,
                    self.cleaned_data[f"due_on_{place}"],
                )

    def checklist(self) -> Iterator[Any]:
        """The bound fields of the points, then those of the findings and the note."""
        yield from (self[name] for name in self.fields)


class MendedForm(forms.Form):
    text = forms.CharField(
        max_length=REASON,
        label="What was done",
        help_text="At least 20 characters. A reviewer confirms it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
