"""An agent tries a model: MCP client, portal, gateway and upstream, each over its own connection."""

import pytest

from consumption.models import ApiKey, SandboxCall, UsageEvent
from consumption.playground import allowance
from tests import factories
from tests.gateway import until
from tests.insights.mcp_clients import call, text
from tests.portal import Portal

pytestmark = pytest.mark.xdist_group("gateway_stage")


def test_an_agent_tries_a_model_in_the_sandbox(stage, gateway, version, tmp_path):
    """As a person does: within the hour's calls, nobody's use, and no key is made."""
    allowance.SandboxHour.objects.all().delete()
    urls = gateway.database_url, gateway.redis_url
    reached = f"http://127.0.0.1:{gateway.port}"
    keys = ApiKey.objects.count()
    wanted = {"model": version.model.slug, "request": factories.example(1)}
    _, reads = factories.token(factories.maya(), scopes=("read",))
    _, tries = factories.token(factories.maya(), scopes=("try",))
    with Portal(tmp_path, *urls, GATEWAY_INTERNAL_URL=reached) as portal:
        refused = call(portal, reads, "try_model", **wanted)
        assert refused.is_error and "does not have the scope try" in text(refused)
        said = call(portal, tries, "try_model", **wanted).structured_content
        assert (said["status"], said["version"]) == (200, version.number), said
        assert said["answer"]["outputs"] and said["calls_left"] == 59
        large = wanted | {"request": {"inputs": ["x" * 300_000]}}
        assert "more than 256 KiB" in text(call(portal, tries, "try_model", **large))
    calls = SandboxCall.objects.filter(version_id=version.pk)
    until(lambda: calls.count() == 1)
    assert calls.get().user_id == factories.maya().pk
    assert not UsageEvent.objects.filter(version_id=version.pk).exists()
    assert ApiKey.objects.count() == keys
