"""The playground: a model's versions tried on one's own values."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import redirect, render

from catalog.models import ModelVersion
from catalog.pages import get_visible_model_or_404, model_context
from consumption.forms import LatencyForm
from consumption.models import LatencyRun
from consumption.playground import allowance, choices, costs, history, page, rows
from consumption.playground import latency as measuring
from consumption.playground.bench import WITHOUT, Bench
from consumption.playground.choices import Choice
from consumption.playground.costs import LatencyCard
from consumption.playground.sheet import Sheet
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.submissions import is_repeatable
from marketplace.core.forms import show, submitted

RUNS_SHOWN = 8


@is_repeatable
def try_model(request: PageRequest, slug: str) -> HttpResponse:
    """Inputs on one side, answers on the other. Each button posts the whole form: nothing that was typed is lost."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "consumption:try")
    version = context["version"]
    if version is None or not version.signature.get("inputs"):
        return render(request, "consumption/try_tab.html", context | {"bench": None})
    version.model = entry
    sheet, chosen = (
        _posted(request, version) if request.method == "POST" else _begun(request, version)
    )
    bench = page.build(
        sheet,
        chosen,
        choices.offered(request.user, version, chosen),
        allowance.of(request.user),
        history.runs(request.session.session_key),
    )
    is_refused = bool(sheet.errors or sheet.typed_error) and not request.htmx
    template = "consumption/_try.html" if request.htmx else "consumption/try_tab.html"
    return render(request, template, context | {"bench": bench}, status=422 if is_refused else 200)


def _begun(request: PageRequest, version: ModelVersion) -> tuple[Sheet, list[Choice]]:
    """The owner's example, or a run of the history (`?run=`) with the versions that it asked."""
    run = history.find(request.session.session_key, request.GET.get("run", ""))
    if run is None or run.model != version.model.slug:
        chosen = choices.chosen(request.user, version, request.GET.getlist("on"))
        first = chosen[0].version
        return Sheet(rows.of_example(first.signature, first.example), []), chosen
    chosen = choices.chosen(request.user, version, [side.version for side in run.sides])
    sheet = Sheet(run.rows, [], at=run.at)
    return replace(sheet, moved_id=run.id) if run.moved else replace(sheet, run_id=run.id), chosen


def _posted(request: PageRequest, version: ModelVersion) -> tuple[Sheet, list[Choice]]:
    sheet, act = Sheet.of_post(request.POST), request.POST.get("do", "run")
    keys = [key for key in sheet.keys if act != f"{WITHOUT}{key}"]
    if act == "add-version":
        keys.append(request.POST.get("add", ""))
    chosen = choices.chosen(request.user, version, keys)
    bench = Bench(request.user, request.session.session_key, chosen)
    return bench.act(act, replace(sheet, keys=keys), request.POST.get("move", "")), chosen


def latency(request: PageRequest, slug: str) -> HttpResponse:
    """Ask for a benchmark, and one's own of this model beside each other."""
    entry = get_visible_model_or_404(request, slug)
    context = model_context(request, entry, "consumption:try")
    versions = ModelVersion.objects.visible_to(request.user).callable().filter(model=entry)
    form = LatencyForm(
        request.POST or None, versions=versions.select_related("model").newest_first()
    )
    done, _ = submitted(
        request,
        form,
        lambda version, rows, expected_calls: measuring.start(
            request.user, version, count=rows, expected_calls=expected_calls
        ),
    )
    if done:
        return redirect("consumption:latency", slug)
    own = LatencyRun.objects.visible_to(request.user).filter(version__model=entry)
    runs = list(own.select_related("version")[:RUNS_SHOWN])
    prices = costs.of_models([entry.pk])[entry.pk]
    context |= {
        "runs": [LatencyCard(run, prices) for run in runs],
        "is_open": any(run.state in LatencyRun.OPEN for run in runs),
    }
    template = "consumption/_latency.html" if request.htmx else "consumption/latency.html"
    return show(request, template, form, **context)
