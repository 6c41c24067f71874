"""Pages of value."""

from django.shortcuts import render

from marketplace.adoption import insights


def overview(request):
    return render(request, "adoption/insights.html", insights.overview(request.user))
