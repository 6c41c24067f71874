"""The ASGI application: what is answered at which path. The protocol hands inferences to `call.Call` and the rest to this.

    GET /v2                                       server metadata
    GET /v2/health/live, /v2/health/ready         no key needed
    GET /v2/models/{model}[/versions/{v}]         metadata, from the model's record
    GET /v2/models/{model}[/versions/{v}]/ready   asks the upstream
    GET /docs/…, /models/…                        redirected to the portal
Everything else of the protocol (repository control, shared memory, trace, logging) does not exist here.
"""

import json
import time
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from hosting.gateway import problems
from hosting.gateway.auth import resolve
from hosting.gateway.context import GatewayContext
from hosting.gateway.headers import key_from
from hosting.gateway.http import cross_origin
from hosting.gateway.records import ApiKeyRecord

JSON = b"application/json"
SERVER = {"name": "model marketplace", "version": "2", "extensions": ["binary_tensor_data"]}
Answer = tuple[int, bytes, list[tuple[bytes, bytes]]]


async def respond(context: GatewayContext, scope: dict[str, Any], send: Any) -> None:
    """Answer one request that is no inference."""
    request_id = context.new_request_id()
    try:
        status, body, headers = await _route(context, scope)
        media_type = JSON
    except problems.Problem as problem:
        status, headers = problem.status, list(problem.headers)
        body, media_type = problem.body(request_id), problems.MEDIA_TYPE
    context.counters.record_answer(status)
    framing = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    sent = [
        *(framing if status != 204 else ()),
        (b"x-request-id", request_id.encode()),
        *context.cross_origin,
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def _route(context: GatewayContext, scope: dict[str, Any]) -> Answer:
    parts = [unquote(part) for part in scope["path"].strip("/").split("/")]
    if parts[0] in ("docs", "models"):
        # The types of problems and the links of old versions are paths of the portal, which need not be on this port.
        return 302, b"{}", [(b"location", settings.PORTAL_URL.encode() + scope["raw_path"])]
    if parts[0] != "v2":
        raise problems.no_such_route()
    if scope["method"] == "OPTIONS":
        return 204, b"", cross_origin.preflight_headers()
    match parts[1:]:
        case [] | ["health", "live" | "ready"]:
            handler = _server
        case ["models", _] | ["models", _, "versions", _]:
            handler = _metadata
        case ["models", _, "ready"] | ["models", _, "versions", _, "ready"]:
            handler = _ready
        case ["models", _, "infer" | "rows"] | ["models", _, "versions", _, "infer" | "rows"]:
            raise problems.method_not_allowed(b"POST")
        case _:
            raise problems.no_such_route()
    if scope["method"] not in ("GET", "HEAD"):
        raise problems.method_not_allowed(b"GET, HEAD")
    return await handler(context, scope, parts)


async def _server(context: GatewayContext, scope: dict[str, Any], parts: list[str]) -> Answer:
    if len(parts) == 1:
        await _authenticate(context, scope)
        return 200, json.dumps(SERVER).encode(), []
    if parts[2] == "live":
        return 200, b'{"live": true}', []
    is_ready = context.is_ready()
    body = json.dumps({"live": True, "ready": is_ready}).encode()
    return (200, body, []) if is_ready else (503, body, [problems.retry_after(1)])


async def _metadata(context: GatewayContext, scope: dict[str, Any], parts: list[str]) -> Answer:
    record, model = await _authenticate(context, scope)
    now = context.clock.now_s()
    resolve.check_model(model, record, parts[2])
    number = parts[4] if len(parts) == 5 else ""
    version = _described_version(model, record, number, now)
    return 200, resolve.metadata(model, version, now), _version_headers(version, now)


def _described_version(
    model: resolve.Model, record: ApiKeyRecord, number: str, now: float
) -> resolve.Version:
    """The version of a metadata request; one that does not run at the moment has metadata too."""
    if not number:
        version = resolve.version_by_policy(model, record, now)
    elif (named := model.by_number.get(number)) is not None:
        version = named
    else:
        raise problems.no_such_version(number)
    if version.availability(now) is resolve.Availability.RETIRED:
        raise resolve.not_available(model, version, now)
    return version


async def _ready(context: GatewayContext, scope: dict[str, Any], parts: list[str]) -> Answer:
    record, model = await _authenticate(context, scope)
    number = parts[4] if len(parts) == 6 else ""
    version = resolve.version_for(model, record, parts[2], number, context.clock.now_s())
    if not await context.readiness.is_ready(version):
        raise problems.not_running(version.number)
    body = json.dumps({"name": parts[2], "version": version.number, "ready": True}).encode()
    return 200, body, _version_headers(version, context.clock.now_s())


def _version_headers(version: resolve.Version, now: float) -> list[tuple[bytes, bytes]]:
    """Its number and its deprecation, as with every answer of the version."""
    lines = [line.partition(b": ") for line in version.head_at(now).splitlines()]
    return [(name, value) for name, _, value in lines]


async def _authenticate(
    context: GatewayContext, scope: dict[str, Any]
) -> tuple[ApiKeyRecord, resolve.Model]:
    raw = key_from(dict(scope["headers"]))
    address = scope["client"][0] if scope["client"] else ""
    while (record := context.keys.get(raw, time.monotonic(), address)) is None:
        await context.keys.fetch(raw)
    return record, await context.model_of(record)
