"""The ASGI application: what is answered at which path. Inference itself is handed to `call.Call` by the protocol.

    GET /v2                                       server metadata
    GET /v2/health/live, /v2/health/ready         no key needed
    GET /v2/models/{model}[/versions/{v}]         metadata, from the model's record
    GET /v2/models/{model}[/versions/{v}]/ready   asks the upstream
    GET /docs/…, /models/…                        sent on to the portal
Everything else of the protocol (repository control, shared memory, trace, logging) does not exist here.
"""

import asyncio
import json
import time
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from hosting.gateway import problems
from hosting.gateway.auth import resolve
from hosting.gateway.auth.key_cache import Subscriber
from hosting.gateway.call import key_from
from hosting.gateway.http import cross_origin
from hosting.gateway.process.node import Node
from hosting.gateway.upstream.connection_pool import Connection

JSON = b"application/json"
SERVER = {"name": "model marketplace", "version": "2", "extensions": ["binary_tensor_data"]}
Answer = tuple[int, bytes, list[tuple[bytes, bytes]]]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI entry: the life of the node, and every request that is not an inference."""
    if scope["type"] == "lifespan":
        await _live(scope, receive, send)
    elif scope["type"] == "http":
        await _answer(scope, send)


async def _live(scope: dict[str, Any], receive: Any, send: Any) -> None:
    node = Node.from_environment()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await node.start()
            scope["state"]["node"] = node
            await send({"type": "lifespan.startup.complete"})
        else:
            await node.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _answer(scope: dict[str, Any], send: Any) -> None:
    node: Node = scope["state"]["node"]
    request_id = node.new_request_id()
    try:
        status, body, headers = await _route(node, scope)
        kind = JSON
    except problems.Problem as problem:
        status, body, headers, kind = (
            problem.status,
            problem.body(request_id),
            list(problem.headers),
            problems.MEDIA_TYPE,
        )
    node.counters.answered(status)
    framing = (
        [] if status == 204 else [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    )
    fixed = [(b"x-request-id", request_id.encode()), *node.cross_origin]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*framing, *fixed, *headers]}
    )
    await send({"type": "http.response.body", "body": body})


async def _route(node: Node, scope: dict[str, Any]) -> Answer:
    parts = [unquote(part) for part in scope["path"].strip("/").split("/")]
    if parts[0] in ("docs", "models"):
        return _at_the_portal(scope)
    if parts[0] != "v2":
        raise problems.no_such_route()
    if scope["method"] == "OPTIONS":
        return 204, b"", cross_origin.on_preflight()
    match parts[1:]:
        case [] | ["health", "live" | "ready"]:
            handler = _server
        case ["models", _] | ["models", _, "versions", _]:
            handler = _metadata
        case ["models", _, "ready"] | ["models", _, "versions", _, "ready"]:
            handler = _ready
        case ["models", _, "infer"] | ["models", _, "versions", _, "infer"]:
            raise problems.wrong_method(b"POST")
        case _:
            raise problems.no_such_route()
    if scope["method"] not in ("GET", "HEAD"):
        raise problems.wrong_method(b"GET, HEAD")
    return await handler(node, scope, parts)


def _at_the_portal(scope: dict[str, Any]) -> Answer:
    """The types of problems and the links of old versions are paths of the portal, which need not be on this port."""
    return 302, b"{}", [(b"location", settings.PORTAL_URL.encode() + scope["raw_path"])]


async def _server(node: Node, scope: dict[str, Any], parts: list[str]) -> Answer:
    if len(parts) == 1:
        await _subscriber(node, scope)
        return 200, json.dumps(SERVER).encode(), []
    is_ready = node.is_ready()
    if parts[2] == "live":
        return 200, b'{"live": true}', []
    body = json.dumps({"live": True, "ready": is_ready}).encode()
    return (200, body, []) if is_ready else (503, body, [problems.retry_after(1)])


async def _metadata(node: Node, scope: dict[str, Any], parts: list[str]) -> Answer:
    subscriber, model = await _subscriber(node, scope)
    now = node.clock.now_us() / 1e6
    resolve.check_model(model, subscriber, parts[2])
    version = _version(subscriber, model, parts, now)
    return 200, resolve.metadata(model, version, now), _told_of(version)


def _version(
    subscriber: Subscriber, model: resolve.Model, parts: list[str], now: float
) -> resolve.Version:
    """The version that is asked about; one that does not run at the moment still has metadata."""
    if len(parts) > 3:
        version = model.by_number.get(parts[4])
        if version is None:
            raise problems.no_such_version(parts[4])
    else:
        version = resolve.by_policy(model, subscriber, now)
    standing = version.standing(now)
    if standing is resolve.GONE:
        raise resolve.refusal(model, version, standing)
    return version


async def _ready(node: Node, scope: dict[str, Any], parts: list[str]) -> Answer:
    subscriber, model = await _subscriber(node, scope)
    number = parts[4] if len(parts) == 6 else ""
    version = resolve.version_for(model, subscriber, parts[2], number, node.clock.now_us() / 1e6)
    if not await _upstream_is_ready(node, version):
        raise problems.not_running(version.number)
    body = json.dumps({"name": parts[2], "version": version.number, "ready": True}).encode()
    return 200, body, _told_of(version)


def _told_of(version: resolve.Version) -> list[tuple[bytes, bytes]]:
    """Its number and whether it is on its way out, as with every answer of the version."""
    return [
        (name, value)
        for line in version.answer_head.splitlines()
        for name, _, value in [line.partition(b": ")]
    ]


async def _upstream_is_ready(node: Node, version: resolve.Version) -> bool:
    """One question for all who ask at the same time: the plan's limits do not count it, so a flood must not reach the engine."""
    asked = node.ready_questions.get(version.id)
    if asked is None:
        asked = node.ready_questions[version.id] = asyncio.create_task(_ask_upstream(node, version))
        asked.add_done_callback(lambda _: node.ready_questions.pop(version.id, None))
    return await asyncio.shield(asked)


async def _ask_upstream(node: Node, version: resolve.Version) -> bool:
    assert version.origin is not None
    question = _Question()
    connection: Connection | None = None
    try:
        async with asyncio.timeout(2):
            connection = node.pool.take(version.origin) or await node.pool.open(version.origin)
            connection.exchange(question, [version.ready_head], 2.0)
            return await question.status == 200
    except (OSError, TimeoutError):
        if connection is not None and connection.sink is question:
            connection.abandon()
        return False


class _Question:
    """Waits for the status of an upstream's answer; its body does not matter."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._told = 0

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self._told = status

    def on_data(self, data: bytes) -> None:
        pass

    def on_done(self) -> None:
        if not self.status.done():
            self.status.set_result(self._told)

    def on_failed(self, why: str, untouched: bool) -> None:
        if not self.status.done():
            self.status.set_result(0)


async def _subscriber(node: Node, scope: dict[str, Any]) -> tuple[Subscriber, resolve.Model]:
    raw = key_from(dict(scope["headers"]))
    address = scope["client"][0] if scope["client"] else ""
    while (found := node.keys.known(raw, time.monotonic(), address)) is None:
        await node.keys.fetch(raw)
    return found, await node.model_of(found)
