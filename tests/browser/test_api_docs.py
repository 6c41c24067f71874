"""Swagger UI in a real browser: it draws, the security policy has nothing to complain of, and a version is tried without a key."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def complaints(page, live_server):
    """sign_in(person) → what the browser's console complains of from then on."""

    def sign_in(person):
        client = Client()
        client.force_login(person)
        name = configured.SESSION_COOKIE_NAME
        cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
        page.context.add_cookies([cookie])
        page.on("console", lambda said: said.type == "error" and found.append(said.text))
        page.on("pageerror", lambda error: found.append(str(error)))
        return found

    found = []
    return sign_in


@pytest.mark.slow
def test_the_api_page_draws_without_breaking_the_policy(page, live_server, complaints):
    said = complaints(factories.alice())
    page.goto(f"{live_server.url}/api/docs/")
    page.get_by_text("/api/v1/amendments/", exact=True).first.wait_for()
    assert said == []


@pytest.fixture
def gateway(settings):
    """A stub that answers rows; the calls that it got, as (path, headers, rows)."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append((self.path, dict(self.headers), rows))
            body = json.dumps([{"score": 3700.0} for _ in rows]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.GATEWAY_INTERNAL_URL = f"http://127.0.0.1:{server.server_port}"
    yield calls
    server.shutdown()
    server.server_close()


def test_a_version_is_tried_on_its_documentation_without_a_key(
    page, live_server, settings, complaints, gateway
):
    settings.PORTAL_URL = live_server.url
    version = factories.published_version()
    said = complaints(factories.maya())
    page.goto(live_server.url + reverse("publishing:docs", args=[version.model.slug, "1.0.0"]))
    operation = page.locator("#operations-Rows-rows")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table").get_by_text("3700").first.wait_for()
    [(path, headers, rows)] = gateway
    assert path == f"/v2/models/{version.model.slug}/versions/1.0.0/rows"
    assert headers["Authorization"].startswith("Bearer mks_") and rows[0].keys() == {
        "income",
        "debt",
    }
    assert said == []
