"""What is typed at the desk, and by publishers about their models."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.insights.curation.actions import KEPT, LONGEST
from marketplace.insights.models import CurationItem


class Day(forms.DateInput):
    """A date as browsers' own date fields take it."""

    def __init__(self) -> None:
        super().__init__(attrs={"type": "date"}, format="%Y-%m-%d")


def _reason(label: str, help_text: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=REASON,
        required=required,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DismissForm(forms.Form):
    reason = _reason("Why nothing is to be done", "At least 20 characters. It stays beside it.")
    look_again_on = forms.DateField(
        label="Look again on",
        help_text="If it is still so on that day, it returns.",
        widget=Day(),
        initial=lambda: timezone.localdate() + KEPT,
    )


class StrategicForm(forms.Form):
    reason = _reason("Why it is kept", "At least 20 characters. The publisher reads it.")
    until = forms.DateField(
        label="Until",
        help_text="At most a year; then it counts as unused again.",
        widget=Day(),
        initial=lambda: timezone.localdate() + timedelta(days=LONGEST),
    )


class AskForm(forms.Form):
    question = _reason(
        "What you ask", "The evidence is sent with it. They have 14 days.", required=False
    )


class AssignForm(forms.Form):
    to = forms.ModelChoiceField(User.objects.none(), label="To")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = User.objects.holding("curator")  # type: ignore[attr-defined]


class NothingForm(forms.Form):
    """An act that needs no words."""


class AnswerForm(forms.Form):
    """What the publisher says becomes of the model."""

    answer = forms.ChoiceField(
        choices=CurationItem.Answer.choices, widget=forms.RadioSelect, label="What becomes of it"
    )
    reason = _reason("Why", "At least 20 characters. Marketplace managers decide by it.")
    promised_on = forms.DateField(
        required=False,
        label="Mended by",
        help_text="Only when you mend it.",
        widget=Day(),
    )
