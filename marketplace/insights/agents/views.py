"""The endpoint of the Model Context Protocol: who may ask, and what is asked; the SDK answers (docs/mcp.md)."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from marketplace.accounts.requests import PageRequest
from marketplace.core import json_reader, problem_json
from marketplace.tokens.authentication import for_tokens

PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # JSON-RPC 2.0, section 5.1


@csrf_exempt  # a session opens nothing here, so there is nothing to forge
@for_tokens
def mcp(request: PageRequest) -> HttpResponse:
    """Streamable HTTP of the Model Context Protocol, without sessions: each POST is an exchange of its own."""
    if not _is_of_this_site(request):
        return problem_json.problem_response(
            403, "not-allowed", "You may not do this", "Pages of other sites may not ask here."
        )
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if find_spec("mcp") is None:
        return problem_json.problem_response(
            503,
            "away",
            "The MCP server is not installed",
            "The operators install the extra agents.",
        )
    try:
        if not isinstance(json_reader.read(request.body), dict):
            return _unusable(INVALID_REQUEST, "Send one JSON-RPC message, as an object.")
    except json_reader.Malformed as error:
        return _unusable(PARSE_ERROR, str(error))
    except json_reader.Unusable as error:
        return _unusable(INVALID_REQUEST, f"{error.path} {error.message}".strip())
    from marketplace.insights.agents import exchange  # the SDK takes seconds and 40 MiB

    answer = exchange.answer(request, request.body)
    answer["Cache-Control"] = "no-store"
    return answer


def _is_of_this_site(request: HttpRequest) -> bool:
    """Programs send no Origin; a browser names the page's, and a page elsewhere must not reach the tools (DNS rebinding)."""
    origin = request.headers.get("Origin")
    own = urlsplit(settings.PORTAL_URL)
    return origin in (
        None,
        f"{own.scheme}://{own.netloc}",
        f"{request.scheme}://{request.get_host()}",
    )


def _unusable(code: int, message: str) -> JsonResponse:
    """A JSON-RPC error without an id, as for bodies that hold no request."""
    error = {"code": code, "message": message}
    return JsonResponse({"jsonrpc": "2.0", "id": None, "error": error}, status=400)


urlpatterns = [path("mcp", mcp, name="mcp")]
