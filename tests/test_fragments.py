"""A page and its refresh are the same markup: htmx gets the part, everybody else the whole."""

import pytest
from django.test import Client
from django.urls import reverse

from hosting.models import Deployment
from tests import factories

pytestmark = pytest.mark.django_db

# (route, arguments, who asks): pages that refresh a part of themselves.
REFRESHED = [
    ("catalog:models", {}, "maya"),
    ("consumption:usage", {}, "maya"),
    ("consumption:model_usage", {"slug": "income-verification"}, "alice"),
    ("consumption:try", {"slug": "income-verification"}, "maya"),
    ("consumption:latency", {"slug": "income-verification"}, "maya"),
    ("hosting:deployment", {"slug": "income-verification"}, "maya"),
    ("publishing:changes", {"slug": "income-verification", "number": "1.0.0"}, "maya"),
    ("publishing:gate_runs", {"slug": "income-verification", "number": "1.0.0"}, "maya"),
    ("operations:operations", {}, "otto"),
]


@pytest.mark.parametrize(("name", "arguments", "who"), REFRESHED)
def test_the_part_is_in_the_whole(name, arguments, who):
    version = factories.published_version()
    Deployment.objects.create(version=version, app_name="one", state="ready")
    client = Client()
    client.force_login(getattr(factories, who)())
    address = reverse(name, kwargs=arguments)
    whole, part = client.get(address), client.get(address, headers={"HX-Request": "true"})
    assert "<html" in whole.content.decode() and "<html" not in part.content.decode()
    assert part.status_code == 200 and part.content.strip()


@pytest.mark.parametrize(
    ("name", "arguments", "who"),
    [
        *REFRESHED,
        ("home", {}, "maya"),
        ("publishing:home", {}, "alice"),
        ("publishing:register", {}, "alice"),
        ("consumption:subscribe", {"slug": "income-verification"}, "maya"),
    ],
)
def test_pages_need_no_inline_script_or_style(name, arguments, who):
    factories.published_version()
    client = Client()
    client.force_login(getattr(factories, who)())
    page = client.get(reverse(name, kwargs=arguments))
    text = page.content.decode()
    for forbidden in ("<style", 'style="', "onclick=", "onchange=", "javascript:"):
        assert forbidden not in text, forbidden
    assert all(
        "src=" in tag.split(">")[0] or "application/json" in tag.split(">")[0]
        for tag in text.split("<script")[1:]
    )
    assert (
        "script-src 'self'" in page["Content-Security-Policy"]
        and "unsafe" not in page["Content-Security-Policy"]
    )
