"""Forms of governance: a decision, the risk questionnaire, a suspension."""

from django import forms

from governance import tiering
from governance.models import Review
from marketplace.core.field_limits import REASON


class DecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[
            ("approved", "Approve"),
            ("changes_requested", "Request changes"),
            ("rejected", "Reject"),
        ],
    )
    reason = forms.CharField(
        max_length=REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="At least 20 characters. The publisher reads it, and it stays on the record.",
    )
    no_conflict = forms.BooleanField(
        label="I have no conflict of interest with this model or its team", required=False
    )

    def __init__(self, *args, review, **kwargs):
        super().__init__(*args, **kwargs)
        if review.kind != Review.Kind.FINAL:
            self.fields["outcome"].choices = self.fields["outcome"].choices[:2]


class AmendmentDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[("approved", "Approve"), ("refused", "Refuse")],
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=4000,
        help_text="At least 20 characters. The publisher reads it, and it stays on the record.",
    )
    no_conflict = forms.BooleanField(
        label="I have no conflict of interest with this model or its team", required=False
    )


class QuestionnaireForm(forms.Form):
    """The risk questions as radio buttons, from the policy's text. cleaned_data is {"answers": {id: answer}}."""

    def __init__(self, *args, answers=None, **kwargs):
        super().__init__(*args, initial=answers or {}, **kwargs)
        for question in tiering.QUESTIONS:
            self.fields[question.id] = forms.ChoiceField(
                label=question.label,
                help_text=question.help,
                widget=forms.RadioSelect,
                choices=[(option.id, _described(option)) for option in question.options],
            )
        self.fields["prohibited"] = forms.MultipleChoiceField(
            label="Does it do any of these?",
            required=False,
            choices=[(option.id, option.label) for option in tiering.PROHIBITED],
            widget=forms.CheckboxSelectMultiple,
            help_text="Tick what applies. Any tick ends the journey.",
        )

    def clean(self):
        return {"answers": dict(super().clean())}


def _described(option):
    return f"{option.label} (e.g. {option.example})" if option.example else option.label


class RenewalForm(forms.Form):
    reason = forms.CharField(
        label="What you looked at, and why it is still fit for use",
        widget=forms.Textarea(attrs={"rows": 4}),
        min_length=20,
        max_length=REASON,
        help_text="Performance, fairness, incidents, who uses it. At least 20 characters; it stays on the record.",
    )
    no_conflict = forms.BooleanField(
        label="I have no conflict of interest with this model or its team", required=False
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        min_length=20,
        max_length=REASON,
        help_text="A sentence that the publishing team and the consumers read.",
    )
