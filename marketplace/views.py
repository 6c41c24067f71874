"""The frame of every page, home, and the answers to what goes wrong."""

import json
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.db.models import Max
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache

from catalog.models import RegisteredModel
from consumption.models import Subscription
from governance.models import Review
from governance.permissions import REVIEWER_ROLES
from marketplace.adoption import insights
from marketplace.notices.models import Notice
from marketplace.problem_pages import BY_SLUG, PAGES

SHOWN = 4


def frame(request):
    """Context of templates/base.html: what the navigation needs. Lazy where it costs a query."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    roles = user.roles()
    return {
        "can_review": bool(roles & set(REVIEWER_ROLES)),
        "can_operate": bool(roles & {"operator", "admin", "curator"}),
        "can_reconcile": bool(roles & {"finance", "auditor", "admin"}),
        "review_count": Review.objects.for_roles(roles).count() if roles else 0,
        "unread_notices": Notice.objects.filter(recipient=user, read_at=None).count(),
        "demo_mode": settings.DEMO_MODE,
    }


def home(request):
    """Search first; then what is mine, what fits my team, what others use, what is new."""
    models = RegisteredModel.objects.visible_to(request.user).published()
    held = Subscription.objects.held_by(request.user)
    context = {
        "counts": {"models": models.count(), "teams": models.values("owner_team").distinct().count()},
        "for_you": _for_you(request.user, models, held),
        "popular": models.for_list().order_by("-consumer_teams", "-calls_30d")[:SHOWN],
        "recent": models.for_list().annotate(newest=Max("versions__published_at")).order_by("-newest")[:SHOWN],
        "continuing": held.open().for_list()[:SHOWN],
        "notices": Notice.objects.filter(recipient=request.user, read_at=None)[:SHOWN],
        "story": insights.story(),
        "setup": setup_progress(),
    }
    return render(request, "home.html", context)


@never_cache
def setup(request):
    """The progress banner (htmx) while the demo company is being built."""
    return render(request, "_setup.html", {"setup": setup_progress()})


def setup_progress():
    """{"done", "total", "text"} from the supervisor's status file, or None when nothing is being set up."""
    path = Path(settings.RUN_DIR) / "status.json"
    try:
        status = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return status.get("setup")


@login_not_required
def healthz(request):
    """Liveness: the process answers. No database."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
def problems(request, slug=None):
    """What the problem types of the API and the gateway mean; one of them, or all."""
    if slug and slug not in BY_SLUG:
        raise Http404
    pages = [BY_SLUG[slug]] if slug else PAGES
    return render(request, "docs/problems.html", {"pages": pages, "one": slug})


def csrf_failed(request, reason=""):
    return render(request, "csrf_failed.html", status=403)


@login_not_required
def broken(request):
    """What nobody caught: 503 when the database is away or all its connections are taken, else 500. Asks the database nothing."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "5"})
    return HttpResponse(render_to_string("500.html"), status=500)


def _for_you(user, models, held):
    """Models of the domains that the person's teams already use, not yet theirs: [(model, why)]."""
    domains = set(held.values_list("model__domain__name", flat=True))
    mine = held.open().values("model")
    fitting = models.for_list().filter(domain__name__in=domains).exclude(pk__in=mine).exclude(owner_team__in=user.teams())
    return [(model, f"Your teams use other {model.domain} models.") for model in fitting.order_by("-calls_30d")[:2]]
