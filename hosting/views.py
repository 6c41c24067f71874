"""Pages of the runtime: a model's deployment, the fleet."""

from django.http import Http404
from django.shortcuts import render

from catalog.pages import model_frame, open_model
from hosting import fleet



def deployment(request, slug):
    """What runs for a model: each version's state, replicas now and before, restarts, probes, incidents."""
    entry = open_model(request, slug)
    context = model_frame(request, entry, "hosting:deployment")
    context["deployments"] = fleet.deployments_of(context["versions"])
    template = "hosting/_deployment.html" if request.htmx else "hosting/deployment_tab.html"
    return render(request, template, context)


def operations(request):
    """The fleet, for operators: what runs, what does not and why."""
    if not request.user.has_role("operator", "admin", "curator"):
        raise Http404
    return render(request, "hosting/_operations.html" if request.htmx else "hosting/operations.html", fleet.overview())


