"""The overview tab of a model. marketplace.urls gives it its place among the catalog's addresses."""

from django.http import HttpResponse
from django.shortcuts import render

from catalog import discovery_log
from catalog.pages import get_visible_model_or_404, model_context
from marketplace.accounts.requests import PageRequest
from marketplace.insights.model_page import page, price
from marketplace.insights.models import HealthScore


def overview(request: PageRequest, slug: str) -> HttpResponse:
    """The answer in one screen; for htmx only what the asked calls would cost."""
    entry = get_visible_model_or_404(request, slug)
    if request.htmx:
        offered = list(entry.plans.filter(is_offered=True))
        context = {"model": entry, "price": price.price(offered, request.GET)}
        return render(request, "insights/model_page/_cost.html", context)
    discovery_log.keep_view(request.user, entry, request.headers.get("Referer", ""))
    context = model_context(request, entry, "catalog:model")
    answer = page.answer(request, context)
    context["health"] = HealthScore.objects.filter(model=entry).first()
    status = 200 if answer.price.form.is_valid() else 400
    return render(
        request, "insights/model_page/overview.html", context | {"answer": answer}, status=status
    )
