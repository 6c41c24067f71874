"""What a real MLflow server sent and answered, kept in mlflow_3.json (made by tests/tools/record_mlflow.py), and a server that says it again."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from django.test import Client

from marketplace.core import webhooks
from publishing.registry import events

RECORDED = json.loads(Path(__file__).with_name("mlflow_3.json").read_text())
EVENTS = RECORDED["events"]  # kind → {"headers", "body"}
SECRET = RECORDED["secret"]


class ReplayedServer:
    """Answers as the recorded tracking server did; `changed` has other answers by path. `asked` are the paths that were asked for."""

    def __init__(self):
        self.changed, self.asked, self.credentials = {}, [], set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.credentials.add(self.headers.get("Authorization"))
                status, body = outer.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path):
        kept = self.changed.get(_key(path)) or RECORDED["answers"].get(_key(path))
        if kept is None:
            return 404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'
        return kept["status"], base64.b64decode(kept["body"])

    def say(self, path, body, status=200):
        """From now on `path` is answered with this: bytes, or an object as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.changed[_key(path)] = {"status": status, "body": base64.b64encode(content).decode()}

    def said(self, path):
        return json.loads(self.answer(path)[1])

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _key(target):
    """As tests/tools/record_mlflow.py keeps it."""
    parts = urlsplit(target)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query)))
    return f"{parts.path}?{query}" if query else parts.path


def deliver(connection, secret, kind="model_version_alias.created", delivery=None, **changed):
    """The answer to the recorded event of this kind, signed now with `secret`. `changed`: headers, body."""
    body = changed.get("body", EVENTS[kind]["body"]).encode()
    delivery = delivery or EVENTS[kind]["headers"][events.ID]
    timestamp = changed.get("timestamp", str(int(time.time())))
    headers = {
        events.ID: delivery,
        events.TIMESTAMP: timestamp,
        events.SIGNATURE: webhooks.signature(secret.encode(), delivery, timestamp, body),
    }
    return Client().post(
        f"/integrations/mlflow/{connection.key}/events/",
        body,
        content_type="application/json",
        headers=headers | changed.get("headers", {}),
    )
