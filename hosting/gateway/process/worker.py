"""One gateway process: uvicorn around the protocol and the application, on a socket that its parent opened."""

import gc
import logging
import os
import socket
from typing import Any

import django
import uvicorn


class Server(uvicorn.Server):
    """uvicorn's server that shares its set of connections with the node's ticker and says when it accepts."""

    told = -1

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        node = self.lifespan.state.get("node")
        if node is not None:
            node.connections = self.server_state.connections
        gc.collect()
        gc.freeze()  # Django's modules live for ever: no collection needs to walk them
        gc.set_threshold(20_000, 20, 50)
        if self.told >= 0:
            os.write(self.told, b"1")


def run(listener: socket.socket, told: int = -1) -> None:
    """Serve until SIGTERM, then finish what was accepted and end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from hosting.gateway import config
    from hosting.gateway.auth import snapshot
    from hosting.gateway.http.protocol import GatewayProtocol

    snapshot.tame_connections(silence_s=2.5)  # a little more than the statement's own time
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    bounds = config.from_environment()
    protocol: Any = GatewayProtocol
    config = uvicorn.Config(
        "hosting.gateway.http.application:application",
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(bounds.drain_s),
        backlog=2048,
    )
    server = Server(config)
    server.told = told
    server.run(sockets=[listener])
