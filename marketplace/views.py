"""The navigation context of every page, the home page, and the error responses."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F
from django.http import Http404, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from redis import RedisError

from catalog.models import Collection, RegisteredModel
from consumption import deadlines
from consumption.models import Subscription
from consumption.subscribing import holdings
from governance.models import Review
from governance.permissions import REVIEWER_ROLES
from marketplace.audit.models import SEES_THE_RECORD
from marketplace.core import postgres, redis_client
from marketplace.core import problem_json as answers
from marketplace.core.problem_types import BY_SLUG, PROBLEM_TYPES
from marketplace.insights.models import Announcement, CompanyEvent, Spotlight, Story
from marketplace.insights.start_page import executive, figures, finance, recommendations
from marketplace.notices.models import Notice
from marketplace.organisation.forms import JoinForm
from marketplace.organisation.models import SEES_PEOPLE, JoinRequest

SHOWN = 4
SHOWN_EVENTS = 2
PROGRAMS = ("/api/", "/security/leaked-keys")  # they read problem+json
FORM = "application/x-www-form-urlencoded"


def navigation_context(request):
    """Context of templates/base.html: what the navigation needs. Lazy where it costs a query."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    roles = user.roles()
    return {
        "can_review": bool(roles & set(REVIEWER_ROLES)),
        "can_curate": "curator" in roles,
        "can_operate": bool(roles & {"operator", "admin", "curator"}),
        "sees_the_record": bool(roles & set(SEES_THE_RECORD)),
        "administers": bool(roles & set(SEES_PEOPLE)),
        "keeps_the_books": "finance" in roles,
        "can_reconcile": bool(roles & {"finance", "auditor", "admin"}),
        "review_count": Review.objects.for_roles(roles).count() if roles else 0,
        "unread_notices": Notice.objects.on_page(user).unread().count(),
        "demo_mode": settings.DEMO_MODE,
    }


def home(request):
    """What needs the reader and what they hold; search; what fits them, what others take up, what is new. Executives: figures; finance: those of its books."""
    user = request.user
    held = list(Subscription.objects.held_by(user).going_on().for_list())
    due = deadlines.for_person(user, held)
    if user.has_role(executive.ROLE):
        context = {
            "overview": executive.overview(user),
            "deadlines": due,
            "held": holdings.held(held, due),
            **_told(user),
            "setup": setup_progress(),
        }
        return render(request, "home_executive.html", context)
    models = RegisteredModel.objects.visible_to(user).published()
    newest = models.for_list().order_by(F("last_published_at").desc(nulls_last=True), "id")
    for_you = recommendations.for_person(user, user.roles(), models)
    story = figures.story(user)
    context = {
        "counts": story.counts,
        **_newcomer(user),
        "books": finance.books(user) if user.has_role(finance.ROLE) else None,
        "for_you": for_you,
        "trending": recommendations.trending(models, besides=for_you),
        "recent": newest[:SHOWN],
        "collections": Collection.objects.for_home(models),
        "deadlines": due,
        "held": holdings.held(held, due),
        **_told(user),
        "story": story,
        "setup": setup_progress(),
    }
    return render(request, "home.html", context)


def _told(user):
    """What insights tells the reader now: announcements, events, spotlights, the newest story."""
    return {
        "announcements": Announcement.objects.for_home(user)[:SHOWN],
        "events": CompanyEvent.objects.visible_to(user).coming(timezone.now())[:SHOWN_EVENTS],
        "spotlights": Spotlight.objects.for_home(user, timezone.localdate())[:SHOWN_EVENTS],
        "told": Story.objects.published_for(user).for_list().first(),
    }


def _newcomer(user):
    """For who is on no team: the form to ask one, and what was asked already."""
    if user.team_ids():
        return {"join_form": None}
    return {
        "join_form": JoinForm(),
        "asked": JoinRequest.objects.open().for_page().filter(person=user),
    }


@never_cache
def setup(request):
    """The progress banner (htmx) while the demo company is being built."""
    return render(request, "_setup.html", {"setup": setup_progress()})


@dataclass(frozen=True)
class SetupProgress:
    """How far the demo company is built: `done` of `total` steps, and what is being done."""

    done: int
    total: int
    text: str


def setup_progress() -> SetupProgress | None:
    """From the supervisor's status file; None when nothing is being set up."""
    path = Path(settings.RUN_DIR) / "status.json"
    try:
        progress = json.loads(path.read_text()).get("setup")
    except (OSError, ValueError):
        return None
    return SetupProgress(**progress) if progress else None


@login_not_required
def healthz(request):
    """Liveness: the process answers. No database."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
def readyz(request):
    """Readiness, for a balancer: {"postgres", "redis"}; 503 while Postgres does not answer. Pages work without Redis."""
    stores = {"postgres": _postgres_answers(), "redis": _redis_answers()}
    status = 200 if stores["postgres"] else 503
    headers = {} if stores["postgres"] else {"Retry-After": str(answers.RETRY_AFTER_S)}
    return JsonResponse(
        {name: "up" if is_up else "away" for name, is_up in stores.items()},
        status=status,
        headers=headers,
    )


def _postgres_answers():
    try:
        with (
            postgres.deadline(per_answer_s=postgres.POOL_S, total_s=postgres.POOL_S),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True


def _redis_answers():
    try:
        return redis_client.execute(lambda redis: redis.ping())
    except RedisError:
        return False


@login_not_required
def problems(request, slug=None):
    """What the problem types of the API and the gateway mean; one of them, or all."""
    if slug and slug not in BY_SLUG:
        raise Http404
    pages = [BY_SLUG[slug]] if slug else PROBLEM_TYPES
    return render(request, "docs/problems.html", {"pages": pages, "one": slug})


def csrf_failed(request, reason=""):
    return render(request, "csrf_failed.html", status=403)


@login_not_required
def unreadable(request, exception=None):
    """400 for what the framework could not read; 413 when it was too long."""
    if request.path.startswith(PROGRAMS):
        return answers.error_response(exception)
    return HttpResponse(
        render_to_string("400.html"),
        status=413 if isinstance(exception, RequestDataTooBig) else 400,
    )


def not_found(request, exception=None):
    """404 for a page. Django's own reads the body once more for a token, and a body that nobody can read made it 500."""
    return render(request, "404.html", status=404)


def forbidden(request, exception=None):
    """403 where Django or a library says so; as `not_found`, it reads no body."""
    return render(request, "403.html", status=403)


@login_not_required
def server_error(request):
    """What nobody caught: 503 while Postgres is away, slow or full, else 500. Asks the database nothing."""
    error = sys.exc_info()[1]
    if request.path.startswith(PROGRAMS):
        return answers.error_response(error)
    if not answers.is_database_unavailable(error):
        return HttpResponse(render_to_string("500.html"), status=500)
    frame_facts = {
        "request_id": request.request_id,
        "COOKIES": request.COOKIES,
    }  # no more: its user would be looked up
    context = {
        "request": frame_facts,
        "typed": _typed(request),
        "again": request.get_full_path(),
        "was_sent": request.method == "POST",
    }
    headers = {"Retry-After": str(answers.RETRY_AFTER_S), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("503.html", context), status=503, headers=headers)


def _typed(request):
    """[(name, value)] of the form that was sent, to be sent again; nothing for files, which browsers do not send twice, and passwords."""
    if request.method != "POST" or request.content_type != FORM:
        return []
    try:
        typed = [(name, value) for name, values in request.POST.lists() for value in values]
    except (RequestDataTooBig, TooManyFieldsSent, UnreadablePostError):
        return []
    return [] if any("password" in name for name, _ in typed) else typed
