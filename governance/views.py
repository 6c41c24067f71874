"""Pages of governance: the queue, a review, a version's evidence."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from catalog import search
from catalog.models import RegisteredModel
from catalog.pages import (
    get_visible_model_or_404,
    get_visible_version_or_404,
    model_context,
)
from catalog.permissions import can_edit, can_edit_version
from governance import (
    actions,
    behaviour,
    benchmarks,
    card_pages,
    cards,
    contradictions,
    evaluation_runs,
    evaluations,
    overdue,
    policies,
    queue_items,
    renewals,
    rounds,
    thread_views,
    threads,
)
from governance.forms import (
    AmendmentDecisionForm,
    BenchmarkForm,
    DecisionForm,
    EvaluationForm,
    ExtensionForm,
    ReasonForm,
    RenewalForm,
    ThreadForm,
)
from governance.models import (
    Amendment,
    AutomaticApproval,
    BenchmarkDataset,
    Condition,
    GateResult,
    Review,
    TierAssessment,
    Waiver,
)
from governance.permissions import (
    Judge,
    can_comment,
    can_hand_over,
    can_renew,
    can_resume,
    can_review,
    can_run_evaluation,
    can_see_evidence,
    can_suspend,
    can_upload_benchmark,
    reasons_against_amendment,
    reasons_against_renewal,
    why_not_decide,
)
from marketplace.core.forms import show, submitted
from marketplace.core.guard import require
from marketplace.core.links import Link, Tab
from marketplace.core.query import chosen, first_of_few

PAGE_SIZE = 30
SIMILAR = 3
OPENS_LATER = "Opens when the other reviews are decided."


@dataclass(frozen=True)
class Waiting:
    """A review or an amendment in the queue, and why the reader may not decide it; "" when they may."""

    subject: Review | Amendment
    reasons_against: str


@dataclass(frozen=True)
class Evidence:
    """What is known about a version: newest result of each gate, reviews of all rounds."""

    assessment: TierAssessment | None
    gates: QuerySet[GateResult]
    reviews: QuerySet[Review]
    completeness: cards.Completeness
    measurements: list[evaluations.Measurement]
    conditions: QuerySet[Condition]
    waivers: QuerySet[Waiver]
    waived: frozenset[str]
    automatic_approval: AutomaticApproval | None = None

    @property
    def behaviour(self) -> GateResult | None:
        """How it answers unlike the version in use, where both were asked the same rows."""
        compared = (row for row in self.gates if row.gate == behaviour.GATE and row.metrics)
        return next(compared, None)


@dataclass(frozen=True)
class CardChange:
    """What a field of the card said before and says now; None where it was, or is, empty."""

    label: str
    before: Any
    after: Any


def queue(request):
    """What waits for a decision, the person's own first, the most urgent on top."""
    if not can_review(request.user) and not request.user.has_role("auditor", "admin"):
        raise Http404
    kind = chosen(
        "kind", request.GET.get("kind"), {kind.value: kind.value for kind in Review.Kind}, usual=""
    )
    waiting = Review.objects.visible_to(request.user).open()
    of_kind = waiting.filter(kind=kind) if kind else waiting
    reviews = of_kind.for_queue().theirs_first(request.user)
    page = Paginator(reviews, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = list(page)
    judge = Judge.of(request.user, shown)
    rows = [
        Waiting(review, OPENS_LATER if review.opens_later else judge.why_not(review))
        for review in shown
    ]
    context = {
        "reviews": sorted(rows, key=lambda row: bool(row.reasons_against)),
        "page_obj": page,
        "tabs": _kinds(waiting, kind),
    }
    if not kind:
        context |= _beside_reviews(request.user)
    return render(request, "governance/queue.html", context)


def _beside_reviews(user):
    """What else waits for a decision."""
    amendments = Amendment.objects.visible_to(user).open().for_page().order_by("due_at")
    conditions = Condition.objects.visible_to(user).to_confirm(user).for_page()
    return {
        "amendments": _queued(user, amendments),
        "renewals": renewals.waiting_for(user)[:PAGE_SIZE],
        "conditions": first_of_few(conditions, PAGE_SIZE),
        "waivers": first_of_few(Waiver.objects.to_decide(user).for_page(), PAGE_SIZE),
        "others": queue_items.waiting_for(user, PAGE_SIZE),
    }


def review(request, pk):
    """One review with all its evidence, and the decision form for those who may."""
    seen = Review.objects.visible_to(request.user).select_related(
        "version__model__owner_team__business_unit"
    )
    open_review = get_object_or_404(seen, pk=pk)
    form = DecisionForm(request.POST or None, review=open_review)
    done, _ = submitted(
        request, form, lambda **data: actions.decide(request.user, open_review, **data)
    )
    if done:
        messages.success(request, f"Recorded: {open_review}.")
        return redirect("governance:queue")
    return show(
        request,
        "governance/review.html",
        form,
        review=open_review,
        **_review_context(request.user, open_review),
    )


def amendment(request, pk):
    """What an entry shall say instead, why, who agreed; and the decision form for those who may."""
    proposal = get_object_or_404(Amendment.objects.visible_to(request.user).for_page(), pk=pk)
    form = AmendmentDecisionForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **data: actions.decide_amendment(request.user, proposal, **data)
    )
    if done:
        messages.success(request, f"Recorded: {proposal}.")
        return redirect(proposal)
    context = {
        "amendment": proposal,
        "reasons_against": reasons_against_amendment(request.user, proposal),
        "is_open": proposal.state == Amendment.State.OPEN,
        "may_withdraw": can_edit(request.user, proposal.model),
        "trail": [Link(proposal.model.name, proposal.model.get_absolute_url())],
    }
    return show(request, "governance/amendment.html", form, **context)


@require_POST
def withdraw_amendment(request, pk):
    proposal = get_object_or_404(Amendment.objects.visible_to(request.user), pk=pk)
    actions.withdraw_amendment(request.user, proposal)
    messages.success(request, f"{proposal} is withdrawn.")
    return redirect(proposal.model)


def evidence(request, slug):
    """Tier with reasons, checks, reviews and decisions of the shown version."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "governance:evidence")
    context["amendments"] = (
        Amendment.objects.visible_to(request.user).filter(model=entry).for_page()
    )
    if context["version"]:
        context["evidence"] = evidence_of(context["version"])
        context["shows_reasons"] = can_see_evidence(request.user, context["version"])
        context["can_suspend"] = can_suspend(request.user, context["version"])
        context["can_resume"] = can_resume(request.user, context["version"])
    return render(request, "governance/evidence_tab.html", context)


def card(request, slug):
    """The whole model card of the shown version, section by section."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "governance:card")
    if context["version"]:
        context["sections"] = card_pages.sections(context["version"].card.data)
        context["completeness"] = policies.card_completeness(context["version"])
    return render(request, "governance/card_tab.html", context)


def renew(request, slug, number):
    """Review a live version again: its approval holds for its tier's days from now."""
    version = get_visible_version_or_404(request, slug, number)
    require(
        can_renew(request.user, version),
        reasons_against_renewal(request.user, version),
        ask="the governance lead",
    )
    form = RenewalForm(request.POST or None)
    done, _ = submitted(request, form, lambda **data: renewals.renew(request.user, version, **data))
    if done:
        messages.success(request, f"Recorded: {version} was reviewed again.")
        return redirect("governance:queue")
    trail = [Link(version.model.name, version.get_absolute_url())]
    return show(request, "governance/renew.html", form, version=version, trail=trail)


def extend(request, slug, number):
    """Put the announced suspension of a version off, once."""
    version = get_visible_version_or_404(request, slug, number)
    require(
        can_renew(request.user, version),
        reasons_against_renewal(request.user, version),
        ask="the governance lead",
    )
    form = ExtensionForm(request.POST or None)
    done, _ = submitted(request, form, lambda **data: overdue.extend(request.user, version, **data))
    if done:
        messages.success(request, f"Recorded: {version} answers longer.")
        return redirect(version.model.get_absolute_url())
    trail = [Link(version.model.name, version.get_absolute_url())]
    latest = overdue.latest(version) if version.suspends_at else None
    return show(
        request, "governance/extend.html", form, version=version, latest=latest, trail=trail
    )


def suspend(request, slug, number):
    """Stop a version, or let it run again."""
    version = get_visible_version_or_404(request, slug, number)
    verb, may = (
        (actions.resume, can_resume) if version.suspended_at else (actions.suspend, can_suspend)
    )
    require(
        may(request.user, version),
        "You may not stop or restart this version.",
        ask="the governance lead",
    )
    form = ReasonForm(request.POST or None)
    done, _ = submitted(request, form, lambda reason: verb(request.user, version, reason))
    if done:
        messages.success(
            request, f"{version} {'runs again' if verb is actions.resume else 'is suspended'}."
        )
        return redirect(version.model.get_absolute_url())
    trail = [Link(version.model.name, version.get_absolute_url())]
    return show(
        request,
        "governance/suspend.html",
        form,
        version=version,
        resuming=bool(version.suspended_at),
        trail=trail,
    )


def figures(request, slug, number):
    """What was measured of a version, by whom; its team declares figures here while the version is a draft."""
    version = get_visible_version_or_404(request, slug, number)
    form = EvaluationForm(request.POST or None)
    done, _ = submitted(
        request, form, lambda **figure: evaluations.declare(request.user, version, **figure)
    )
    if done:
        messages.success(request, "Declared. It is shown as declared by the team.")
        return redirect("governance:figures", slug, number)
    return show(
        request,
        "governance/figures.html",
        form,
        version=version,
        measurements=evaluations.measurements_of(version),
        may_declare=can_edit_version(request.user, version),
        runs=version.evaluation_runs.for_page(),
        fit=benchmarks.fit_of(version),
        may_run=can_run_evaluation(request.user, version)
        and version.state in evaluation_runs.RUNNABLE,
        trail=[Link(version.model.name, version.get_absolute_url())],
    )


@require_POST
def run_evaluation(request, slug, number):
    """Ask for an independent evaluation."""
    version = get_visible_version_or_404(request, slug, number)
    evaluation_runs.request(request.user, version)
    messages.success(request, "The evaluation runs; its figures appear on this page.")
    return redirect("governance:figures", slug, number)


def benchmark_list(request):
    """What benchmark data there is, never its rows; evaluators upload more."""
    form = BenchmarkForm(request.POST or None, request.FILES or None)
    done, _ = submitted(request, form, lambda **facts: benchmarks.upload(request.user, **facts))
    if done:
        messages.success(
            request, "Kept. Versions of its capability are measured on it from now on."
        )
        return redirect("governance:benchmarks")
    page = Paginator(
        BenchmarkDataset.objects.visible_to(request.user).for_page(), PAGE_SIZE
    ).get_page(request.GET.get("page"))
    return show(
        request,
        "governance/benchmarks.html",
        form,
        page_obj=page,
        may_upload=can_upload_benchmark(request.user),
    )


def evidence_of(version):
    return Evidence(
        version.assessments.select_related("answered_by").first(),
        actions.current_gates(version),
        version.reviews.select_related("decision__by", "kept_from__decision__by").order_by(
            "-round", "opened_at", "pk"
        ),
        policies.card_completeness(version),
        evaluations.measurements_of(version),
        version.conditions.all().for_page(),
        version.waivers.all().for_page(),
        actions.waived(version),
        AutomaticApproval.objects.filter(version=version)
        .select_related("previous", "policy")
        .first(),
    )


def _queued(user, amendments):
    """[Waiting], those that this person may decide first."""
    rows = [
        Waiting(amendment, reasons_against_amendment(user, amendment)) for amendment in amendments
    ]
    return sorted(rows, key=lambda row: bool(row.reasons_against))


def _kinds(reviews, current):
    """The queue's tabs: all, and each kind that waits, with counts."""
    counts = dict(reviews.order_by().values_list("kind").annotate(Count("pk")))
    return [Tab("All", "?", not current, sum(counts.values()))] + [
        Tab(kind.label, f"?kind={kind}", kind == current, counts.get(kind, 0))
        for kind in Review.Kind
        if kind in counts or kind == current
    ]


def _changes(version, previous):
    """What differs from the published version that it follows: [CardChange] of card fields."""
    if previous is None:
        return []
    before, after = previous.card.data, version.card.data
    return [
        CardChange(field.label, before.get(field.id), after.get(field.id))
        for field in cards.FIELDS
        if before.get(field.id) != after.get(field.id) and field.source != "auto"
    ]


def _changes_of_round(found):
    """[rounds.Change] against the round before; None in the first one."""
    pair = found.version.rounds.filter(number__in=[found.round - 1, found.round])
    return rounds.changes(*pair) if len(pair) == 2 else None


def _similar(user, model):
    """Published models like this one, also before it is published itself."""
    seen = RegisteredModel.objects.visible_to(user).published().exclude(pk=model.pk).for_list()
    return search.similar_to(seen, model.name, model.summary, limit=SIMILAR)


def _review_context(user, found):
    previous = found.version.predecessor()
    comparisons = contradictions.of(found.version)
    talk = thread_views.shown(user, found.version)
    refusal, is_open = why_not_decide(user, found), found.state == Review.State.OPEN
    return {
        "version": found.version,
        "model": found.version.model,
        "previous": previous,
        "changes": _changes(found.version, previous),
        "changes_of_round": _changes_of_round(found),
        "sections": card_pages.sections(found.version.card.data),
        "why_not": refusal,
        "is_open": is_open,
        "contributors": found.version.contributions.select_related("user").order_by("at"),
        "artifacts": found.version.artifacts.all(),
        "evidence": evidence_of(found.version),
        "may_claim": is_open and found.assignee_id != user.pk and not refusal,
        "may_correct": can_run_evaluation(user, found.version),
        "may_hand_over": is_open and can_hand_over(user, found),
        "askable": actions.askable(user, found.version),
        "comparisons": comparisons,
        "contradicting": sum(
            row.verdict == contradictions.Verdict.CONTRADICT for row in comparisons
        ),
        "risk_answers": contradictions.risk_answers(policies.answers_of(found.version)),
        "plans": found.version.model.plans.filter(is_offered=True),
        "similar": _similar(user, found.version.model),
        "threads": talk,
        "open_threads": sum(not row.thread.resolved_at for row in talk),
        "may_comment": can_comment(user, found.version),
        "thread_form": ThreadForm(anchors=threads.anchors(found.version)),
    }
