"""The secret of an external endpoint: entered by its team, by page and by program, and never shown."""

import pytest
from django.test import Client
from django.urls import reverse

from hosting import credentials
from hosting.models import Upstream
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
SECRET = "Basic dXNlcjpwYXNz"


@pytest.fixture
def upstream():
    return Upstream.objects.get(version=factories.published_version())


def page(upstream):
    version = upstream.version
    return reverse("hosting:credential", args=[version.model.slug, version.number])


def stored(upstream):
    upstream.refresh_from_db()
    return upstream.credential and credentials.open_sealed(upstream.credential, upstream.version_id)


def test_the_team_enters_it_on_a_page_that_never_shows_it(upstream):
    alice = Client()
    alice.force_login(factories.alice())
    tab = reverse("hosting:deployment", args=[upstream.version.model.slug])
    assert page(upstream) in alice.get(tab).content.decode()
    assert alice.post(page(upstream), {"credential": SECRET}).status_code == 302
    assert stored(upstream) == SECRET
    shown = alice.get(page(upstream)).content.decode()
    assert "A credential is stored" in shown and SECRET not in shown
    refused = alice.post(page(upstream), {"credential": "naïve"})
    assert refused.status_code == 422 and "ASCII" in refused.content.decode()
    assert stored(upstream) == SECRET
    alice.post(page(upstream), {"credential": ""})
    assert stored(upstream) is None


def test_others_do_not_find_the_page(upstream):
    maya = Client()
    maya.force_login(factories.maya())
    assert maya.get(page(upstream)).status_code == 404
    tab = reverse("hosting:deployment", args=[upstream.version.model.slug])
    assert page(upstream) not in maya.get(tab).content.decode()


def test_a_program_puts_it_and_takes_it_away(upstream):
    version = upstream.version
    address = f"models/{version.model.slug}/versions/{version.number}/credential/"
    alice = Api(factories.alice())
    assert alice.put(address, {"credential": SECRET}, expect=204) is None
    assert stored(upstream) == SECRET
    refused = alice.put(address, {"credential": "two\nlines"}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["credential"]
    factories.subscription(version)
    refused = alice.delete(address, expect=409)
    assert "would fail" in refused["detail"] and stored(upstream) == SECRET
    assert Api(factories.maya()).put(address, {"credential": SECRET}, expect=403)
