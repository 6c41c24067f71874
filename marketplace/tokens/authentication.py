"""A program calls the API with `Authorization: Bearer mkp_…`: who that is, and whether the token's scopes reach so far.

Of the pages only the documents for programs take tokens. The answer to a token that does not work is one and the same, whether it is unknown, expired or revoked.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from marketplace.accounts.models import User
from marketplace.core.errors import NotAllowed
from marketplace.core.problem_json import MEDIA_TYPE, is_read_by_a_person, problem
from marketplace.tokens import actions
from marketplace.tokens.models import ApiToken, Scope

# The API, and what programs read beside it (docs/discovery.md).
FOR_PROGRAMS = re.compile(
    r"/api/|/mcp$|/\.well-known/api-catalog$|/llms\.txt$|/models/[^/]+\.md$|"
    r"/models/[^/]+/versions/[^/]+/(openapi\.json|README\.md|bom\.cdx\.json)$"
)
SCHEME = "bearer"
CHALLENGE = 'Bearer realm="marketplace"'
TOKEN = "api_token"  # the attribute of a request that came with one


def by_token(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware: what a program asks with a token is its person's; with one that does not work it is nobody's (401)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME or not FOR_PROGRAMS.match(request.path_info):
            return get_response(request)
        token = actions.recognise(text.strip())
        if token is None:
            return _refusal()
        request.user = token.acting_user()
        setattr(request, TOKEN, token)
        return get_response(request)

    return middleware


def for_programs(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A document that programs read with a token and people in their session; a program without one is told so (401)."""

    @login_not_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if is_read_by_a_person(request):
            return redirect_to_login(request.get_full_path())
        return _refusal("No token came with the request, and nobody is signed in.")

    return guarded


def for_tokens(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An endpoint of programs alone: a session opens nothing here, and who comes without a token is told so (401)."""

    @login_not_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request, TOKEN, None) is None:
            return _refusal("No token came with the request; a session opens nothing here.")
        return view(request, *args, **kwargs)

    return guarded


def _refusal(
    said: str = "It is unknown, has expired or was revoked, or its person has left.",
) -> JsonResponse:
    body = problem(
        401,
        "token-not-recognised",
        "The token is not recognised",
        said,
        remedy=f"Send a live token as Authorization: Bearer mkp_…; make one at {reverse('tokens:tokens')}.",
        ask="the person or the team that the token belongs to, or the operators",
    )
    challenge = f'{CHALLENGE}, error="invalid_token"'
    return JsonResponse(
        body, status=401, content_type=MEDIA_TYPE, headers={"WWW-Authenticate": challenge}
    )


class ByToken(BaseAuthentication):
    """Django REST framework's view of what the middleware found; `request.auth` is the ApiToken."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        token = getattr(request._request, TOKEN, None)
        return (token.user, token) if token else None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class TokenScope(BasePermission):
    """The one rule of what a token may do: read, and the acts that a resource lists in `token_scopes`.

    It only narrows: the verb asks afterwards whether the person may. An act that no resource lists, such as a decision of a
    review, is no token's, so a new act is closed until somebody opens it. The list is not inherited.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        action = getattr(view, "action", None)
        if not isinstance(token, ApiToken):
            return True
        is_safe = request.method in SAFE_METHODS
        scope = Scope.READ if is_safe else vars(type(view)).get("token_scopes", {}).get(action)
        if scope is None and action is not None:
            raise NotAllowed("No token does this.", remedy="Sign in and do it yourself.")
        if scope is not None:
            require_scope(token, scope)
        return True


def require_scope(token: ApiToken, scope: str) -> None:
    """Raise NotAllowed unless the token may do what this scope allows."""
    if not token.allows(scope):
        raise NotAllowed(
            f"{token} does not have the scope {scope}.",
            remedy=f"Make a token with the scope {scope}.",
            ask=str(token.user),
        )


class ByTokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes it."""

    target_class = "marketplace.tokens.authentication.ByToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token (mkp_…) of a person."}
