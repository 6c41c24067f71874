"""Verbs of access: applications, plans, subscriptions."""

from django.db import transaction

from catalog.models import RegisteredModel
from consumption import affected
from consumption.keys.actions import end_key
from consumption.models import ApiKey, Application, Plan, ScheduledChange, Subscription
from consumption.permissions import (
    can_create_application,
    can_decide_subscription,
    can_end_subscription,
    can_manage_application,
    can_offer_plan,
)
from consumption.plans import terms
from consumption.subscribing import open_versions, use_risk
from consumption.subscribing.actions.granting import (
    activate,
    check_end,
    deny,
    go_on,
    judge_use,
    resolve_request,
    tell_granted,
    withdraw_reviews,
)
from consumption.telling import tell_team
from governance.policies import change_notice_days
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import StaleState, transition

SLUG_TRIES = 20


@transaction.atomic
def create_application(by, *, team, name, environment="prod", description="", cost_centre=""):
    """Enter a consumer's system. Returns the Application. Raises NotAllowed, Invalid."""
    require(
        can_create_application(by, team),
        f"Only members of {team} create its applications.",
        ask=str(team),
    )
    name = names.display_name(name, longest=Application.NAME_MAX)
    if alike := next(
        (
            other
            for other in Application.objects.filter(team=team)
            if names.are_alike(other.name, name)
        ),
        None,
    ):
        raise Invalid(
            f"{team} already has an application called {alike}.",
            field="name",
            remedy="Choose another name.",
        )
    application = Application.objects.create(
        team=team,
        name=name,
        slug=_free_slug(name),
        environment=environment,
        description=description,
        cost_centre=cost_centre or team.cost_centre,
        created_by=by,
    )
    record(by, "application.create", application, team=team.slug)
    return application


@transaction.atomic
def offer_plan(by, model, *, slug, **choices):
    """Offer a plan of `model`, or change it: better terms begin at once. Returns the Plan. Raises NotAllowed, RuleError.

    Worse terms for somebody who has the plan are proposed (consumption.changes.actions): they need a second person and a notice.
    """
    require(
        can_offer_plan(by, model),
        f"Only members of {model.owner_team} set its plans.",
        ask=str(model.owner_team),
    )
    if "name" in choices:
        choices["name"] = _plan_name(model, slug, choices["name"])
    plan = Plan.objects.select_for_update().filter(model=model, slug=slug).first()
    if plan is None:
        plan = Plan(model=model, slug=slug, **choices)
        for name, value in terms.completed(terms.values(plan), choices).items():
            setattr(plan, name, value)
        plan.save(force_insert=True)
        terms.write(by, plan, terms.values(plan))
    else:
        _change_plan(by, plan, choices)
    record(
        by,
        "plan.offer",
        model,
        plan=slug,
        terms={name: str(value) for name, value in choices.items()},
    )
    invalidate("model", model=model.pk)
    return plan


def _change_plan(by, plan, choices):
    if choices.get("currency", plan.currency) != plan.currency:
        raise RuleError(
            f"{plan} is priced in {plan.currency}.",
            field="currency",
            remedy="Offer another plan for another currency.",
        )
    before = terms.values(plan)
    after = terms.completed(
        before, {name: value for name, value in choices.items() if name in terms.FIELDS}
    )
    facts = {name: value for name, value in choices.items() if name not in terms.FIELDS}
    if (
        plan.is_always_on
        and not facts.get("is_always_on", True)
        and plan.subscriptions.open().exists()
    ):
        raise RuleError(
            f"{plan} is always on, and its subscribers rely on it.",
            field="is_always_on",
            remedy="Offer another plan that is not.",
        )
    if (
        facts.get("is_offered")
        and not plan.is_offered
        and plan.changes.open().filter(kind=ScheduledChange.Kind.WITHDRAWAL).exists()
    ):
        raise RuleError(
            f"The end of {plan} is announced.",
            field="is_offered",
            remedy="Take that change back first.",
        )
    for name, value in facts.items():
        setattr(plan, name, value)
    plan.save(update_fields=list(facts))
    if after == before:
        return
    held = affected.by(plan.subscriptions.all())
    _require_no_notice_needed(plan, before, after, held)
    written = terms.write(by, plan, after)
    terms.begin(by, plan, after)
    changed = ". ".join(
        str(difference) for difference in terms.differences(before, after, plan.currency)
    )
    for one in held:
        tell_team(
            one.subscription,
            f"{one.subscription.application}: the {plan} plan of {plan.model} is better from today",
            body=f"{changed}.",
            key=f"terms-begun:{written.pk}:{one.subscription.pk}",
            kind="change",
        )


def _require_no_notice_needed(plan, before, after, held):
    """Raises RuleError when somebody relies on the old terms and would be worse off, or when a change of them waits."""
    if plan.changes.open().exists():
        raise RuleError(
            f"A change of {plan} waits already.",
            remedy="Withdraw it first.",
            ask=str(plan.model.owner_team),
        )
    if held and terms.is_worse(before, after):
        raise RuleError(
            f"This is worse for {affected.sentence(held)}: they get a notice of {change_notice_days()} days, and a second person confirms it.",
            remedy=f"Propose it at {plan.model.get_absolute_url()}plans/{plan.slug}/change/ or by POST /api/v1/changes/.",
        )


@transaction.atomic
def subscribe(
    by, *, application, plan, purpose, version=None, version_policy=None, use=None, **facts
):
    """Ask for (or, on an automatic plan, take) the right to call the plan's model. Returns the Subscription.

    version         the ModelVersion to start on; by default the one that `stable` points to.
    version_policy  a Subscription.Policy; by default automatic minor updates, patches only for high risk.
    use             answers about this use (use_risk.ASKED); none: as the version was assessed. A graver use goes to governance.
    facts           data_class, ends_on (the last day, UTC), expected_calls_a_month, counterfactual.
    Raises NotAllowed, RuleError.
    """
    model = plan.model
    require(
        can_manage_application(by, application),
        f"Only members of {application.team} subscribe its applications.",
        ask=str(application.team),
    )
    require(
        RegisteredModel.objects.visible_to(by).filter(pk=model.pk).exists(),
        "You cannot see this model.",
        ask="the marketplace managers",
    )
    version = version or stable_version(model)
    check_can_start(application, plan, version)
    check_end(facts.get("ends_on"))
    use = use_risk.checked(use or {})
    subscription = Subscription.objects.create(
        application=application,
        model=model,
        plan=plan,
        pinned_version=version,
        purpose=purpose.strip(),
        version_policy=version_policy or default_policy(version),
        requested_by=by,
        use=use,
        **facts,
    )
    record(by, "subscription.request", subscription, plan=plan.slug, version=version.number)
    judge_use(subscription)
    return go_on(subscription)


@transaction.atomic
def approve_subscription(by, subscription, reason):
    """The publisher's yes. Raises NotAllowed, RuleError, StaleState."""
    require_decider(by, subscription)
    if subscription.use_reviews.open().exists():
        raise RuleError(
            "Governance decides on this use first: it is above the model's risk tier.",
            remedy="You are told when it is your turn. You may deny it at once.",
        )
    activate(by, subscription, reason)
    resolve_request(subscription)
    tell_granted(subscription)
    return subscription


@transaction.atomic
def deny_subscription(by, subscription, reason):
    """The publisher's no, with a reason that the asker can act on."""
    require_decider(by, subscription)
    require_reason(reason, "who asked acts on it")
    return deny(by, subscription, reason)


@transaction.atomic
def close_subscription(by, subscription, reason=""):
    """End the right to call. Its keys stop within a second."""
    require(
        can_end_subscription(by, subscription),
        "Only its own team ends a subscription.",
        ask=str(subscription.application.team),
    )
    for key in subscription.keys.exclude(state=ApiKey.State.REVOKED):
        end_key(by, key, "The subscription was closed.")
    withdraw_reviews(subscription)
    transition(subscription, Subscription.State.CLOSED)
    record(by, "subscription.close", subscription, reason=reason)
    invalidate("subscription", subscription=subscription.pk)
    return subscription


@transaction.atomic
def change_plan(by, subscription, plan):
    """Move a subscription to another plan of its model; its keys stay. Calls made before stay on the old one. Returns the Subscription.

    Raises NotAllowed, RuleError.
    """
    require(
        can_manage_application(by, subscription.application),
        f"Only members of {subscription.application.team} choose its plan.",
        ask=str(subscription.application.team),
    )
    if plan.model_id != subscription.model_id or not plan.is_offered:
        raise RuleError(
            f"The {plan.name} plan is not offered for {subscription.model}.",
            field="plan",
            remedy="Choose another plan.",
        )
    if subscription.state not in Subscription.OPEN:
        raise RuleError(
            f"This subscription is {subscription.get_state_display().lower()}.",
            remedy="Reload the page and look again.",
        )
    if plan.pk == subscription.plan_id:
        return subscription
    if not may_move(subscription, plan):
        raise RuleError(
            f"{subscription.model.owner_team} approves who gets the {plan.name} plan.",
            field="plan",
            ask=f"{subscription.model.support_contact}",
            remedy="Ask for it on the page of the subscription, or by POST /api/v1/moves/.",
        )
    return switch_plan(by, subscription, plan)


def switch_plan(by, subscription, plan):
    """Put a subscription on a plan that was found to be right for it. Returns the Subscription. Raises StaleState."""
    held = Subscription.objects.filter(
        pk=subscription.pk, plan=subscription.plan_id, state__in=Subscription.OPEN
    )
    if not held.update(plan=plan):
        raise StaleState(
            f"{subscription} was changed by somebody else meanwhile.",
            remedy="Reload the page and look again.",
        )
    record(by, "subscription.plan", subscription, before=subscription.plan.slug, after=plan.slug)
    subscription.plan = plan
    invalidate("subscription", subscription=subscription.pk)
    return subscription


def may_move(subscription, plan):
    """May its own team choose this plan, without the owner?

    A plan that the owner approves only from another one that was approved: one that allows no more, or any while theirs ends.
    """
    is_other = (
        plan.model_id == subscription.model_id
        and plan.pk != subscription.plan_id
        and subscription.state in Subscription.OPEN
    )
    if not is_other or plan.approval == Plan.Approval.AUTOMATIC:
        return is_other
    is_approved = (
        subscription.plan.approval == Plan.Approval.OWNER
        and subscription.state != Subscription.State.PENDING
    )
    return is_approved and (
        not subscription.plan.is_offered or not terms.allows_more(plan, subscription.plan)
    )


def check_can_start(application, plan, version):
    if version is None or version.model_id != plan.model_id:
        raise RuleError(
            f"{plan.model} has no published version to call.", ask=str(plan.model.owner_team)
        )
    require_takes_callers(version)
    if not plan.is_offered:
        raise RuleError(
            f"The {plan.name} plan is no longer offered.",
            field="plan",
            remedy="Choose another plan.",
        )
    if Subscription.objects.open().filter(application=application, model=plan.model).exists():
        raise RuleError(
            f"{application} already has a subscription to {plan.model}.",
            field="application",
            remedy="Use that one, or close it first.",
        )


def require_takes_callers(version):
    """Raises RuleError, about the field `version`, unless subscriptions may begin on the version, or move to it."""
    if closed := open_versions.closed(version):
        raise RuleError(
            f"{version} takes no new subscriptions: {closed.because}.",
            field="version",
            remedy=closed.remedy,
        )


def require_decider(by, subscription):
    require(
        can_decide_subscription(by, subscription),
        f"Only members of {subscription.model.owner_team} who neither asked for it nor are on the team that asks decide this request.",
        ask=str(subscription.model.owner_team),
    )


def default_policy(version):
    return (
        Subscription.Policy.AUTO_PATCH
        if version.risk_tier == "high"
        else Subscription.Policy.AUTO_MINOR
    )


def stable_version(model):
    alias = model.aliases.filter(name="stable").select_related("version").first()
    return alias.version if alias else None


def _plan_name(model, slug, name):
    """The name as it is kept; a model's plans have names that nobody takes for each other."""
    name = names.display_name(name, longest=Plan.NAME_MAX)
    if alike := next(
        (plan for plan in model.plans.exclude(slug=slug) if names.are_alike(plan.name, name)), None
    ):
        raise Invalid(
            f"{model} already has a plan called {alike}.",
            field="name",
            remedy="Choose another name.",
        )
    return name


def _free_slug(name):
    """The plain address, else with a random end: it says nothing of how many other teams' applications are called so."""
    base = names.slug(name) or "application"
    candidates = [base, *(f"{base}-{names.random_suffix()}" for _ in range(SLUG_TRIES))]
    taken = set(Application.objects.filter(slug__in=candidates).values_list("slug", flat=True))
    return next(slug for slug in candidates if slug not in taken)
