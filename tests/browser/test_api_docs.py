"""Swagger UI of the REST API in a real browser: it draws, and the security policy has nothing to complain of."""

import pytest
from django.conf import settings
from django.test import Client

from tests import factories


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_api_page_draws_without_breaking_the_policy(page, live_server):
    client = Client()
    client.force_login(factories.alice())
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": live_server.url,
    }
    page.context.add_cookies([cookie])
    said = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{live_server.url}/api/docs/")
    page.get_by_text("/api/v1/amendments/", exact=True).first.wait_for()
    assert said == []
