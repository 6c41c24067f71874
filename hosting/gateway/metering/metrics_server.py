"""The internal port: `/metrics` of all workers in the Prometheus text format. Loopback unless told otherwise, off by default.

GATEWAY_ADMIN_PORT, GATEWAY_ADMIN_HOST
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from hosting.gateway.metering import counters, exporter


def serve(folder: Path) -> None:
    """Answer on the internal port from a thread of this process, if there is such a port; ends the program when it is taken."""
    port = int(os.environ.get("GATEWAY_ADMIN_PORT", "0"))
    if port:
        host = os.environ.get("GATEWAY_ADMIN_HOST", "127.0.0.1")
        try:
            server = ThreadingHTTPServer((host, port), _handler(folder))
        except OSError as error:
            sys.exit(
                f"The gateway's metrics cannot be served at {host}:{port}: {error.strerror}. Set GATEWAY_ADMIN_PORT to a free port."
            )
        Thread(target=server.serve_forever, name="admin", daemon=True).start()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            found = self.path == "/metrics"
            body = (
                exporter.document(counters.joined(folder)).encode()
                if found
                else b"There is only /metrics.\n"
            )
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Scrapes are not news."""

    return Handler
