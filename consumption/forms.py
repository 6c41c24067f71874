"""Forms of consumption."""

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from catalog.models import ModelVersion, RegisteredModel
from consumption.changes.kinds import first_start
from consumption.keys.actions import OVERLAP
from consumption.models import Application, Plan
from consumption.plans import price_forms, terms
from consumption.plans.price_forms import PriceFields
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.forms import LineField


class ApplicationForm(forms.Form):
    team = forms.ModelChoiceField(queryset=None, empty_label=None)
    name = LineField(
        max_length=80, help_text="The system that will call the model, e.g. Mortgage origination."
    )
    environment = forms.ChoiceField(choices=Application.Environment)
    description = forms.CharField(
        required=False, max_length=PROSE, widget=forms.Textarea(attrs={"rows": 2})
    )
    cost_centre = LineField(required=False, max_length=20, help_text="Empty: the team's own.")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = user.teams()


class NumberChoice(forms.ModelChoiceField):
    """A version of one model, by its number."""

    def label_from_instance(self, version: ModelVersion) -> str:
        return version.number


class LatencyForm(forms.Form):
    """Which version is measured, how much a call carries, and how many calls a month would be."""

    version = NumberChoice(queryset=ModelVersion.objects.none(), empty_label=None)
    rows = forms.IntegerField(
        label="Rows in a call",
        min_value=1,
        max_value=20,
        initial=1,
        help_text="1 to 20, of the owner’s example.",
    )
    expected_calls = forms.IntegerField(
        label="Expected calls a month",
        min_value=1,
        max_value=10**12,
        required=False,
        help_text="For what they would cost.",
    )

    def __init__(self, *args: Any, versions: QuerySet[ModelVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]


class NetworksForm(forms.Form):
    """From where a key works: one network a line."""

    networks = forms.CharField(
        required=False,
        max_length=REASON,
        label="Only from these networks",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, e.g. 10.20.0.0/16 or 10.20.4.9. Calls from elsewhere are refused. Empty: from anywhere.",
    )

    def clean_networks(self):
        return self.cleaned_data["networks"].splitlines()


class KeyForm(NetworksForm):
    field_order = ["name", "days", "networks"]

    name = LineField(
        max_length=56, initial="Key", help_text="Where it will be used, e.g. production cluster."
    )
    days = forms.TypedChoiceField(
        label="Lives for",
        coerce=int,
        initial=90,
        choices=[(30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "365 days")],
    )

    def clean(self):
        data = super().clean()
        if "days" in data:
            data["life"] = timedelta(days=data.pop("days"))
        return data


class RotateForm(forms.Form):
    """How long the replaced key still works."""

    overlap = forms.TypedChoiceField(
        label="The old key works for",
        coerce=lambda hours: timedelta(hours=int(hours)),
        empty_value=OVERLAP,
        required=False,
        initial=int(OVERLAP.total_seconds() // 3600),
        choices=[
            (0, "no longer: it ends now"),
            (1, "1 hour more"),
            (24, "1 day more"),
            (72, "3 days more"),
            (168, "7 days more"),
        ],
        help_text="Both answer meanwhile. Deploy the new one, then see by “Last used” that nobody calls with the old one.",
    )


class LeakForm(forms.Form):
    """A key that was found where keys must not be."""

    text = forms.CharField(
        label="The key, or a text with keys in it",
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="It is not kept and goes into no log.",
    )
    found_at = LineField(
        label="Where you found it",
        max_length=200,
        required=False,
        help_text="For the key's team, e.g. the repository or the chat.",
    )

    def clean_text(self):
        return self.cleaned_data["text"].encode()


class DecideForm(forms.Form):
    decision = forms.ChoiceField(
        choices=[("approve", "Approve"), ("deny", "Deny")], widget=forms.RadioSelect
    )
    reason = forms.CharField(
        max_length=REASON, widget=forms.Textarea(attrs={"rows": 2}), help_text="The asker reads it."
    )


class AskAgainForm(forms.Form):
    purpose = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        min_length=10,
        max_length=REASON,
        help_text="Say what the answer did not take into account, or what has changed.",
    )


class EndForm(forms.Form):
    ends_on = forms.DateField(
        required=False,
        label="Last day of use",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Its keys stop with the end of that day (UTC). Empty: no last day.",
    )


class PlanForm(PriceFields, forms.ModelForm):
    """A plan's terms; prices are typed in currency and kept in micro-units."""

    class Meta:
        model = Plan
        fields = [
            "name",
            "rate_per_second",
            "burst",
            "concurrency",
            "monthly_quota",
            "is_always_on",
            "approval",
        ]
        labels = {
            "rate_per_second": "Calls a second",
            "burst": "Burst",
            "concurrency": "Calls at the same time",
        }

    field_order = ["name", *price_forms.NAMES]

    def clean(self):
        data = super().clean()
        given = self.price_terms()
        return {
            name: value for name, value in data.items() if name not in price_forms.NAMES
        } | given


class ChangeForm(forms.Form):
    """What every change that takes something from consumers says: why, and from when. `after()` is what it becomes."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        min_length=20,
        max_length=4000,
        label="Why",
        help_text="Consumers read it, in a sentence.",
    )
    effective_from = forms.DateTimeField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args, model, plan=None, version=None, subscription=None, **kwargs):
        super().__init__(*args, **kwargs)
        first = first_start()
        self.fields[
            "effective_from"
        ].help_text = f"Empty: {first:%-d %B %Y} (UTC), or later when it is confirmed later."
        self.fields["effective_from"].widget.attrs["min"] = f"{first:%Y-%m-%d}"

    def after(self):
        return {}


class TermsForm(ChangeForm, PriceFields):
    """New terms of a plan; what is there is the terms in force."""

    field_order = [*price_forms.NAMES, *terms.LIMITS]

    rate_per_second = forms.IntegerField(min_value=1, label="Calls a second")
    burst = forms.IntegerField(min_value=1, label="Burst")
    concurrency = forms.IntegerField(min_value=1, label="Calls at the same time")
    monthly_quota = forms.IntegerField(
        min_value=1, required=False, label="Calls a month", help_text="Empty: no limit."
    )

    def __init__(self, *args, plan, **kwargs):
        kwargs["initial"] = terms.values(plan) | price_forms.as_typed(plan)
        super().__init__(*args, plan=plan, **kwargs)
        self.fields["price"].help_text = f"{plan.currency}, of calls that are not included."

    def after(self):
        return {name: self.cleaned_data[name] for name in terms.LIMITS} | self.price_terms()


class VisibilityForm(ChangeForm):
    """Who may find a model and subscribe to it."""

    field_order = ["visibility", "units", "teams"]

    visibility = forms.ChoiceField(
        choices=RegisteredModel.Visibility, widget=forms.RadioSelect, label="Who may use it"
    )
    units = forms.ModelMultipleChoiceField(
        BusinessUnit.objects.current(),
        required=False,
        label="Business units",
        to_field_name="slug",
        help_text="For chosen business units.",
    )
    teams = forms.ModelMultipleChoiceField(
        Team.objects.all(),
        required=False,
        label="Teams",
        to_field_name="slug",
        help_text="For chosen teams; its own team always may.",
    )

    def __init__(self, *args, model, **kwargs):
        kwargs["initial"] = {
            "visibility": model.visibility,
            "units": model.visible_units.all(),
            "teams": model.visible_teams.all(),
        }
        super().__init__(*args, model=model, **kwargs)

    def after(self):
        data = self.cleaned_data
        return {
            "visibility": data["visibility"],
            "units": [unit.slug for unit in data["units"]],
            "teams": [team.slug for team in data["teams"]],
        }


class DecideChangeForm(forms.Form):
    decision = forms.ChoiceField(
        choices=[("confirm", "Confirm"), ("refuse", "Refuse")], widget=forms.RadioSelect
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        max_length=4000,
        help_text="Needed to refuse: the proposer acts on it.",
    )
