"""Forms of moves: when, and how new versions are followed from then on; a plan, and what for."""

from typing import Any

from django import forms

from consumption.models import Subscription
from marketplace.core.field_limits import REASON

NOW, AT = "now", "at"


class WhenForm(forms.Form):
    """Now, or at a time in UTC."""

    when = forms.ChoiceField(
        choices=[(NOW, "Now"), (AT, "At a time")],
        initial=NOW,
        required=False,
        widget=forms.RadioSelect,
    )
    at = forms.DateTimeField(
        label="Date and time, UTC",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("when") == AT and not data.get("at") and "at" not in self.errors:
            self.add_error("at", "Choose a date and a time.")
        if data.pop("when", NOW) != AT:
            data["at"] = None
        return data


class MoveForm(WhenForm):
    """To another version."""

    version_policy = forms.ChoiceField(
        label="New versions after that", choices=Subscription.Policy, widget=forms.RadioSelect
    )


class PlanMoveForm(WhenForm):
    """To another plan. The reason is needed where the owner approves who gets it."""

    reason = forms.CharField(
        label="What you need it for",
        required=False,
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The owner reads it and answers.",
    )

    def __init__(self, *args: Any, needs_approval: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not needs_approval:
            del self.fields["reason"]
        else:
            self.fields["reason"].required = True
