"""Pages of batch evaluations: a team's own rows, from the file to the figures. Strangers get 404, whatever their role."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404
from consumption import actions
from consumption.evaluations import exports, offers
from consumption.evaluations import page as evaluation_pages
from consumption.evaluations.actions import MOST_VERSIONS, cannot_answer, shareable
from consumption.evaluations.forms import MappingForm, ReadingForm, UploadForm, named_version
from consumption.models import BatchEvaluation, BatchState
from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.links import Link

A_PAGE = 25
MAPPABLE = (BatchState.MAPPING, BatchState.READY)


def evaluations(request: PageRequest) -> HttpResponse:
    """All batch evaluations of the person's teams, the newest first."""
    found = BatchEvaluation.objects.visible_to(request.user).for_list().defer("results", "report")
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "consumption/evaluations.html", {"page_obj": page})


def new_evaluation(request: PageRequest) -> HttpResponse:
    """Bring a file; `?model=` says whose page one comes from, `?version=slug/number` which versions are compared."""
    slug = request.GET.get("model")
    model = get_visible_model_or_404(request, slug) if slug else None
    picked, left_out = _picked(request)
    form = UploadForm(
        request.POST or None, request.FILES or None, user=request.user, model=model, picked=picked
    )
    done, created = submitted(
        request, form, lambda **data: actions.create_evaluation(request.user, **data)
    )
    if done:
        return redirect(created)
    context = {
        "model": model,
        "left_out": left_out,
        "refusal": getattr(request, "upload_refusal", None),
        "has_team": request.user.teams().exists(),
    }
    return show(request, "consumption/evaluation_new.html", form, **context)


def _picked(request: PageRequest) -> tuple[list[ModelVersion], list[str]]:
    """(the versions that the address names and that can answer rows, why the other ones cannot)."""
    names = request.GET.getlist("version")[:MOST_VERSIONS]
    named = [named_version(request.user, name) for name in names]
    problems = {version: cannot_answer(version) for version in named if version}
    return [one for one, why in problems.items() if not why], list(filter(None, problems.values()))


@never_cache
def evaluation(request: PageRequest, pk: int) -> HttpResponse:
    """One evaluation, whatever it is at: the work under way, its columns, its check, its results."""
    return _page(request, _found(request, pk))


@never_cache
def evaluation_columns(request: PageRequest, pk: int) -> HttpResponse:
    """Choose the columns, or choose them again before the run."""
    found = _found(request, pk)
    if found.state not in MAPPABLE or not found.has_rows:
        return redirect(found)
    form = MappingForm(request.POST or None, evaluation=found)
    done, _ = submitted(
        request, form, lambda **data: actions.map_columns(request.user, found, **data)
    )
    return redirect(found) if done else _page(request, found, mapping_form=form)


@require_POST
def read_evaluation(request: PageRequest, pk: int) -> HttpResponse:
    """Read the file another way."""
    found = _found(request, pk)
    form = ReadingForm(request.POST)
    done, _ = submitted(
        request, form, lambda **data: actions.read_again(request.user, found, **data)
    )
    return redirect(found) if done else _page(request, found, reading_form=form)


@require_POST
def start_evaluation(request: PageRequest, pk: int) -> HttpResponse:
    return _done(request, pk, actions.start_evaluation, "The run is queued.")


@require_POST
def cancel_evaluation(request: PageRequest, pk: int) -> HttpResponse:
    return _done(request, pk, actions.cancel_evaluation, "Cancelled. Its rows are deleted.")


@require_POST
def delete_evaluation_rows(request: PageRequest, pk: int) -> HttpResponse:
    said = "The key of these rows is destroyed; the receipt follows."
    return _done(request, pk, actions.delete_rows, said)


@require_POST
def share_evaluation(request: PageRequest, pk: int) -> HttpResponse:
    said = "The figures stand beside the versions' others, with the name of your team."
    return _done(request, pk, actions.share_figures, said)


@require_GET
@never_cache
def download_evaluation(request: PageRequest, pk: int, kind: str) -> FileResponse:
    """Figures, answers or problems as CSV that spreadsheets do not run."""
    found = _found(request, pk)
    if kind not in exports.KINDS or found.state != BatchState.SUCCEEDED:
        raise Http404
    file = exports.write(found, kind)
    name = f"evaluation-{found.pk}-{kind}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")


def _found(request: PageRequest, pk: int) -> BatchEvaluation:
    return get_object_or_404(
        BatchEvaluation.objects.visible_to(request.user).for_list().select_related("receipt"), pk=pk
    )


def _done(request: PageRequest, pk: int, verb: Callable[..., Any], said: str) -> HttpResponse:
    found = _found(request, pk)
    verb(request.user, found)
    messages.success(request, said)
    return redirect(found)


def _page(request: PageRequest, found: BatchEvaluation, **forms: Any) -> HttpResponse:
    context: dict[str, Any] = {
        "evaluation": found,
        "names": evaluation_pages.names_of(found),
        "trail": [Link("Batch evaluations", reverse("consumption:evaluations"))],
        "receipt": getattr(found, "receipt", None),
        "problems": [],
    }
    if found.state == BatchState.MAPPING or forms:
        context["mapping_form"] = forms.get("mapping_form") or MappingForm(evaluation=found)
        context["reading_form"] = forms.get("reading_form") or ReadingForm(initial=found.reading)
    elif found.state == BatchState.READY:
        context |= _check(found)
    elif found.state == BatchState.SUCCEEDED:
        context |= _results(request, found)
    elif found.state == BatchState.RUNNING:
        answers = found.rows * len(context["names"])
        context["progress"] = min(100, round(100 * found.answers_done / max(answers, 1)))
    if found.state in (BatchState.READY, BatchState.SUCCEEDED):
        context["drifts"] = evaluation_pages.drifts(found)
        context["without_spread"] = evaluation_pages.without_spread(found)
    template = "consumption/_evaluation.html" if request.htmx else "consumption/evaluation.html"
    status = 422 if request.method == "POST" else 200
    return render(request, template, context, status=status)


def _check(found: BatchEvaluation) -> dict[str, Any]:
    problems, _ = evaluation_pages.kept_rows(found)
    return {
        "report": found.report,
        "truth": evaluation_pages.truth_of(found.report),
        "report_rows": evaluation_pages.report_rows(found),
        "valid_rows": evaluation_pages.valid_rows(found),
        "problems": evaluation_pages.shown_problems(problems, len(found.evaluated())),
    }


def _results(request: PageRequest, found: BatchEvaluation) -> dict[str, Any]:
    problems, extremes = evaluation_pages.kept_rows(found)
    page = evaluation_pages.result_page(found, request.GET)
    calls = offers.expected_calls(request.GET)
    return {
        "may_share": not found.shared_at and bool(shareable(found)),
        "page": page,
        "calls": calls,
        "offers": offers.offers_of(found, page, calls),
        "problems": evaluation_pages.shown_problems(problems, len(found.evaluated())),
        "extremes": extremes,
        "unanswered": evaluation_pages.unanswered(found),
    }
