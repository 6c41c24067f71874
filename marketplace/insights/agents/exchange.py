"""One exchange of the Model Context Protocol: the SDK's streamable HTTP transport between a request of Django and its answer.

The front and Django have received, bounded and judged the request before; the transport is stateless and answers with one JSON
document, so nothing outlives the exchange. Queries of tools run in the worker thread that waits here.
"""

from typing import Any

import anyio
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from marketplace.accounts.requests import PageRequest
from marketplace.insights.agents.tools import REQUEST, server

# Django's ALLOWED_HOSTS and the view's look at Origin stand in front of it.
SECURITY = TransportSecuritySettings(enable_dns_rebinding_protection=False)
HEADERS = ("accept", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name")


def answer(request: PageRequest, body: bytes) -> HttpResponse:
    """The protocol's answer to `body`, at most as long as its tools work (docs/mcp.md, "Limits")."""
    return async_to_sync(_exchange)(request, body)


async def _exchange(request: PageRequest, body: bytes) -> HttpResponse:
    response, messages = HttpResponse(), [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            response.status_code = message["status"]
            for name, value in message["headers"]:
                response[name.decode("latin-1")] = value.decode("latin-1")
        else:
            response.write(message.get("body", b""))

    # The SDK makes managers only with a web application around them.
    manager = StreamableHTTPSessionManager(
        server._lowlevel_server,
        json_response=True,
        stateless=True,
        security_settings=SECURITY,
    )
    async with manager.run():
        await manager.handle_request(_scope(request), receive, send)  # type: ignore[arg-type]
    return response


def _scope(request: PageRequest) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (name.encode(), request.headers[name].encode("latin-1"))
            for name in map(str.lower, request.headers)
            if name in HEADERS or name.startswith("mcp-param-")
        ],
        "client": None,
        "server": None,
        REQUEST: request,
    }
