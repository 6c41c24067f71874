"""The package form in a real browser: a refusal appears on the form, and nothing that was chosen or typed is lost."""

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.publishing.specimens import onnx_bytes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ENDPOINT = "https://models.example.com/income"


@pytest.fixture
def package_page(page, live_server, tmp_path):
    """alice at the package step, a file chosen and an endpoint typed in the other form."""
    version = factories.publishing.start_version(factories.alice(), factories.model(), "1.0.0")
    client = Client()
    client.force_login(factories.alice())
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
    )
    address = reverse("publishing:package", args=[version.model.slug, version.number])
    page.goto(live_server.url + address)
    (tmp_path / "income.onnx").write_bytes(onnx_bytes())
    page.get_by_text("The model runs somewhere else").click()
    page.get_by_label("Address of the endpoint").fill(ENDPOINT)
    return page


def _is_kept(page):
    chosen = page.get_by_label("Package file").evaluate("input => input.files[0].name")
    typed = page.get_by_label("Address of the endpoint").input_value()
    return (chosen, typed) == ("income.onnx", ENDPOINT)


@pytest.mark.slow
def test_a_refused_upload_keeps_the_file_and_what_was_typed(package_page, settings, tmp_path):
    page = package_page
    page.get_by_label("Package file").set_input_files(tmp_path / "income.onnx")
    settings.UPLOAD_TEAM_BYTES = 1
    page.get_by_role("button", name="Upload and inspect").click()
    page.get_by_text("Replace drafts that are no longer needed").wait_for()
    assert _is_kept(page)
    page.route("**/package/", lambda route: route.abort())
    page.get_by_role("button", name="Upload and inspect").click()
    page.get_by_text("The package did not arrive.").wait_for()
    assert _is_kept(page)
    page.unroute("**/package/")
    settings.UPLOAD_TEAM_BYTES = 10**9
    page.get_by_role("button", name="Upload and inspect").click()
    page.get_by_text("The package is in.").wait_for()


def test_a_file_that_is_too_large_is_not_sent(package_page, settings, tmp_path):
    page, sent = package_page, []
    settings.UPLOAD_MAX_BYTES = 10
    page.reload()
    page.on("request", lambda request: sent.append(request.method))
    page.get_by_label("Package file").set_input_files(tmp_path / "income.onnx")
    page.get_by_role("button", name="Upload and inspect").click()
    reason = page.get_by_label("Package file").evaluate("input => input.validationMessage")
    assert reason.startswith("A package has at most 10") and "POST" not in sent
