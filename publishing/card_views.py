"""Pages of the steps Risk and Model card: the answers first, what they lead to, then the card that asks for that."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from catalog.models import ModelVersion
from governance import card_pages, cards, consequences, contradictions, policies, tiering
from governance.actions import assess_risk
from governance.contradictions import Comparison, Verdict
from governance.forms import QuestionnaireForm
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.forms import submitted
from publishing import actions
from publishing.actions.cards import Conflict
from publishing.card_form import CardForm, CardState
from publishing.card_texts import fingerprint
from publishing.evidence import card_facts
from publishing.views import own_version, show_step


def risk(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The questionnaire, and at once which reviews, days and card fields its answers lead to."""
    version = own_version(request, slug, number)
    answers, source = _answers_to_start_from(version)
    form = QuestionnaireForm(request.POST or None, answers=answers)
    done, assessment = submitted(
        request, form, lambda answers: assess_risk(request.user, version, answers)
    )
    if done:
        messages.success(
            request, f"Risk tier: {assessment.tier}. The card now asks for what follows."
        )
        return redirect(_address(version, "risk") + "#consequences")
    context = {
        "assessment": version.assessments.select_related("answered_by").first(),
        "prefilled_from": source,
        "ahead": consequences.of(
            _given(request.POST) if form.is_bound else answers, policies.rules_of(version)
        ),
    }
    return show_step(request, version, "risk", form, **context)


def risk_consequences(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """What the answers that are ticked lead to (htmx). Nothing is saved."""
    version = own_version(request, slug, number)
    ahead = consequences.of(_given(request.GET), policies.rules_of(version))
    context = {"ahead": ahead, "version": version}
    return render(request, "publishing/_consequences.html", context | {"model": version.model})


def card(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The model card, section by section; it saves what is there and shows what is missing."""
    version = own_version(request, slug, number)
    completeness = policies.card_completeness(version)
    everything = "all" in request.GET
    form = CardForm(
        request.POST or None, state=CardState.of(version, completeness), everything=everything
    )
    done, conflicts = submitted(request, form, lambda **typed: _save(request, version, **typed))
    if done and not conflicts:
        messages.success(request, "The card is saved.")
        return _after_saving(version, request.POST.get("next", ""), everything)
    form.mark(conflicts or [])
    context = {
        "sections": form.sections(request.GET.get("section", "")),
        "completeness": completeness,
        "everything": everything,
        "stale": form.state.stale,
        "contradictions": _contradictions(version),
    }
    return show_step(request, version, "card", form, **context)


def card_preview(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The card as consumers will read it, with what the marketplace fills in; a part of the card's page (htmx), or a page."""
    version = own_version(request, slug, number)
    values = policies.card_data(version, policies.answers_of(version)) | card_facts(version)
    context = {
        "sections": card_pages.sections(values),
        "completeness": policies.card_completeness(version),
    }
    if request.htmx:
        shown = {"version": version, "model": version.model}
        return render(request, "publishing/_card_preview.html", context | shown)
    nothing = forms.Form()
    return show_step(
        request, version, "card", nothing, template="publishing/card_preview.html", **context
    )


@require_POST
def autosave(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Save the fields that are sent, those that can be kept. Answers what became of each, as JSON.

    saved: field → fingerprint; conflicts: field → {text, seen, sentence}; refused: field → why; "" of it is about the card as a whole.
    """
    version = own_version(request, slug, number)
    nothing = CardState(version.card.written(), frozenset(), frozenset(), {})
    form = CardForm(request.POST, state=nothing)
    refused = {name: " ".join(map(str, errors)) for name, errors in form.errors.items()}
    typed = form.cleaned_data
    try:
        conflicts = _save(request, version, **typed)
    except RuleError as problem:
        return JsonResponse({"saved": {}, "conflicts": {}, "refused": {"": problem.sentence}})
    overtaken = {
        conflict.field: {
            "text": conflict.text,
            "seen": conflict.seen,
            "sentence": conflict.sentence,
        }
        for conflict in conflicts
    }
    saved = {
        name: fingerprint(value) for name, value in typed["values"].items() if name not in overtaken
    }
    return JsonResponse({"saved": saved, "conflicts": overtaken, "refused": refused})


def _save(
    request: PageRequest,
    version: ModelVersion,
    values: dict[str, Any],
    seen: dict[str, str],
    still_true: list[str],
) -> list[Conflict]:
    conflicts = actions.merge_card(request.user, version, values, seen)
    actions.confirm_card_facts(request.user, version, still_true)
    return conflicts


def _after_saving(version: ModelVersion, following: str, everything: bool) -> HttpResponse:
    """On to the section or the step that the button named; else the card again."""
    if following == "plans":
        return redirect(_address(version, "plans"))
    query = QueryDict(mutable=True)
    if everything:
        query["all"] = "1"
    if following in {section for section, _, _ in cards.SECTIONS}:
        query["section"] = following
        return redirect(f"{_address(version, 'card')}?{query.urlencode()}#{following}")
    return redirect(_address(version, "card") + (f"?{query.urlencode()}" if query else ""))


def _answers_to_start_from(version: ModelVersion) -> tuple[dict[str, object], ModelVersion | None]:
    """(answers, the version that they were given for): its own, or those of the version before it; (… , None) for its own."""
    own = policies.answers_of(version)
    if own:
        return own, None
    earlier = version.model.versions.exclude(pk=version.pk).exclude(risk_tier="").newest_first()
    previous = earlier.first()
    return (policies.answers_of(previous), previous) if previous else ({}, None)


def _given(data: QueryDict) -> dict[str, object]:
    """The answers among what was sent, those that there are; a wrong one counts as none."""
    given: dict[str, object] = {}
    for question in tiering.QUESTIONS:
        try:
            given[question.id] = question.option(data.get(question.id)).id
        except Invalid:
            continue
    known = {practice.id for practice in tiering.PROHIBITED}
    return given | {"prohibited": [one for one in data.getlist("prohibited") if one in known]}


def _contradictions(version: ModelVersion) -> list[Comparison]:
    return [row for row in contradictions.of(version) if row.verdict == Verdict.CONTRADICT]


def _address(version: ModelVersion, step: str) -> str:
    return reverse(f"publishing:{step}", args=[version.model.slug, version.number])


VERSION = "publish/<slug:slug>/<str:number>"
urlpatterns = [
    path(f"{VERSION}/risk/", risk, name="risk"),
    path(f"{VERSION}/risk/consequences/", risk_consequences, name="risk_consequences"),
    path(f"{VERSION}/card/", card, name="card"),
    path(f"{VERSION}/card/preview/", card_preview, name="card_preview"),
    path(f"{VERSION}/card/autosave/", autosave, name="autosave"),
]
