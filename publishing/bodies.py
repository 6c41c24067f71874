"""May this body come? The middleware that judges a request by its address, its size and who asks, before its body is read.

Packages go to few addresses only, from people who may edit the version; tables for batch evaluations to two, from people on a
team. Everything else is small: see docs/portal-limits.md.
"""

from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db.models import Q
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, resolve
from django_htmx.http import HttpResponseClientRedirect

from catalog.models import ModelVersion, RegisteredModel
from marketplace.core import problem_json
from marketplace.core.errors import BusinessAnswer, Encoded, NotAllowed, TooLarge
from marketplace.core.request_bodies import ADMISSION, REFUSAL, NoFiles
from marketplace.tokens.authentication import TOKEN, require_scope
from marketplace.tokens.models import Scope
from publishing import room, uploads

# Names of the addresses that take packages.
PAGE, API, PUBLICATION = (
    "publishing:package",
    "api:version-artifacts",
    "api:model-version-publication",
)
# Names of the addresses that take a table for a batch evaluation (docs/batch-evaluation.md).
TABLE_PAGE, TABLE_API = "consumption:new_evaluation", "api:batch-evaluation-list"
TABLES = (TABLE_PAGE, TABLE_API)
FORM = "multipart/form-data"
SMALL, LARGE = 64 * 1024, 1024 * 1024  # bytes from anybody, and from people who are signed in
SIGN_IN = "Only people who are signed in send so much."


def before_reading(get_response):
    """Judge the body, take an upload's place, give it back; or answer without reading."""

    def middleware(request):
        admission = request.META.get(ADMISSION)
        has_answered = admission is not None and admission.is_granted
        if REFUSAL in request.META and not has_answered:
            return refusal(request, request.META[REFUSAL], get_response)
        try:
            upload = _of(admission) if has_answered else _judge(request, admission)
        except BusinessAnswer as error:
            return refusal(request, error, get_response)
        if isinstance(upload, HttpResponse):
            return upload
        if admission is not None and not has_answered:
            return HttpResponse(status=204)
        with uploads.place(upload):
            return _read(request, upload, get_response)

    return middleware


def _judge(request, admission):
    """The Upload that this is, None for anything else; an answer instead for those who may not know. Fills `admission`."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise Encoded(
            "Bodies are read as they come.", remedy="Send it again without Content-Encoding."
        )
    size = (
        admission.declared
        if admission is not None
        else int(request.META.get("CONTENT_LENGTH") or 0)
    )
    if (
        request.content_type == FORM
        and request.method == "POST"
        and (match := _upload_address(request))
    ):
        return _judge_upload(request, admission, match, size)
    limit, person = SMALL, None
    if size > SMALL or size < 0:
        limit, person = _limit(request)
    if size > limit:
        raise _too_large(limit, size, person)
    if admission is not None:
        admission.limit, admission.person, admission.is_granted = limit, person, True
    return None


def _judge_upload(request, admission, match, size):
    if not request.user.is_authenticated:
        return _sign_in(request)
    if token := getattr(request, TOKEN, None):
        require_scope(token, Scope.EVALUATE if match.view_name in TABLES else Scope.PUBLISH)
    upload = _begin(request.user, match, size)
    if upload is None:
        return _not_found(request)
    if admission is not None:
        admission.limit, admission.person, admission.upload = size, request.user.pk, upload.pk
        admission.folder, admission.is_granted = room.quarantine(), True
        return None
    return upload


def _begin(user, match, size):
    """The Upload that takes its place; None when there is nothing at this address that the person may know of."""
    if match.view_name in TABLES:
        return uploads.begin_table(user, size)
    if match.view_name == PUBLICATION:
        models = RegisteredModel.objects.visible_to(user).select_related("owner_team")
        model = models.filter(slug=match.kwargs["slug"]).first()
        return model and uploads.begin_publication(user, model, match.kwargs["number"], size)
    version = _version(user, match)
    return version and uploads.begin(user, version, size)


def _read(request, upload, get_response):
    """Answer the request; files are kept of an upload only."""
    if error := request.META.get(REFUSAL):
        return refusal(request, error, get_response)
    try:
        if request.content_type == FORM:
            request.upload_handlers = [
                TemporaryFileUploadHandler(request) if upload else NoFiles(request)
            ]
            if upload and not _is_api(request):  # the API reads its body itself, later
                with room.told():
                    request.POST  # noqa: B018 - reading it writes its files
    except BusinessAnswer as error:
        return refusal(request, error, get_response)
    return get_response(request)


def _of(admission):
    """The upload that was admitted before its body was received."""
    return (
        uploads.Upload.objects.filter(pk=admission.upload).first() if admission.is_upload else None
    )


def _limit(request):
    """(bytes, pk of the person) for anything but packages."""
    if request.user.is_authenticated:
        return LARGE, request.user.pk
    match = _match(request)
    return getattr(match.func, "takes_from_anybody", SMALL) if match else SMALL, None


def _match(request):
    try:
        return resolve(request.path_info)
    except Resolver404:
        return None


def _upload_address(request):
    match = _match(request)
    return match if match and match.view_name in (PAGE, API, PUBLICATION, *TABLES) else None


def _version(user, match):
    versions = ModelVersion.objects.visible_to(user).select_related("model__owner_team")
    if match.view_name == API:
        return (
            versions.filter(pk=match.kwargs["pk"]).first() if match.kwargs["pk"].isdigit() else None
        )
    own = Q(model__owner_team__in=user.teams())
    return versions.filter(
        own, model__slug=match.kwargs["slug"], number=match.kwargs["number"]
    ).first()


def _too_large(limit, size, person):
    remedy = (
        "Send less at a time; packages go to the package step of a version."
        if person
        else f"{SIGN_IN} Sign in first."
    )
    told = f" This one has {filesizeformat(size)}." if size > 0 else ""
    return TooLarge(
        f"A request has at most {filesizeformat(limit)} here.{told}", limit=limit, remedy=remedy
    )


def _sign_in(request):
    if _is_api(request):
        return problem_json.problem_response(
            401, "not-signed-in", "Sign in first", "This API answers to people who are signed in."
        )
    answer = redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    is_htmx = request.headers.get("HX-Request") == "true"
    return HttpResponseClientRedirect(answer.url) if is_htmx else answer


def _not_found(request):
    if _is_api(request):
        return problem_json.page_not_found(request)
    raise Http404


def refusal(request, error, get_response):
    """A business answer of the middleware: problem+json, the upload's form, or an error page."""
    retry = {"Retry-After": "30"} if error.status == 429 else {}
    if _is_api(request):
        members = {
            "field": error.field,
            "limit": getattr(error, "limit", None),
            "remedy": error.remedy,
            "ask": error.ask,
        }
        body = problem_json.problem(error.status, error.slug, error.title, error.message, **members)
        return JsonResponse(
            body, status=error.status, content_type=problem_json.MEDIA_TYPE, headers=retry
        )
    if _is_of_upload_page(request, error):
        answer = _form_with(request, error, get_response)
    else:
        answer = render(request, "refused.html", {"error": error}, status=error.status)
    for name, value in retry.items():
        answer[name] = value
    return answer


def _is_of_upload_page(request, error):
    match = _match(request)
    return bool(
        match
        and match.view_name in (PAGE, TABLE_PAGE)
        and request.method == "POST"
        and request.user.is_authenticated
        and not isinstance(error, NotAllowed)
    )


def _form_with(request, error, get_response):
    """The package step as GET shows it, with the refusal on its form: the body was not read."""
    request.method = "GET"
    request.upload_refusal = error
    answer = get_response(request)
    if answer.status_code == HTTPStatus.OK:
        answer.status_code = error.status
    return answer


def _is_api(request):
    return request.path.startswith(("/api/", "/mcp", "/integrations/", "/security/leaked-keys"))
