"""Pages of governance: the queue, a review, a version's evidence."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render

from catalog.models import ModelVersion
from catalog.pages import model_frame, open_model
from governance import actions, cards, policies
from governance.forms import DecisionForm, ReasonForm
from governance.matrix import roles_for
from governance.models import Review
from governance.permissions import (
    can_resume,
    can_review,
    can_see_evidence,
    can_suspend,
    why_not_decide,
)
from marketplace.lib.forms import show, submitted


def queue(request):
    """What waits for a decision, the person's own first, the most urgent on top."""
    if not can_review(request.user) and not request.user.has_role("auditor", "admin"):
        raise Http404
    roles = request.user.roles()
    reviews = list(Review.objects.visible_to(request.user).open().for_queue())
    for review in reviews:
        review.needed_roles = roles_for(review.kind, review.version.risk_tier)
        review.is_mine = bool(roles & set(review.needed_roles))
    context = {
        "mine": [review for review in reviews if review.is_mine],
        "others": [review for review in reviews if not review.is_mine],
    }
    return render(request, "governance/_queue.html" if request.htmx else "governance/queue.html", context)


def review(request, pk):
    """One review with all its evidence, and the decision form for those who may."""
    seen = Review.objects.visible_to(request.user).select_related("version__model__owner_team__business_unit")
    found = get_object_or_404(seen, pk=pk)
    form = DecisionForm(request.POST or None, review=found)
    done, _ = submitted(request, form, lambda **data: actions.decide(request.user, found, **data))
    if done:
        messages.success(request, f"Recorded: {found}.")
        return redirect("governance:queue")
    return show(request, "governance/review.html", form, review=found, **_review_context(request.user, found))


def evidence(request, slug):
    """Tier with reasons, checks, reviews and decisions of the shown version."""
    entry = open_model(request, slug)
    context = model_frame(request, entry, "governance:evidence")
    if context["version"]:
        context |= evidence_of(context["version"])
        context["shows_reasons"] = can_see_evidence(request.user, context["version"])
        context["can_suspend"] = can_suspend(request.user, context["version"])
        context["can_resume"] = can_resume(request.user, context["version"])
    return render(request, "governance/evidence_tab.html", context)


def card(request, slug):
    """The whole model card of the shown version, section by section."""
    entry = open_model(request, slug)
    context = model_frame(request, entry, "governance:card")
    if context["version"]:
        context["sections"] = card_sections(context["version"])
        context["completeness"] = policies.card_completeness(context["version"])
    return render(request, "governance/card_tab.html", context)


def suspend(request, slug, number):
    """Stop a version, or let it run again."""
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__owner_team")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    verb = actions.resume if version.suspended_at else actions.suspend
    form = ReasonForm(request.POST or None)
    done, _ = submitted(request, form, lambda reason: verb(request.user, version, reason))
    if done:
        messages.success(request, f"{version} {'runs again' if verb is actions.resume else 'is suspended'}.")
        return redirect(version.model.get_absolute_url())
    return show(request, "governance/suspend.html", form, version=version, resuming=bool(version.suspended_at))


def evidence_of(version):
    """What is known about a version: {"assessment", "gates", "reviews", "completeness"}."""
    return {
        "assessment": version.assessments.select_related("answered_by").first(),
        "gates": actions.current_gates(version),
        "reviews": version.reviews.select_related("decision__by").order_by("round", "opened_at", "pk"),
        "completeness": policies.card_completeness(version),
    }


def card_sections(version):
    """The filled part of the card: [{"title", "fields": [{"label", "value", "source"}]}]."""
    data = version.card.data
    sections = []
    for section in cards.SECTIONS:
        fields = [field for field in cards.FIELDS if field.section == section.id and field.id in data]
        rows = [{"id": field.id, "label": field.label, "value": data[field.id], "source": field.source} for field in fields]
        if rows:
            sections.append({"id": section.id, "title": section.title, "fields": rows})
    return sections


def _review_context(user, found):
    return {
        "version": found.version,
        "sections": card_sections(found.version),
        "why_not": why_not_decide(user, found),
        "is_open": found.state == Review.State.OPEN,
        "contributors": found.version.contributions.select_related("user").order_by("at"),
        "artifacts": found.version.artifacts.all(),
        **evidence_of(found.version),
    }
