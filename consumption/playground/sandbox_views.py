"""The sandbox as an address: a version's documentation calls it in the place of the gateway, without a key.

POST /sandbox/v2/models/<model>/versions/<number>/infer and …/rows, GET …/ready and without a verb

Its callers are programs, so it answers with problem+json itself, where the middleware would show a page.
"""

import re

from django.http import HttpResponse
from django.views.decorators.cache import never_cache

from catalog.pages import get_visible_version_or_404
from consumption.playground import gateway_client, tries
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import BusinessAnswer
from marketplace.core.problem_json import problem_response

METHODS = {"infer": "POST", "rows": "POST", "ready": "GET", "": "GET"}
PASSED_ON = ("Content-Type", "Accept")
PLAIN = re.compile(r"[ -~]+")  # what may stand in a header


@never_cache
def sandbox(request: PageRequest, slug: str, number: str, verb: str = "") -> HttpResponse:
    """One call in the sandbox, answered as the gateway answers; each takes one of the person's calls of the hour."""
    version = get_visible_version_or_404(request, slug, number)
    method = METHODS.get(verb)
    if method is None:
        return problem_response(
            404,
            "no-such-route",
            "There is nothing at this address",
            "The sandbox runs models only.",
        )
    if request.method != method:
        answer = problem_response(405, "wrong-method", "Method not allowed", f"Use {method}.")
        answer["Allow"] = method
        return answer
    if request.content_type == "multipart/form-data":  # its parts are not the body any more
        return problem_response(
            415, "media-type", "This media type is not understood", "Send JSON, or CSV as rows."
        )
    headers = {name: request.headers.get(name, "") for name in PASSED_ON}
    headers = {name: text for name, text in headers.items() if PLAIN.fullmatch(text)}
    try:
        reply = tries.forward(request.user, version, method, verb, request.body, headers)
    except BusinessAnswer as no:
        return problem_response(no.status, no.slug, no.title, no.sentence)
    except tuple(NO_REPLY) as error:
        status, slug_of_problem = NO_REPLY[type(error)]
        return problem_response(
            status, slug_of_problem, "No answer in the sandbox", tries.why_no_reply(error, version)
        )
    return HttpResponse(
        reply.body, status=reply.status, content_type=reply.media_type, headers=reply.headers
    )


NO_REPLY: dict[type[Exception], tuple[int, str]] = {
    gateway_client.Late: (504, "model-late"),
    gateway_client.TooLong: (502, "model-failed"),
    gateway_client.Unreachable: (503, "try-again"),
}
