"""One worker process: uvicorn around the protocol and the application, on a socket that its parent opened."""

import logging
import os
import socket
from typing import Any

import django
import uvicorn

from marketplace.core.garbage import keep_what_is_loaded


class Server(uvicorn.Server):
    """uvicorn's server that shares its set of connections with the background loops, and reports when it accepts."""

    ready_fd = -1

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loops = self.lifespan.state.get("loops")
        if loops is not None:
            loops.connections = self.server_state.connections
        keep_what_is_loaded()
        if self.ready_fd >= 0:
            os.write(self.ready_fd, b"1")


def run(listener: socket.socket, ready_fd: int = -1) -> None:
    """Serve until SIGTERM, then finish what was accepted and end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from hosting.gateway import config as configuration
    from hosting.gateway.database import configure_connections
    from hosting.gateway.http.protocol import GatewayProtocol

    configure_connections(read_timeout_s=2.5)  # a little more than the statement's own time
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    protocol: Any = GatewayProtocol
    uvicorn_config = uvicorn.Config(
        "hosting.gateway.process.asgi:application",
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(configuration.from_environment().drain_s),
        backlog=2048,
    )
    server = Server(uvicorn_config)
    server.ready_fd = ready_fd
    server.run(sockets=[listener])
