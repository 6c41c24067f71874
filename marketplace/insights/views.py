"""Pages of value."""

from django.shortcuts import render

from marketplace.insights import figures


def overview(request):
    return render(request, "insights/insights.html", {"overview": figures.overview(request.user)})
