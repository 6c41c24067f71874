"""What is typed to name a successor, and to agree to one."""

from typing import Any

from django import forms

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField
from marketplace.insights.models import Succession


class SuccessionForm(forms.Form):
    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True, is_system=False),
        to_field_name="username",
        widget=forms.TextInput,
        label="New owner",
        help_text="The name with which they sign in",
    )
    team = forms.ModelChoiceField(Team.objects.all(), label="Team that keeps the model")
    support_contact = LineField(
        max_length=120, label="Support contact", help_text="Whom consumers ask from then on"
    )
    reason = forms.CharField(
        max_length=REASON,
        label="Why",
        help_text="At least 20 characters. The second person reads it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {
            **self.initial,
            "team": model.owner_team_id,
            "support_contact": model.support_contact,
        }


class SuccessionDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[
            (Succession.State.AGREED.value, "Agree"),
            (Succession.State.REFUSED.value, "Refuse"),
        ],
    )
    reason = forms.CharField(
        max_length=REASON,
        label="Why",
        help_text="At least 20 characters. Both teams read it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
