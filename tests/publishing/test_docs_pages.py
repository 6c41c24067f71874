"""The API tab and the documents of a version: right for those who may see it, nothing for strangers."""

import openapi_spec_validator
import pytest
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db
DOCUMENTS = ["publishing:openapi", "publishing:postman", "publishing:docs"]


@pytest.fixture
def version():
    return factories.published_version()


def page(client, user, name, version):
    client.force_login(user)
    arguments = (
        [version.model.slug]
        if name == "publishing:api_tab"
        else [version.model.slug, version.number]
    )
    return client.get(reverse(name, args=arguments))


def test_api_tab_shows_code_for_this_version(client, version):
    text = page(client, factories.maya(), "publishing:api_tab", version).content.decode()
    assert f"/v2/models/{version.model.slug}/infer" in text
    assert "tritonclient" in text
    assert "YOUR_API_KEY" in text


def test_openapi_document_is_valid_and_of_this_version(client, version):
    document = page(client, factories.maya(), "publishing:openapi", version).json()
    openapi_spec_validator.validate(document)
    assert document["info"]["version"] == "1.0.0"
    assert (
        document["components"]["schemas"]["Input.income"]["description"]
        == "Monthly account credits (USD)"
    )


def test_postman_collection_is_a_file(client, version):
    response = page(client, factories.maya(), "publishing:postman", version)
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert response.json()["item"][0]["name"] == "Run the model"


def test_swagger_page_may_call_the_gateway_and_nothing_else(client, version, settings):
    response = page(client, factories.maya(), "publishing:docs", version)
    policy = response["Content-Security-Policy"]
    assert f"connect-src 'self' {settings.GATEWAY_URL};" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", DOCUMENTS)
def test_draft_is_for_its_team_only(client, name):
    draft = factories.draft_version()
    assert page(client, factories.bob(), name, draft).status_code == 200
    assert page(client, factories.charlie(), name, draft).status_code == 404


def test_bare_draft_has_pages_too(client):
    entry = factories.model()
    bare = factories.publishing.start_version(factories.alice(), entry, "1.0.0")
    for name in ["publishing:api_tab", *DOCUMENTS]:
        assert page(client, factories.alice(), name, bare).status_code == 200, name
