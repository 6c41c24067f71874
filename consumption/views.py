"""Pages of consumption: getting access, applications and keys, usage."""

from contextlib import suppress
from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_model_or_404, model_context
from consumption import actions, changes, keys, leak_scanners, statement, terms
from consumption.change_kinds import KINDS
from consumption.forms import (
    ApplicationForm,
    ChangeForm,
    DecideChangeForm,
    DecideForm,
    KeyForm,
    LeakForm,
    NetworksForm,
    SubscribeForm,
    TermsForm,
    VisibilityForm,
)
from consumption.metering import rejections, usage
from consumption.metering.reconciliation import reconciliation
from consumption.models import ApiKey, Application, Plan, PlanTerms, ScheduledChange, Subscription
from consumption.pages import propose_page
from consumption.permissions import (
    can_change,
    can_confirm,
    can_decide_subscription,
    can_manage_application,
    can_manage_keys,
    can_reconcile,
    can_see_model_usage,
    can_withdraw_change,
)
from marketplace.accounts.models import User
from marketplace.core import webhooks
from marketplace.core.errors import Invalid
from marketplace.core.forms import show, submitted
from marketplace.core.problem_json import problem_response
from marketplace.core.query import whole_number
from marketplace.core.request_bodies import takes_from_anybody

DECISIONS = {"confirm": changes.confirm, "refuse": changes.refuse}
LARGEST_REPORT = 1 << 20  # bytes
LINES_A_PAGE = 100


def access(request):
    """All applications and subscriptions of the person's teams, and the requests that wait for them."""
    subscriptions = Subscription.objects.held_by(request.user).for_list()
    waiting = Subscription.objects.filter(
        model__owner_team__in=request.user.teams(), state="pending"
    ).for_list()
    context = {
        "applications": Application.objects.filter(team__in=request.user.teams()).for_list(),
        "subscriptions": subscriptions,
        "waiting": waiting,
    }
    return render(request, "consumption/access.html", context)


def new_application(request):
    form = ApplicationForm(request.POST or None, user=request.user)
    done, application = submitted(
        request, form, lambda **data: actions.create_application(request.user, **data)
    )
    if done:
        messages.success(request, f"{application} is entered. Now find it a model.")
        return redirect(application)
    return show(request, "consumption/application_form.html", form)


def application(request, slug):
    """One application: its subscriptions, their keys, what it used."""
    owned = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), slug=slug
    )
    subscriptions = list(owned.subscriptions.for_list().prefetch_related("keys"))
    months = usage.this_month(subscriptions)
    refused = rejections.of(subscriptions, timezone.now() - usage.DAY)
    announced = changes.announced_to(subscriptions)
    offered = list(
        Plan.objects.filter(is_offered=True, model__in=[one.model_id for one in subscriptions])
    )
    for subscription in subscriptions:
        subscription.usage_now = months[subscription.pk]
        subscription.refused_today = [row for row in refused if row.subscription == subscription]
        subscription.upcoming = announced[subscription.pk]
        subscription.other_plans = [
            plan for plan in offered if actions.may_move(subscription, plan)
        ]
    context = {
        "application": owned,
        "subscriptions": subscriptions,
        "can_manage": can_manage_application(request.user, owned),
    }
    return render(request, "consumption/application.html", context)


def plans(request, slug):
    """What the model's publisher offers."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "consumption:plans")
    context["plans"] = _with_history(
        entry.plans.filter(
            Q(is_offered=True) | Q(subscriptions__in=_seen(request, entry))
        ).distinct()
    )
    context["changes"] = (
        ScheduledChange.objects.visible_to(request.user).filter(model=entry).for_list()
    )
    context["can_change"] = can_change(request.user, entry)
    context["held"] = (
        Subscription.objects.held_by(request.user).filter(model=entry).open().for_list()
    )
    return render(request, "consumption/plans_tab.html", context)


def change(request, pk):
    """One change that takes something from consumers: what, whom, since when proposed; the second person answers here."""
    proposal = get_object_or_404(ScheduledChange.objects.visible_to(request.user).for_list(), pk=pk)
    form = DecideChangeForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda decision, reason: DECISIONS[decision](request.user, proposal, reason)
    )
    if done:
        messages.success(
            request,
            "Confirmed: consumers were told."
            if form.cleaned_data["decision"] == "confirm"
            else "Refused.",
        )
        return redirect(proposal)
    teams = set(request.user.teams().values_list("slug", flat=True))
    sees_all = can_see_model_usage(request.user, proposal.model)
    context = {
        "change": proposal,
        "differences": KINDS[proposal.kind].differences(proposal),
        "affected": [
            row | {"cost": Decimal(row["cost_30d"])}
            for row in proposal.affected
            if sees_all or row["team"] in teams
        ],
        "can_confirm": can_confirm(request.user, proposal),
        "can_withdraw": can_withdraw_change(request.user, proposal)
        and proposal.state in proposal.OPEN,
    }
    return show(request, "consumption/change.html", form, **context)


@require_POST
def withdraw_change(request, pk):
    proposal = get_object_or_404(ScheduledChange.objects.visible_to(request.user).for_list(), pk=pk)
    changes.withdraw(request.user, proposal)
    messages.success(request, "Taken back.")
    return redirect(proposal)


def change_terms(request, slug, plan_slug):
    """New terms of a plan."""
    model = get_visible_model_or_404(request, slug)
    plan = get_object_or_404(model.plans, slug=plan_slug)
    return propose_page(request, model, ScheduledChange.Kind.TERMS, TermsForm, plan=plan)


def withdraw_plan(request, slug, plan_slug):
    """The end of a plan."""
    model = get_visible_model_or_404(request, slug)
    plan = get_object_or_404(model.plans, slug=plan_slug)
    return propose_page(request, model, ScheduledChange.Kind.WITHDRAWAL, ChangeForm, plan=plan)


def change_visibility(request, slug):
    """Who may use a model."""
    model = get_visible_model_or_404(request, slug)
    return propose_page(request, model, ScheduledChange.Kind.VISIBILITY, VisibilityForm)


def end_subscription(request, pk):
    """The publisher ends one subscription, with notice. Its own team closes it at once (`close_subscription`)."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    return propose_page(
        request,
        subscription.model,
        ScheduledChange.Kind.SUBSCRIPTION,
        ChangeForm,
        subscription=subscription,
    )


@require_POST
def change_plan(request, pk):
    """Move a subscription to another plan of its model."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    plan = get_object_or_404(
        subscription.model.plans, pk=whole_number(request.POST.get("plan", ""))
    )
    actions.change_plan(request.user, subscription, plan)
    messages.success(request, f"{subscription} is on the {plan} plan now; its keys stay.")
    return redirect(subscription)


def subscribe(request, slug):
    """From a model to the right to call it, in one step."""
    entry = get_visible_model_or_404(request, slug)
    form = SubscribeForm(
        request.POST or None, user=request.user, model=entry, initial=_first_choices(request, entry)
    )
    done, subscription = submitted(request, form, lambda **data: _subscribe(request.user, **data))
    if done:
        next_step = (
            "You can make a key now."
            if subscription.state == Subscription.State.ACTIVE
            else "The owner was asked."
        )
        messages.success(request, f"{subscription.application} → {entry}: {next_step}")
        return redirect(subscription)
    context = {
        "model": entry,
        "plans": _with_history(entry.plans.filter(is_offered=True)),
        "version": entry.stable,
    }
    return show(request, "consumption/subscribe.html", form, **context)


def decide(request, pk):
    """The publisher's answer to a request."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    form = DecideForm(request.POST or None)
    verbs = {"approve": actions.approve_subscription, "deny": actions.deny_subscription}
    done, _ = submitted(
        request, form, lambda decision, reason: verbs[decision](request.user, subscription, reason)
    )
    if done:
        messages.success(request, f"Answered: {subscription}.")
        return redirect("consumption:access")
    may = can_decide_subscription(request.user, subscription)
    return show(request, "consumption/decide.html", form, subscription=subscription, can_decide=may)


@never_cache
def create_key(request, pk):
    """One click, or a form with its terms: a key, shown in this answer only."""
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    form = KeyForm(request.POST or None)
    done, made = submitted(
        request, form, lambda **data: actions.create_key(request.user, subscription, **data)
    )
    if not done:
        may = can_manage_keys(request.user, subscription)
        return show(
            request, "consumption/key_form.html", form, subscription=subscription, can_manage=may
        )
    return _show_key(request, *made)


@never_cache
@require_POST
def rotate_key(request, kid):
    key = _open_key(request, kid)
    return _show_key(request, *actions.rotate_key(request.user, key))


def key_networks(request, kid):
    """From where a key works."""
    key = _open_key(request, kid)
    form = NetworksForm(request.POST or None, initial={"networks": "\n".join(key.networks)})
    done, _ = submitted(
        request, form, lambda networks: actions.change_networks(request.user, key, networks)
    )
    if done:
        where = f"only from {', '.join(key.networks)}" if key.networks else "from anywhere"
        messages.success(request, f"{key} works {where} now.")
        return redirect(key.subscription)
    may = can_manage_keys(request.user, key.subscription)
    return show(
        request,
        "consumption/key_networks.html",
        form,
        key=key,
        subscription=key.subscription,
        can_manage=may,
    )


@never_cache
def leaked_key(request):
    """Whoever finds a key ends it here. The answer is the same for live keys and others."""
    form = LeakForm(request.POST or None)
    done, _ = submitted(request, form, lambda **data: actions.report_leak(request.user, **data))
    if done:
        messages.success(
            request, "Thank you. If a key in it still worked, it has ended, and its team was told."
        )
        return redirect("consumption:leaked_key")
    return show(request, "consumption/leaked_key.html", form)


@takes_from_anybody(LARGEST_REPORT)
@csrf_exempt
@login_not_required
@require_POST
def leaked_keys(request):
    """The same for scanners, which sign what they send (docs/leaked-keys/). Any text; 202 says that it came, never what was in it."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST_REPORT:
        return problem_response(
            413, "request-too-large", "The report is too large", "At most 1 MiB. Send several."
        )
    if request.content_type == "multipart/form-data":  # a form's parts are not what was signed
        return problem_response(
            415, "media-type", "This media type is not understood", "Send text or JSON."
        )
    delivery = webhooks.verify(settings.LEAK_REPORT_SECRETS, request.headers, request.body)
    if delivery is None:
        return problem_response(
            401,
            "not-signed",
            "The signature is not recognised",
            "No secret that is known here signed this within the last five minutes.",
        )
    by = User.objects.system(f"scanner:{delivery.sender}")
    with suppress(Invalid):  # no key in it: nothing to say either
        actions.report_leak(by, request.body, source=delivery.sender, delivery=delivery.id)
    return JsonResponse({"status": "received"}, status=202, headers={"Cache-Control": "no-store"})


@login_not_required
def key_pattern(request):
    """How scanners recognise keys, and how they report them."""
    url = settings.PORTAL_URL + reverse("consumption:leaked_keys")
    context = {
        "pattern": keys.PATTERN,
        "checksum": leak_scanners.CHECKSUM,
        "shell": leak_scanners.REPORT % url,
    }
    return render(request, "docs/leaked_keys.html", context)


@require_POST
def revoke_key(request, kid):
    key = _open_key(request, kid)
    actions.revoke_key(request.user, key, request.POST.get("reason", ""))
    messages.success(request, f"{key} no longer works.")
    return redirect(key.subscription)


@require_POST
def close_subscription(request, pk):
    subscription = get_object_or_404(
        Subscription.objects.visible_to(request.user).for_list(), pk=pk
    )
    actions.close_subscription(request.user, subscription)
    messages.success(request, f"{subscription} is closed; its keys no longer work.")
    return redirect(subscription.application)


def my_usage(request):
    """What the person's teams called: over time, by model, by application."""
    subscriptions = Subscription.objects.held_by(request.user)
    scope = usage.of_teams(request.user.teams())
    window = usage.window(request.GET.get("window"))
    context = {
        "window": window,
        "windows": usage.WINDOWS,
        **usage.summary(scope, window),
        "by_model": usage.by(scope, window, "model"),
        "by_application": usage.by(scope, window, "application"),
        "refused": rejections.of(subscriptions, rejections.beginning(window)),
    }
    return render(
        request, "consumption/_usage.html" if request.htmx else "consumption/usage.html", context
    )


def monthly_statement(request):
    """What a month cost, line by line; `?as=csv` is the same with exact amounts."""
    month = statement.month(request.GET.get("month"))
    lines = statement.lines(request.user, month)
    if request.GET.get("as") == "csv":
        name = f"attachment; filename=statement-{month:%Y-%m}.csv"
        return HttpResponse(
            statement.as_csv(lines),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": name},
        )
    context = {
        "month": month,
        "months": statement.months(),
        "page_obj": Paginator(lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "costs": statement.totals(lines),
    }
    return render(request, "consumption/statement.html", context)


def reconciled(request):
    """Do events, hours and days agree, for each team and month? For finance and those who oversee."""
    if not can_reconcile(request.user):
        raise Http404
    report = reconciliation()
    context = {
        "reconciliation": report,
        "page_obj": Paginator(report.lines, LINES_A_PAGE).get_page(request.GET.get("page")),
        "wrong": report.wrong[:LINES_A_PAGE],
    }
    return render(request, "consumption/reconciliation.html", context)


def model_usage(request, slug):
    """How much the model is used; by whom, for those who may know."""
    entry = get_visible_model_or_404(request, slug)
    subscriptions = Subscription.objects.filter(model=entry)
    scope = usage.of_model(entry)
    window = usage.window(request.GET.get("window"))
    shows_teams = can_see_model_usage(request.user, entry)
    context = model_context(request, entry, "consumption:model_usage")
    context |= {
        "window": window,
        "windows": usage.WINDOWS,
        **usage.summary(scope, window),
        "shows_teams": shows_teams,
        "by_team": usage.by(scope, window, "team") if shows_teams else [],
        "by_version": usage.by(scope, window, "version"),
        "refused": rejections.of(subscriptions, rejections.beginning(window))
        if shows_teams
        else [],
    }
    if not shows_teams:
        context["costs"] = None
    template = (
        "consumption/_model_usage.html" if request.htmx else "consumption/model_usage_tab.html"
    )
    return render(request, template, context)


def consumers(request, slug):
    """Who depends on the model: for its owners and those who oversee."""
    entry = get_visible_model_or_404(request, slug)
    if not can_see_model_usage(request.user, entry):
        raise Http404
    context = model_context(request, entry, "consumption:model_usage")
    context["subscriptions"] = Subscription.objects.filter(model=entry).for_list()
    context["can_end"] = can_change(request.user, entry)
    return render(request, "consumption/consumers.html", context)


def _subscribe(by, *, plan, application, new_application, team, **facts):
    """Name the new application first, when there is one."""
    application = application or actions.create_application(by, team=team, name=new_application)
    return actions.subscribe(by, plan=plan, application=application, **facts)


def _seen(request, entry):
    """The open subscriptions of a model that the person may see: they keep their plan on the page when it ends."""
    return Subscription.objects.visible_to(request.user).open().filter(model=entry)


def _with_history(plans):
    """The plans, each with `.history` as terms.history has it. One query for all."""
    priced = list(
        plans.prefetch_related(
            Prefetch(
                "terms", PlanTerms.objects.select_related("created_by").order_by("effective_from")
            )
        )
    )
    for plan in priced:
        plan.history = terms.history(plan)
        plan.upcoming = next(
            (step for step in plan.history if step[0].effective_from > timezone.now()), None
        )
    return priced


def _first_choices(request, entry):
    policy = (
        Subscription.Policy.AUTO_PATCH
        if entry.risk_tier == "high"
        else Subscription.Policy.AUTO_MINOR
    )
    plan = (
        request.GET.get("plan")
        or entry.plans.filter(is_offered=True).values_list("pk", flat=True).first()
    )
    return {"version_policy": policy, "plan": plan}


def _open_key(request, kid):
    """A key the person may know of; its verb says whether they may touch it."""
    return get_object_or_404(ApiKey.objects.visible_to(request.user).for_list(), kid=kid)


def _show_key(request, key, text):
    subscription = key.subscription
    context = {
        "key": key,
        "text": text,
        "subscription": subscription,
        "next_url": subscription.get_absolute_url(),
        "snippets_url": reverse("publishing:api_tab", args=[subscription.model.slug]),
    }
    return render(request, "consumption/key_created.html", context)
