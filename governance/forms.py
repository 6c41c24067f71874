"""Forms of governance: a decision, the risk questionnaire, a suspension."""

from dataclasses import dataclass

from django import forms

from catalog.models import RegisteredModel
from governance import checklists, policies, tiering
from governance.models import COMMENT, LARGEST_FIGURE, BenchmarkDataset, Evaluation, Review
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField


@dataclass(frozen=True)
class PointFields:
    """A point of a checklist with its two fields."""

    point: checklists.Point
    answer: forms.BoundField
    note: forms.BoundField


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
        self._ask_for_a_condition(review.version)
        self.checklist = policies.checklist_of(review)
        for point in self.checklist:
            self.fields[f"checklist.{point.id}"] = forms.ChoiceField(
                label=point.asks,
                required=False,
                widget=forms.RadioSelect,
                choices=[("yes", "Yes"), ("no", "No"), ("not_applicable", "Not applicable")],
            )
            self.fields[f"checklist.{point.id}.note"] = forms.CharField(
                label=f"Why: {point.asks}", required=False, max_length=checklists.NOTE_MAX
            )

    def points(self):
        """[PointFields] in the order of the checklist."""
        return [
            PointFields(point, self[f"checklist.{point.id}"], self[f"checklist.{point.id}.note"])
            for point in self.checklist
        ]

    def has_condition(self):
        """Was anything typed about a condition, or is something about it wrong?"""
        return any(field.errors or field.data for field in self.condition())

    def condition(self):
        """The fields of a condition of an approval."""
        return [self[f"conditions.0.{name}"] for name in ("text", "owner", "due_on")]

    def clean(self):
        data = super().clean()
        given = {
            point.id: {
                "answer": data.pop(f"checklist.{point.id}", ""),
                "note": data.pop(f"checklist.{point.id}.note", ""),
            }
            for point in self.checklist
        }
        return data | {"checklist": given, "conditions": self._conditions(data)}

    def _ask_for_a_condition(self, version):
        self.fields["conditions.0.text"] = forms.CharField(
            label="What is to be done",
            required=False,
            max_length=REASON,
            widget=forms.Textarea(attrs={"rows": 2}),
        )
        self.fields["conditions.0.owner"] = forms.ModelChoiceField(
            label="By whom",
            required=False,
            queryset=User.objects.on_teams([version.model.owner_team]).order_by("username"),
        )
        self.fields["conditions.0.due_on"] = forms.DateField(
            label="By when", required=False, widget=forms.DateInput(attrs={"type": "date"})
        )

    def _conditions(self, data):
        """The condition that was typed, [] when nothing was; half of one is marked where the rest is missing."""
        row = {name: data.pop(f"conditions.0.{name}", None) for name in ("text", "owner", "due_on")}
        missing = [name for name, value in row.items() if not value]
        if len(missing) == len(row):
            return []
        for name in missing:
            if f"conditions.0.{name}" not in self.errors:
                self.add_error(f"conditions.0.{name}", "A condition needs this too.")
        return [row]


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


class ExtensionForm(RenewalForm):
    """Put an announced suspension off."""

    reason = forms.CharField(
        label="Why it may answer longer without a review, and what is done meanwhile",
        widget=forms.Textarea(attrs={"rows": 4}),
        min_length=20,
        max_length=REASON,
        help_text="At least 20 characters; it stays on the record.",
    )
    until = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}))
    field_order = ["reason", "until", "no_conflict"]


class ThreadForm(forms.Form):
    anchor = forms.ChoiceField(label="About")
    text = forms.CharField(
        label="What you want to say or ask",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=COMMENT,
    )

    def __init__(self, *args, anchors, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["anchor"].choices = list(anchors.items())


class ReplyForm(forms.Form):
    text = forms.CharField(
        label="Answer", max_length=COMMENT, widget=forms.Textarea(attrs={"rows": 2})
    )


class HandOverForm(forms.Form):
    to = forms.ModelChoiceField(
        label="To whom",
        queryset=User.objects.none(),
        help_text="Those who may decide this review and are not away, the fewest open reviews first.",
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="At least 20 characters. The next reviewer reads it.",
    )

    def __init__(self, *args, candidates, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = User.objects.filter(pk__in=[user.pk for user in candidates])


class AbsenceForm(forms.Form):
    starts_on = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))


class FulfilForm(forms.Form):
    evidence = forms.CharField(
        label="What was done, and where it is seen",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=REASON,
        help_text="At least 20 characters. A reviewer of the kind that set the condition confirms it.",
    )


class ConfirmForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Is the condition met?",
        widget=forms.RadioSelect,
        choices=[("confirm", "Yes, it is met"), ("send_back", "Not yet")],
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="At least 20 characters. The owner team reads it, and it stays on the record.",
    )


class CorrectionForm(forms.Form):
    reason = forms.CharField(
        label="Why it is a correction and no change of behaviour",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=REASON,
        help_text="What was wrong before, and how you know. At least 20 characters; reviewers read it beside the figures.",
    )


class WaiverForm(forms.Form):
    reason = forms.CharField(
        label="Why the version should go on although this check blocks",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=REASON,
        help_text="At least 20 characters. It stays on the record.",
    )
    instead = forms.CharField(
        label="What is done instead",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="What keeps people safe until the check passes. At least 20 characters.",
    )
    ends_on = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="At most 90 days from now. After it the check blocks again.",
    )


class JustificationForm(WaiverForm):
    """Why a failed fairness check does not stand against the use."""

    alternatives = forms.CharField(
        label="Which less unequal alternatives were tried, and why they do not serve",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="At least 20 characters.",
    )
    field_order = ["reason", "alternatives", "instead", "ends_on"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "Why the use is necessary although the groups differ"


class WaiverDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Decision",
        widget=forms.RadioSelect,
        choices=[("granted", "Grant"), ("refused", "Refuse")],
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REASON,
        help_text="At least 20 characters. The owner team reads it, and it stays on the record.",
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


class EvaluationForm(forms.ModelForm):
    """One figure that a team measured itself."""

    suite = LineField(label="Evaluation", max_length=80, help_text="For example: hold-out 2025 Q4")
    metric = LineField(max_length=60, help_text="For example: roc_auc")
    slice = LineField(
        label="Slice or group", max_length=120, required=False, help_text="Empty: all rows"
    )
    data = LineField(label="Data set", max_length=200, help_text="Which rows, from which period")
    data_sha256 = LineField(label="SHA-256 of the data", max_length=64, required=False)
    environment = LineField(max_length=200, required=False, help_text="For example: Python 3.11")

    class Meta:
        model = Evaluation
        fields = [
            "suite",
            "metric",
            "value",
            "low",
            "high",
            "n",
            "slice",
            "threshold",
            "baseline",
            "data",
            "data_sha256",
            "environment",
        ]
        labels = {
            "low": "Lower end",
            "high": "Upper end",
            "n": "Rows",
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("value", "low", "high", "threshold", "baseline"):
            self.fields[name].widget.attrs |= {"min": -LARGEST_FIGURE, "max": LARGEST_FIGURE}

    def _post_clean(self):
        """The verb judges the row: it needs the version, which the form does not know."""


class BenchmarkForm(forms.ModelForm):
    """Benchmark data as CSV, and what its columns mean."""

    file = forms.FileField(label="CSV file", help_text="UTF-8, names in the first line, 10 MiB.")
    groups = LineField(
        label="Columns of groups",
        required=False,
        max_length=900,
        help_text="Separated by commas. For example: sex, age_band",
    )

    model = forms.ModelChoiceField(
        RegisteredModel.objects.all(),
        to_field_name="slug",
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 60}),
        label="One model only",
        help_text="Its name in addresses. Empty: all models of the capability.",
        error_messages={"invalid_choice": "There is no model of this name in addresses."},
    )

    class Meta:
        model = BenchmarkDataset
        fields = [
            "name",
            "capability",
            "model",
            "task",
            "label",
            "positive",
            "positive_is_favourable",
            "cutoff",
            "floor",
            "output",
            "may_leave",
        ]
        labels = {
            "label": "Column with the truth",
            "positive": "Which value of it the score is about",
            "positive_is_favourable": "That answer is good for the person",
            "cutoff": "Cut-off",
            "floor": "What the first metric must reach",
            "output": "Output that is measured",
        }
        help_texts = {
            "label": "",
            "positive": "Of yes or no only.",
            "positive_is_favourable": "",
            "cutoff": "Scores from here on count as that answer.",
            "floor": "Empty: better than a naive model suffices. Where less than 5 % of the rows are positive, the first metric is PR AUC.",
            "output": "Empty: the version's first.",
            "may_leave": "Only where nobody is told anything by them. Labels and groups are never sent.",
        }

    def clean_groups(self):
        return [name.strip() for name in self.cleaned_data["groups"].split(",") if name.strip()]

    def _post_clean(self):
        """The verb judges the row: it needs the columns, which the form does not know."""
