"""The OpenAPI document: whole, without warnings, and about exactly the routes there are."""

import re

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from tests import factories
from tests.api.calls import Api
from tests.test_endpoint_permissions import methods, routes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_it_is_made_without_a_warning(tmp_path):
    call_command(
        "spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yml")
    )


@pytest.mark.parametrize("person", [factories.alice, factories.vera])
def test_it_is_served_the_same_to_everybody(schema, person):
    served = Api(person()).client.get("/api/schema/?format=json&lang=de").content
    assert served == OpenApiJsonRenderer().render(schema, renderer_context={})


def test_routes_and_schema_are_the_same(schema):
    documented = {
        (re.sub(r"{\w+}", "{}", path), method)
        for path, item in schema["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {
        (re.sub(r"\(\?P<\w+>[^)]*\)", "{}", f"/api/v1/{str(pattern.pattern).strip('^$')}"), method)
        for name, pattern in routes()
        if name.startswith("api:") and name not in ("api:schema", "api:docs", "api:nowhere")
        for method in methods(pattern)
    }
    assert documented == served


def test_it_is_openapi_3_1_and_says_how_to_sign_in(schema):
    assert schema["openapi"].startswith("3.1")
    assert schema["components"]["securitySchemes"]["session"]["in"] == "cookie"


def test_every_operation_says_what_it_does_and_how_it_says_no(schema):
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation["responses"].get("default"), (method, path)
            assert operation.get("description"), (method, path)


def test_posts_take_an_idempotency_key(schema):
    names = [
        parameter["name"] for parameter in schema["paths"]["/api/v1/keys/"]["post"]["parameters"]
    ]
    assert "Idempotency-Key" in names


def test_write_bodies_name_no_field_that_only_verbs_move(schema):
    guarded = {
        "state",
        "risk_tier",
        "manifest_sha256",
        "sha256",
        "approved_at",
        "calls_30d",
        "created_by",
        "mac",
        "epoch",
    }
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                component = schema["components"]["schemas"][
                    content["schema"]["$ref"].rsplit("/", 1)[1]
                ]
                assert not guarded & set(component.get("properties", {})), (method, path)


def test_the_document_and_its_page_answer_within_the_security_policy():
    alice = Api(factories.alice())
    page = alice.client.get("/api/docs/")
    text = page.content.decode()
    assert (
        "swagger-ui-bundle.js" in text
        and "<style" not in text
        and not re.search(r"<script(?![^>]*\bsrc=)", text)
    )
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]
    script = re.search(r'src="([^"]*\?script=[^"]*|[^"]*script=[^"]*)"', text)
    assert (
        script
        and "javascript"
        in alice.client.get("/api/docs/" + script[1].replace("&amp;", "&").split("/")[-1])[
            "Content-Type"
        ]
    )
    assert alice.client.get("/api/schema/?format=json").json()["openapi"].startswith("3.1")
