"""The portal while Postgres is away or all its connections are taken: a page that says so, never a 500, and nobody is let in."""

import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def away(client, fired):
    """The client of somebody who signed in, and then no statement is answered any more."""
    client.force_login(cast.maya())
    client.raise_request_exception = False

    def refuse(execute, sql, params, many, context):
        fired.add()
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        yield client


@pytest.mark.fault("F4")
@pytest.mark.parametrize("name", ["home", "consumption:access", "consumption:usage", "account_logout"])
def test_a_page_says_that_the_records_cannot_be_reached(away, name):
    answer = away.get(reverse(name))
    assert answer.status_code == 503 and answer["Retry-After"] == "5"
    assert "Calls to models go on meanwhile" in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"] and answer["X-Request-Id"]


@pytest.mark.fault("F4")
def test_a_form_is_not_half_done_and_the_api_says_it_in_its_own_way(away):
    assert away.post(reverse("consumption:create_key", args=[1])).status_code == 503
    answer = away.get("/api/v1/models/")
    assert answer.status_code == 503 and answer["Retry-After"]


def test_anything_else_that_breaks_is_a_500(client, monkeypatch):
    client.force_login(cast.maya())
    client.raise_request_exception = False
    monkeypatch.setattr("marketplace.views.setup_progress", lambda: 1 / 0)
    answer = client.get("/")
    assert answer.status_code == 500 and "Something broke on our side" in answer.content.decode()
