"""The internal port: `/metrics` of all workers in the Prometheus text format. On loopback unless configured, off by default.

GATEWAY_ADMIN_PORT, GATEWAY_ADMIN_HOST
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from hosting.gateway.metering import exporter


def serve(folder: Path) -> None:
    """Answer on the internal port from a thread, if a port is configured. Ends the program when the port is taken."""
    port = int(os.environ.get("GATEWAY_ADMIN_PORT", "0"))
    if port:
        host = os.environ.get("GATEWAY_ADMIN_HOST", "127.0.0.1")
        try:
            server = ThreadingHTTPServer((host, port), _handler(folder))
        except OSError as error:
            sys.exit(
                f"The gateway's metrics cannot be served at {host}:{port}: {error.strerror}. Set GATEWAY_ADMIN_PORT to a free port."
            )
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._send(200, exporter.exposition_of(folder))
            else:
                self._send(404, b"There is only /metrics.\n")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", exporter.CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Scrapes are not logged."""

    return Handler
