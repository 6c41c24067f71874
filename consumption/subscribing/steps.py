"""A request for access as its page goes through it: which step is next, and what all steps together say."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import transaction
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from consumption.keys.actions import create_key
from consumption.models import Plan, RequestDraft, Subscription
from consumption.plans import terms
from consumption.subscribing import drafts, use_risk
from consumption.subscribing.actions.access import create_application, subscribe
from consumption.subscribing.forms import (
    ApplicationStep,
    PlanStep,
    Step,
    TermsStep,
    UseStep,
    VersionStep,
)
from governance import policies
from governance.tiering import Assessment
from marketplace.accounts.models import User
from marketplace.core.errors import RuleError

FORMS: dict[str, tuple[str, type[Step]]] = {
    "plan": ("Plan", PlanStep),
    "application": ("Application", ApplicationStep),
    "use": ("Use", UseStep),
    "versions": ("Versions", VersionStep),
    "terms": ("Cost and terms", TermsStep),
}
NAMES = tuple(FORMS)
LAST = NAMES[-1]


@dataclass(frozen=True)
class StepMark:
    """For components/stepper.html."""

    label: str
    url: str
    state: str
    hint: str = ""


@dataclass(frozen=True)
class PlanCost:
    """What the expected calls of a month cost on one plan; fits: its quota holds them."""

    plan: Plan
    amount: Decimal
    fits: bool
    is_chosen: bool


@dataclass
class AccessRequest:
    """The draft of one person for one model, with its forms filled in. Each form is validated at most once."""

    user: User
    model: RegisteredModel
    draft: RequestDraft
    given: Mapping[str, str]

    @cached_property
    def forms(self) -> dict[str, Step]:
        """The steps that were sent once, bound to what was typed."""
        return {
            name: FORMS[name][1](typed, user=self.user, model=self.model)
            for name, typed in self.draft.typed.items()
            if name in FORMS
        }

    def fresh(self, name: str) -> Step:
        """The form of a step as it is shown: with what was typed; else with what the address names (plan, version)."""
        typed = self.draft.typed.get(name)
        initial = typed if typed is not None else self._named(name)
        return FORMS[name][1](initial=initial, user=self.user, model=self.model)

    def is_done(self, name: str) -> bool:
        return name in self.forms and self.forms[name].is_valid()

    @property
    def next(self) -> str:
        """The first step that is not done."""
        return next((name for name in NAMES[:-1] if not self.is_done(name)), LAST)

    def marks(self, current: str) -> list[StepMark]:
        """Steps that were sent, and the next one, are links."""
        marks = []
        for name, (label, _) in FORMS.items():
            is_done = name != LAST and self.is_done(name)
            state = "current" if name == current else "done" if is_done else "todo"
            if name != current and name in self.forms and not is_done and name != LAST:
                state = "attention"
            is_open = is_done or name in (current, self.next) or name in self.forms
            marks.append(StepMark(label, self.url(name) if is_open else "", state))
        return marks

    def url(self, step: str) -> str:
        return f"{reverse('consumption:subscribe', args=[self.model.slug])}?step={step}"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the steps that are done say, by field."""
        facts: dict[str, Any] = {}
        for name in NAMES[:-1]:
            if self.is_done(name):
                facts |= self.forms[name].cleaned_data
        return facts

    @property
    def version(self) -> ModelVersion | None:
        version: ModelVersion | None = self.facts.get("version")
        return version

    @property
    def plan(self) -> Plan | None:
        plan: Plan | None = self.facts.get("plan")
        return plan

    @property
    def use(self) -> dict[str, str]:
        return {name: self.facts[name] for name in use_risk.ASKED if self.facts.get(name)}

    @cached_property
    def above(self) -> Assessment | None:
        """Why governance decides on this use; None where it does not."""
        version = self.version
        if version is None:
            return None
        assessed = use_risk.assess(version, self.use, self.facts.get("data_class", ""))
        return assessed[1] if assessed and use_risk.is_above(assessed[1].tier, version) else None

    @property
    def is_at_once(self) -> bool:
        return (
            self.plan is not None
            and self.plan.approval == Plan.Approval.AUTOMATIC
            and self.above is None
        )

    @cached_property
    def costs(self) -> list[PlanCost]:
        """Of all plans on offer; [] without an expected volume."""
        calls = self.facts.get("expected_calls_a_month")
        if not calls:
            return []
        return [
            PlanCost(
                plan,
                plan.cost_of(calls),
                plan.monthly_quota is None or calls <= plan.monthly_quota,
                plan == self.plan,
            )
            for plan in self.model.plans.filter(is_offered=True)
        ]

    @cached_property
    def upcoming(self) -> list[terms.Step]:
        """Terms of the chosen plan that are announced."""
        if self.plan is None:
            return []
        begun = self.plan.terms.due().first()
        return [
            step
            for step in terms.history(self.plan)
            if begun and step.terms.effective_from > begun.effective_from
        ]

    @property
    def notice_days(self) -> int:
        """How long before its end the end of a version is announced at least."""
        return policies.in_force().days("notice_days", self.model.risk_tier or "low")

    @transaction.atomic
    def send(self, key_now: bool) -> tuple[Subscription, tuple[Any, str] | None]:
        """The verb: enter a new application, subscribe, and make a key where nobody has to approve.

        Returns the Subscription and (ApiKey, text). Raises NotAllowed, RuleError, Invalid: then nothing is done.
        """
        if not RequestDraft.objects.select_for_update().filter(pk=self.draft.pk).exists():
            raise RuleError("This request was sent already.", remedy="See it under My access.")
        facts = dict(self.facts)
        team, name = facts.pop("team"), facts.pop("new_application")
        environment, centre = facts.pop("environment"), facts.pop("cost_centre")
        application = facts.pop("application") or create_application(
            self.user, team=team, name=name, environment=environment or "prod", cost_centre=centre
        )
        use = {name: facts.pop(name) for name in use_risk.ASKED}
        subscription = subscribe(self.user, application=application, use=use, **facts)
        drafts.discard(self.user, self.model)
        made = None
        if key_now and subscription.state == Subscription.State.ACTIVE:
            made = create_key(self.user, subscription)
        return subscription, made

    def _named(self, name: str) -> dict[str, Any]:
        if name == "plan" and self.given.get("plan"):
            return {"plan": self.given["plan"]}
        if name == "versions" and self.given.get("version"):
            numbered = self.model.versions.filter(number=self.given["version"].strip().lower())
            return {"version": numbered.values_list("pk", flat=True).first()}
        return {}


STEP_OF = {
    field: name
    for name, (_, form) in FORMS.items()
    for field in (*form.base_fields, *(use_risk.ASKED if form is UseStep else ()))
}
