"""What each problem type means and what to do about it: the page behind the `type` of every problem+json answer."""

from typing import NamedTuple


class ProblemPage(NamedTuple):
    """One type of problem; `status` is the usual one."""

    slug: str
    status: int
    title: str
    meaning: str
    remedy: str


PAGES = [
    ProblemPage("key-not-recognised", 401, "The API key is not recognised", "No key was sent, or it is unknown, expired or revoked; the answer is the same for all of them.", "Send a live key as Authorization: Bearer mkc_… or X-API-Key. Make a new one on your application's page."),
    ProblemPage("too-many-failed-keys", 429, "Too many failed keys", "More than twenty keys from one address were not recognised within a minute.", "Wait a minute and send a live key."),
    ProblemPage("key-in-address", 400, "An API key was sent in the address", "Addresses end up in logs, so the key counts as leaked and is revoked.", "Make a new key and send it in a header."),
    ProblemPage("address-not-allowed", 403, "The key does not work from this address", "The key was made for some networks only, and the call came from elsewhere.", "Call from one of the networks listed at the key on the application's page, or ask the application's team for a key that works from where you are."),
    ProblemPage("subscription-not-active", 403, "The subscription is not active", "The key is live, but its subscription waits, is paused or was closed.", "Look at My access, or ask the model's team."),
    ProblemPage("no-such-model", 404, "No such model", "The key's subscription has no model of that name.", "Check the name and that the key belongs to this model's subscription."),
    ProblemPage("no-such-version", 404, "No such version", "The model has no callable version of that number.", "Leave the version out: your subscription's policy chooses one."),
    ProblemPage("no-such-route", 404, "There is nothing at this address", "The gateway routes inference, readiness and metadata only.", "See the API tab of the model."),
    ProblemPage("wrong-method", 405, "The address does not take this method", "Inference is POST, everything else GET.", "Use the method named in the Allow header."),
    ProblemPage("version-gone", 410, "The version has been retired", "Its sunset has passed.", "Move to the successor named in the Link header."),
    ProblemPage("version-suspended", 503, "The version is suspended", "It was stopped for everybody, for the reason shown on its page.", "Wait, or move to another version."),
    ProblemPage("not-running", 503, "The model is not running", "No replica can answer now.", "Try again after the time in Retry-After; see the Deployment tab."),
    ProblemPage("model-busy", 503, "The model is busy", "Its queue, or your share of it, is full.", "Try again after the time in Retry-After, with back-off."),
    ProblemPage("model-failing", 503, "The model is failing", "Its last calls all failed, so it is asked again only now and then; calls in between are refused at once.", "Try again after the time in Retry-After. If it goes on, tell the model's team."),
    ProblemPage("model-late", 504, "The model did not answer in time", "The deadline passed.", "Send fewer rows, or try again."),
    ProblemPage("model-failed", 502, "The model failed", "It broke while answering; its own words are kept from callers.", "Report the request id to the model's team."),
    ProblemPage("out-of-memory", 500, "The model ran out of memory", "One request needs more memory than the version declared; other calls are answered.", "Send fewer rows, or report the request id to the model's team."),
    ProblemPage("rate-limited", 429, "The rate limit of the plan is reached", "The detail says which limit bites and when it resets.", "Slow down, or choose a larger plan."),
    ProblemPage("quota-used-up", 429, "The quota is used up", "The detail says which quota and when it starts anew.", "Wait for the new period, or choose a larger plan."),
    ProblemPage("gateway-busy", 503, "The gateway is busy", "All callers together send more than the gateway can answer, so it turns some calls away: those of test applications first. No limit of your plan was reached.", "Try again after the time in Retry-After, with back-off. If it stays, tell the operators."),
    ProblemPage("too-many-at-once", 503, "Too many calls at once", "The plan's calls in flight, or the model's, are all taken.", "Try again after the time in Retry-After, or use fewer connections."),
    ProblemPage("too-many-connections", 429, "Too many connections", "One address has more connections open than the gateway allows it, so the newest was closed before its request was read.", "Keep fewer connections open, reuse each for one call after the other, and try again after the time in Retry-After."),
    ProblemPage("try-again", 503, "The gateway cannot answer now", "Something it needs is away. It never answers an outage with 401 or 403.", "Try again in a moment."),
    ProblemPage("disk-full", 503, "Calls cannot be recorded at the moment", "The gateway's disk is nearly full, and no call is answered that could not be recorded. Calls of test applications stop first, those of production last.", "Try again after the time in Retry-After. Operators see on their page how much room is left; it goes on by itself when there is room."),
    ProblemPage("no-room", 507, "There is no room to keep it", "The marketplace's disk is nearly full, so an upload was not kept; nothing else was changed.", "Upload it again later, or ask the operators."),
    ProblemPage("not-sent", 503, "The letter could not be sent", "The mail server did not take it.", "Try again later, or ask the operators."),
    ProblemPage("request-too-large", 413, "The request is too large", "The body is larger than this address takes: the gateway's limit for calls, 1 MiB on the portal, 64 KiB from people who are not signed in, more only for packages.", "Send fewer rows, or less, at a time. `limit` is in bytes."),
    ProblemPage("headers-too-large", 431, "Too many or too large headers", "At most 100 headers and 32 KiB.", "Send fewer."),
    ProblemPage("address-too-long", 414, "The address is too long", "The address with its query is longer than the portal takes.", "Choose fewer filters at a time."),
    ProblemPage("length-required", 411, "The upload does not say how large it is", "An upload is judged by its size before it begins, so one in chunks without Content-Length is refused.", "Send Content-Length; browsers and curl -F do by themselves."),
    ProblemPage("too-many-uploads", 429, "Too many uploads at once", "A person, or a team, has as many uploads on their way as it may have.", "Wait until one of them has ended. `limit` is how many may be on their way."),
    ProblemPage("upload-quota", 507, "The room for uploads is used up", "What the person or the team keeps has reached its quota, so an upload was not begun.", "Replace or withdraw drafts that are no longer needed, or ask the operators for more room. `limit` is in bytes."),
    ProblemPage("portal-starting", 503, "The portal is starting", "It was restarted and does not answer yet. Calls to models go on meanwhile.", "Try again in a few seconds."),
    ProblemPage("portal-broke", 502, "The portal broke off its answer", "Its process ended while it worked; it is started again by itself. Calls to models go on meanwhile.", "Try again in a few seconds. If you sent something, look first whether it was kept."),
    ProblemPage("portal-late", 504, "The portal did not answer in time", "The work took longer than the portal waits.", "Try again; if you sent something, look first whether it was kept."),
    ProblemPage("too-slow", 408, "The request came too slowly", "Headers or body did not arrive within their deadline.", "Send it in one piece."),
    ProblemPage("client-left", 499, "The caller left", "The connection closed before the answer was ready.", "Raise your client's time-out."),
    ProblemPage("unreadable-request", 400, "The request cannot be read", "It is not valid JSON, or its framing contradicts itself.", "Compare it with the example on the API tab."),
    ProblemPage("unsupported-encoding", 415, "The encoding is not supported", "Hosted models take gzip and deflate.", "Send the body compressed with one of them, or plain."),
    ProblemPage("bad-input", 422, "An input does not fit the signature", "The detail names the input, the row and the remedy.", "Compare your request with the signature on the API tab."),
    ProblemPage("rule", 409, "The rules do not allow this now", "You may do such things, but not this, not now.", "The detail and remedy say what would make it possible."),
    ProblemPage("invalid", 422, "What was sent cannot be used", "A field is missing or has the wrong form; `field` or `errors` names it.", "Correct it and send again."),
    ProblemPage("not-allowed", 403, "You may not do this", "The right belongs to somebody else; `ask` says who can help.", "Ask them."),
    ProblemPage("package-refused", 422, "This package was refused", "It could not be recognised as safe; nothing was executed or kept.", "The remedy says how to convert it."),
    ProblemPage("away", 503, "The marketplace cannot reach its records", "Its database is away, slow or fully taken.", "Try again after the time in Retry-After; with the same Idempotency-Key nothing is done twice."),
    ProblemPage("in-flight", 409, "This is being done already", "A request with the same Idempotency-Key is still at work.", "Wait a moment and ask again with the same key."),
    ProblemPage("conflict", 409, "It collides with what is there", "Somebody else was first, or what you change is used elsewhere.", "Read it again, then retry."),
    ProblemPage("not-signed", 401, "The signature is not recognised", "A report of leaked keys was signed with no secret that is known here, or more than five minutes ago.", "Sign id.timestamp.body as /docs/leaked-keys/ says, with a clock that is right."),
    ProblemPage("malformed", 400, "The body cannot be read", "It is not valid JSON; the detail says where.", "Correct it and send again."),
    ProblemPage("not-signed-in", 401, "Sign in first", "The API answers to people who are signed in.", "Sign in on the portal and send the session's cookie."),
    ProblemPage("method", 405, "Not with this method", "The address takes other methods, named in the Allow header.", "Use one of them; /api/docs/ lists them."),
    ProblemPage("not-acceptable", 406, "Only JSON is answered", "The Accept header asks for something else.", "Accept application/json."),
    ProblemPage("media-type", 415, "This media type is not understood", "The address takes JSON, or for uploads multipart/form-data.", "Name the type in Content-Type."),
    ProblemPage("too-many", 429, "Too many requests", "You asked more often than this door allows.", "Wait for the time in Retry-After."),
    ProblemPage("error", 500, "Something went wrong", "The fault is ours; nothing was changed half-way.", "Try again, and report the request id when it stays."),
    ProblemPage("not-found", 404, "Not found", "There is no such thing, or you may not see it.", "Check the address."),
]  # fmt: skip
BY_SLUG = {page.slug: page for page in PAGES}
