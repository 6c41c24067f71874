"""Agents work with the MCP server through the official SDK's client, over HTTP, against the portal's own processes."""

import json
import subprocess
import sys

import pytest

from catalog.models import RegisteredModel, SearchRecord
from consumption.models import ApiKey
from marketplace.insights.agents import operations
from marketplace.launcher.rundir import ROOT
from marketplace.tokens import actions as tokens
from tests import factories
from tests.insights.mcp_clients import call, talk, text
from tests.portal import Portal, session

pytestmark = pytest.mark.django_db(transaction=True)
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
TOOLS = {
    "search_models",
    "read_model",
    "read_card",
    "read_signature",
    "compare_models",
    "try_model",
    "open_search_record",
    "check_search_record",
    "list_my_access",
}


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory):
    with Portal(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@pytest.fixture
def version():
    version = factories.published_version()
    factories.plan(version.model)
    return version


def token(*scopes, by=factories.maya):
    return factories.token(by(), scopes=scopes or ("read",))[1]


def post(portal, secret="", body=INITIALIZE, **headers):
    """(status, headers, body) of a POST by hand, with what the protocol asks for."""
    given = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {secret}",
    } | headers
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return portal.raw("POST", "/mcp", content, {name: v for name, v in given.items() if v})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_finds_and_reads_a_model(portal, version, mode):
    """Both ways in which the SDK begins: with the handshake, and without."""
    secret = token()

    async def look(client):
        tools = (await client.list_tools()).tools
        found = await client.call_tool("search_models", {"query": "income"})
        slug = found.structured_content["models"][0]["slug"]
        read = [
            await client.call_tool(name, {"model": slug})
            for name in ("read_model", "read_card", "read_signature")
        ]
        page = await client.read_resource(f"marketplace://models/{slug}")
        return tools, slug, read, page

    tools, slug, (markdown, card, signature), page = talk(portal, secret, look, mode)
    assert {tool.name for tool in tools} == TOOLS
    assert slug == version.model.slug
    assert text(markdown).startswith(f"# {version.model.name}\n")
    assert page.contents[0].text == text(markdown)
    assert card.structured_content["card"] == version.card.data
    assert signature.structured_content["signature"] == version.signature
    assert signature.structured_content["version"] == version.number


def test_models_side_by_side_and_my_access(portal, version):
    other = factories.published_version(factories.model(name="Other income")).model
    held = factories.subscription(version=version)
    _, key = factories.key(held)
    secret = token()
    both = [version.model.slug, other.slug]
    compared = call(portal, secret, "compare_models", models=both)
    assert [column["model"] for column in compared.structured_content["columns"]] == both
    mine = call(portal, secret, "list_my_access")
    assert mine.structured_content["me"]["username"] == "maya"
    (row,) = mine.structured_content["subscriptions"]
    assert row["id"] == held.pk and key not in text(mine)
    assert ApiKey.objects.count() == 1, "no tool makes keys"


def test_a_record_is_opened_in_the_name_of_the_person(portal, version):
    team = factories.mortgage().slug
    given = {"team": team, "title": "Income of applicants", "need": factories.NEED}
    refused = call(portal, token(), "open_search_record", **given)
    assert refused.is_error and "does not have the scope publish" in text(refused)
    assert not SearchRecord.objects.exists()
    secret = token("publish")
    opened = call(portal, secret, "open_search_record", **given).structured_content
    record = SearchRecord.objects.get()
    assert (opened["number"], record.opened_by.username) == (str(record), "maya")
    frozen = [candidate.model.slug for candidate in record.candidates.all()]
    assert [one["model"] for one in opened["candidates"]] == frozen
    checked = call(portal, secret, "check_search_record", record=str(record)).structured_content
    assert not checked["passes"] and checked["reasons"][0]["code"] == "open"
    foreign = call(
        portal, secret, "open_search_record", **given | {"team": factories.lending().slug}
    )
    assert foreign.is_error and "Only members of" in text(foreign)


def test_what_the_person_may_not_see_is_not_there(portal, version):
    RegisteredModel.objects.filter(pk=version.model_id).update(visibility="restricted")
    slug, secret = version.model.slug, token("try")
    found = call(portal, secret, "search_models", query="income")
    assert found.structured_content["models"] == []
    missing = text(call(portal, secret, "read_model", model="no-such-model"))
    for tool, more in (
        ("read_model", {}),
        ("read_card", {}),
        ("read_signature", {"version": "1.0.0"}),
        ("try_model", {"request": {"inputs": []}, "version": "1.0.0"}),
    ):
        hidden = call(portal, secret, tool, model=slug, **more)
        assert hidden.is_error and text(hidden) == missing == operations.MISSING, tool
    compared = call(portal, secret, "compare_models", models=[slug, "no-such-model"])
    assert compared.structured_content["unavailable"] == 2

    async def read(client):
        with pytest.raises(Exception, match="you may not see it"):
            await client.read_resource(f"marketplace://models/{slug}")

    talk(portal, secret, read)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "query: Field required."),
        ({"query": "x" * 201}, "query: String should have at most 200 characters."),
        ({"query": "x", "most": 500}, "most: Input should be less than or equal to 20."),
        (
            {"query": "x", "limit": 5},
            "search_models has no argument limit. It takes: query, domain, most.",
        ),
        ({"query": "x", "domain": "no-such-domain"}, "domain: "),
    ],
)
def test_wrong_arguments_are_answered_in_sentences(portal, arguments, said):
    factories.maya()
    refused = call(portal, token(), "search_models", **arguments)
    assert refused.is_error and said in text(refused), text(refused)
    assert "x" * 201 not in text(refused)


def test_only_a_live_token_opens_it(portal):
    made, secret = factories.token(factories.maya(), scopes=("read",))
    assert post(portal, secret)[0] == 200
    cookie = f"sessionid={session(factories.maya())}"
    for wrong in ({"Authorization": ""}, {"Authorization": "", "Cookie": cookie}):
        status, headers, body = post(portal, **wrong)
        assert status == 401 and "Bearer" in headers["www-authenticate"]
        assert json.loads(body)["remedy"]
    assert post(portal, "mkp_nonsense")[0] == 401
    tokens.revoke_token(factories.maya(), made)
    assert post(portal, secret)[0] == 401


def test_a_page_of_another_site_may_not_ask(portal):
    secret = token()
    own = f"http://127.0.0.1:{portal.port}"
    assert post(portal, secret, Origin=own)[0] == 200
    for origin in ("https://evil.example", "null", own + ".evil.example"):
        assert post(portal, secret, Origin=origin)[0] == 403


def test_what_is_too_large_or_no_message_is_refused_and_nothing_hangs(portal):
    secret = token()
    large = INITIALIZE | {"params": {"x": "y" * (1024 * 1024)}}
    status, _, body = post(portal, secret, large)
    assert status == 413 and json.loads(body)["remedy"]
    assert post(portal, "", "y" * 70_000)[0] in (401, 413)
    deep = '{"jsonrpc": "2.0", "id": 1, "method": ' + "[" * 5000 + "]" * 5000 + "}"
    for wrong in ("{", "", deep, '{"a": "\\u0000"}', "[]", "7", json.dumps([INITIALIZE])):
        status, _, body = post(portal, secret, wrong)
        assert status == 400 and json.loads(body)["error"]["message"], wrong[:40]
    for method in ("GET", "DELETE"):
        status, headers, _ = portal.raw(method, "/mcp", None, {"Authorization": f"Bearer {secret}"})
        assert (status, headers["allow"]) == (405, "POST")
    assert post(portal, secret)[0] == 200


@pytest.mark.slow
def test_the_portal_starts_without_the_sdk():
    """The SDK takes seconds and memory: pages do not pay for it."""
    code = "import marketplace.asgi, marketplace.urls, sys; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0
