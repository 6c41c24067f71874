"""The ASGI entry of a worker: its lifespan starts and stops the process, everything else is http/application.py."""

from typing import Any

from hosting.gateway.http.application import respond
from hosting.gateway.process import start


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
    elif scope["type"] == "http":
        await respond(scope["state"]["context"], scope, send)


async def _lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    process = start.from_environment()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await process.start()
            scope["state"]["context"] = process.context
            scope["state"]["loops"] = process.loops
            await send({"type": "lifespan.startup.complete"})
        else:
            await process.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
