"""What a curator decides about two models for one purpose."""

from typing import Any

from django import forms

from catalog.models import RegisteredModel
from governance.models import SamePurposeCase
from governance.models.same_purpose import DECISIONS
from marketplace.core.field_limits import REASON


class CaseForm(forms.Form):
    """`case` names the two models that may be recommended."""

    state = forms.ChoiceField(
        choices=[(state, state.label) for state in DECISIONS],
        widget=forms.RadioSelect,
        label="What becomes of them",
    )
    primary = forms.ModelChoiceField(
        RegisteredModel.objects.none(),
        required=False,
        empty_label="None",
        label="Which one is recommended",
    )
    rationale = forms.CharField(
        max_length=REASON,
        label="Why",
        help_text="At least 20 characters. Both teams, and all who see both models, read it.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    review_on = forms.DateField(
        required=False,
        label="Look again on",
        help_text="Empty: in 180 days.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, case: SamePurposeCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        both = RegisteredModel.objects.filter(pk__in=[case.first_id, case.second_id])
        self.fields["primary"].queryset = both  # type: ignore[attr-defined]
