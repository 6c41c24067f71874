"""The form that makes a token."""

from datetime import timedelta
from typing import Any

from django import forms

from marketplace.accounts.models import Team, User
from marketplace.core.forms import LineField
from marketplace.tokens.models import Scope


class TokenForm(forms.Form):
    """A token's name, reach, scopes and life."""

    name = LineField(max_length=60, help_text="What will use it, e.g. nightly retraining.")
    team: "forms.ModelChoiceField[Team]" = forms.ModelChoiceField(
        queryset=None,
        required=False,
        empty_label="All my teams",
        label="For",
        help_text="A token for one team is seen by the team, which can end it.",
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.PUBLISH],
        help_text="Each also reads. Publishing includes evaluations. None decides reviews.",
    )
    days = forms.TypedChoiceField(
        label="Lives for",
        coerce=int,
        initial=90,
        choices=[(30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "365 days")],
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "days" in data:
            data["life"] = timedelta(days=data.pop("days"))
        return data
