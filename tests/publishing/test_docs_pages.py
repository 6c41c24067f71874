"""The API tab and the documents of a version: right for those who may see it, nothing for strangers."""

import openapi_spec_validator
import pytest
from django.urls import reverse

from governance.actions import record_gate
from publishing.contract import integrations
from publishing.contract.openapi_document import PROBLEMS
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
    assert "MARKETPLACE_API_KEY" in text and "your key" in text
    factories.subscription(version)
    text = page(client, factories.maya(), "publishing:api_tab", version).content.decode()
    assert "a key of &quot;Loan origination&quot;" in text


def test_the_answer_that_is_shown_is_the_one_that_the_run_gate_kept(client, version):
    """Tab and OpenAPI document show the same call; an answer of which only the beginning was kept is not shown."""
    record_gate(
        version, "run", "pass", "It ran.", tool="test", metrics={"output": {"score": [3700.0]}}
    )
    response = page(client, factories.maya(), "publishing:api_tab", version)
    happened = response.context["exchange"]
    assert [tensor["data"] for tensor in happened.request["inputs"]] == [[4000.0], [300.0]]
    assert happened.answer["outputs"][0]["data"] == [3700.0]
    document = page(client, factories.maya(), "publishing:openapi", version).json()
    openapi_spec_validator.validate(document)
    answers = document["paths"][f"/v2/models/{version.model.slug}/versions/1.0.0/infer"]["post"]
    shown = answers["responses"]["200"]["content"]["application/json"]["examples"]["example"]
    assert shown["value"] == happened.answer and shown["summary"] == "A recorded answer"
    for kept in ({"score": [1.0, 2.0]}, {}, {"score": ["x" * 60]}):
        record_gate(version, "run", "pass", "It ran.", tool="test", metrics={"output": kept})
        response = page(client, factories.maya(), "publishing:api_tab", version)
        assert response.context["exchange"] is None and "request.json" in response.content.decode()


def test_the_tab_says_how_it_says_no(client, version):
    text = page(client, factories.maya(), "publishing:api_tab", version).content.decode()
    for status, (title, _, slug) in PROBLEMS.items():
        assert status in text and title.replace("'", "&#x27;") in text
        assert client.get(reverse("problem", args=[slug])).status_code == 200


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


def test_swagger_page_calls_the_sandbox_where_the_version_can_be_tried(client, version, settings):
    sandbox = f"{settings.PORTAL_URL}/sandbox"
    text = page(client, factories.maya(), "publishing:docs", version).content.decode()
    assert f'data-sandbox="{sandbox}"' in text and "no key" in text
    servers = page(client, factories.maya(), "publishing:openapi", version).json()["servers"]
    assert [server["url"] for server in servers] == [settings.GATEWAY_URL, sandbox]
    draft = factories.draft_version(factories.model(name="Secret draft"))
    text = page(client, factories.bob(), "publishing:docs", draft).content.decode()
    assert 'data-sandbox=""' in text and "no key" not in text


def test_programs_are_files_for_the_readers_application(client, version):
    factories.subscription(version)
    other = factories.subscription(version, app=factories.application(name="Collections"))
    text = page(client, factories.maya(), "publishing:api_tab", version).content.decode()
    client.force_login(factories.maya())
    for kind in integrations.KINDS:
        address = reverse("publishing:integration", args=[version.model.slug, "1.0.0", kind.id])
        assert f'href="{address}?application=' in text
        response = client.get(address)
        assert kind.filename in response["Content-Disposition"]
        assert f"/v2/models/{version.model.slug}/rows" in response.content.decode()
        chosen = client.get(address, {"application": other.application.slug}).content.decode()
        assert 'a key of "Collections' in chosen and "mkc_" not in chosen
    assert (
        client.get(
            reverse("publishing:integration", args=[version.model.slug, "1.0.0", "cobol"])
        ).status_code
        == 404
    )


def test_nobody_learns_the_name_of_anothers_application(client, version):
    name = factories.subscription(version).application
    for address in (
        reverse("publishing:api_tab", args=[version.model.slug]),
        reverse("publishing:postman", args=[version.model.slug, "1.0.0"]),
        reverse("publishing:integration", args=[version.model.slug, "1.0.0", "script"]),
    ):
        client.force_login(factories.charlie())
        text = client.get(address, {"application": name.slug}).content.decode()
        assert name.name not in text


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
