"""A receiver of webhooks in the test's own process: checks signatures, does each message once, and fails as it is told."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from marketplace.core import webhooks


class Message(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        """Quiet."""

    def do_POST(self):
        receiver = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with receiver.lock:
            receiver.posts.append((self.path, dict(self.headers), body))
            status, text = receiver.answer(self.path, dict(self.headers), body)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


class Receiver(ThreadingHTTPServer):
    """`secrets` by path; `effects` are done once for a webhook-id; `misbehave(path)` returns None (fine), "before" or "after", or a status."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Message)
        self.lock = threading.Lock()
        self.posts, self.effects, self.done, self.secrets = [], [], set(), {}
        self.refused = self.duplicates = 0
        self.misbehave = lambda path: None

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def trusts(self, path, secret):
        self.secrets[path] = webhooks.secrets(f"marketplace:{secret}")

    def answer(self, path, headers, body):
        """(status, text); status None hangs up."""
        lower = {name.lower(): value for name, value in headers.items()}
        how = self.misbehave(path)
        if how == "before":
            return None, ""
        if isinstance(how, int):
            return how, "no"
        signed = webhooks.verify(self.secrets.get(path, ()), lower, body)
        if signed is None:
            self.refused += 1
            return 401, "not signed"
        event = json.loads(body)
        if event.get("type") == "marketplace.webhook.challenge.v1":
            return 200, json.dumps({"challenge": event["data"]["challenge"]})
        if signed.id in self.done:
            self.duplicates += 1
        else:
            self.done.add(signed.id)
            self.effects.append((path, event["data"]["title"]))
        return (None, "") if how == "after" else (204, "")


@contextlib.contextmanager
def running(settings):
    """A Receiver that the egress policy lets us call."""
    with Receiver() as receiver:
        settings.OUTBOUND_ALLOWED = [f"127.0.0.1:{receiver.server_port}"]
        settings.OUTBOUND_ALLOWS_LOOPBACK = True
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()
