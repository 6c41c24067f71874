"""The steps of a request for access (docs/access.md, "Getting in"): each is a form, and together they are what the verb takes."""

from typing import Any

from django import forms

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Application, DataClass, Plan, Subscription
from consumption.plans import pricing
from consumption.subscribing import open_versions, use_risk
from governance import tiering
from marketplace.accounts.models import Team, User
from marketplace.core.field_limits import REASON
from marketplace.core.forms import LineField

OFFERED_VERSIONS = 20


class PlanChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A plan with its terms, so that one can choose without looking elsewhere."""

    def label_from_instance(self, plan: Plan) -> str:
        quota = (
            f"{plan.monthly_quota:,} calls a month" if plan.monthly_quota else "no monthly quota"
        )
        price = pricing.in_words(plan, plan.currency)
        return f"{plan.name}: {plan.rate_per_second} calls a second, {quota}, {price}; {plan.get_approval_display().lower()}"


class Step(forms.Form):
    """One step, for a person and a model."""

    def __init__(self, *args: Any, user: User, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.model = user, model
        self.prepare()

    def prepare(self) -> None:
        """Fill the choices that depend on the person and the model."""


class PlanStep(Step):
    plan = PlanChoice(queryset=Plan.objects.none(), widget=forms.RadioSelect, empty_label=None)

    def prepare(self) -> None:
        offered = Plan.objects.filter(model=self.model, is_offered=True)
        self.fields["plan"].queryset = offered  # type: ignore[attr-defined]
        self.fields["plan"].initial = offered.values_list("pk", flat=True).first()


class ApplicationStep(Step):
    """The system that will call the model; a new one may be named in the same step."""

    application = forms.ModelChoiceField(
        queryset=Application.objects.none(),
        required=False,
        empty_label="A new one, named below",
        help_text="The system that will call the model.",
    )
    new_application = LineField(
        max_length=Application.NAME_MAX,
        required=False,
        label="New application",
        help_text="Only when none of the above is it, e.g. Mortgage origination.",
    )
    team = forms.ModelChoiceField(
        queryset=Team.objects.none(),
        required=False,
        empty_label=None,
        label="Its team",
        help_text="It pays.",
    )
    environment = forms.ChoiceField(choices=Application.Environment, required=False)
    cost_centre = LineField(required=False, max_length=20, help_text="Empty: the team's own.")

    def prepare(self) -> None:
        teams = self.user.teams()
        own = Application.objects.filter(team__in=teams).order_by("name")
        self.fields["application"].queryset = own  # type: ignore[attr-defined]
        has_it = Subscription.objects.open().filter(model=self.model)
        free = own.exclude(pk__in=has_it.values("application"))
        self.fields["application"].initial = free.values_list("pk", flat=True).first()
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        application, name = data.get("application"), data.get("new_application")
        if not application and not name and not self.errors:
            self.add_error("application", "Choose an application, or name a new one.")
        if name and not application and not data.get("team"):
            self.add_error("team", "Say which team the new application belongs to.")
        taken = application and Subscription.objects.open().filter(
            application=application, model=self.model
        )
        if taken and (held := taken.first()):
            self.add_error(
                "application",
                f"{application} has a subscription to {self.model} already: {held.get_state_display().lower()}.",
            )
        return data


class UseStep(Step):
    """What for, with which data, how much, how long, and what depends on it."""

    purpose = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        min_length=10,
        max_length=REASON,
        help_text="What decision or process will use the answers? The owner reads this.",
    )
    data_class = forms.ChoiceField(
        choices=[("", "Choose one"), *DataClass.choices],
        label="Most sensitive data you send",
    )
    expected_calls_a_month = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**53,
        label="Expected calls a month",
        help_text="For the cost, and for the owner’s capacity.",
    )
    ends_on = forms.DateField(
        required=False,
        label="Last day of use",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: not known. Your team confirms the use once a year either way.",
    )
    counterfactual = forms.ChoiceField(
        required=False,
        label="Without this model",
        choices=[("", "Not said"), *Subscription.COUNTERFACTUALS],
        help_text="Tells the company what reuse saves.",
    )

    def prepare(self) -> None:
        for name in use_risk.ASKED:
            question = tiering.QUESTIONS_BY_ID[name]
            options = [
                (one.id, f"{one.label} (e.g. {one.example})" if one.example else one.label)
                for one in question.options
            ]
            self.fields[name] = forms.ChoiceField(
                label=question.label,
                choices=[("", "Choose one"), *options],
                help_text=question.help,
            )
        self.order_fields(["purpose", "data_class", *use_risk.ASKED])


class VersionChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, version: ModelVersion) -> str:
        return version.number


class VersionStep(Step):
    """Where to start, and how new versions come."""

    version = VersionChoice(
        queryset=ModelVersion.objects.none(), empty_label=None, label="Start on version"
    )
    version_policy = forms.ChoiceField(
        choices=Subscription.Policy, widget=forms.RadioSelect, label="New versions"
    )

    def prepare(self) -> None:
        published = (
            ModelVersion.objects.visible_to(self.user)
            .filter(model=self.model, state=ModelVersion.State.PUBLISHED, suspended_at=None)
            .newest_first()
        )
        shown = list(published.values_list("pk", flat=True)[:OFFERED_VERSIONS])
        start = self.model.stable or published.first()
        field: Any = self.fields["version"]
        field.queryset = ModelVersion.objects.filter(pk__in=shown).newest_first()
        field.initial = start.pk if start else None
        self.fields["version_policy"].initial = (
            Subscription.Policy.AUTO_PATCH
            if self.model.risk_tier == "high"
            else Subscription.Policy.AUTO_MINOR
        )

    def clean_version(self) -> ModelVersion:
        version: ModelVersion = self.cleaned_data["version"]
        if closed := open_versions.closed(version):
            raise forms.ValidationError(
                f"{version} takes no new subscriptions: {closed.because}. {closed.remedy}"
            )
        return version


class TermsStep(Step):
    """Yes to the terms; a key with it where nobody has to approve."""

    accepted = forms.BooleanField(
        label="We use it as described here, within its intended use, and on these terms."
    )
    key_now = forms.BooleanField(required=False, initial=True, label="Make a key at once")
