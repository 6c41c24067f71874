"""Main pages in Chromium: axe finds nothing serious, nothing breaks the policy, nothing runs off a phone's screen (issue 2, done 9)."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from governance.models import Review
from hosting.models import Deployment, Incident, Replica
from tests import cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GRAVE = {"serious", "critical"}
LOOKS = [
    pytest.param("light", 1440, id="light-wide"),
    pytest.param("dark", 390, id="dark-phone"),
    pytest.param("dark", 1440, id="dark-wide", marks=pytest.mark.slow),
    pytest.param("light", 390, id="light-phone", marks=pytest.mark.slow),
]


@pytest.fixture
def addresses():
    """Each main page with who looks at it, on a catalog with one published model and one version in review."""
    held = cast.subscription()
    entry = held.model
    cast.in_review_version(entry, "1.1.0")
    model, publish = entry.get_absolute_url(), f"/publish/{entry.slug}/1.1.0"
    review = Review.objects.open().first()
    live = held.pinned_version
    deployment = Deployment.objects.create(version=live, app_name="live", state="unhealthy", reason="It did not answer.")
    Replica.objects.create(deployment=deployment, replica_id="a", state="running")
    Incident.objects.create(version=live, summary=f"{live} does not answer. ready answered 503.")
    runtime = [f"{model}deployment/", f"{model}versions/{live.number}/deployment/"]
    return {
        "alice": [*runtime, "/", "/models/", "/publish/", "/publish/new/", f"{publish}/card/", f"{publish}/submit/"],
        "maya": [model, f"{model}api/", f"{model}evidence/", f"{model}usage/", "/usage/", "/access/", held.application.get_absolute_url()],
        "rita": ["/reviews/", f"/reviews/{review.pk}/", "/operations/", "/insights/"],
    }


def signed_in(chromium, live_server, client, username, scheme, width):
    client.force_login(getattr(cast, username)())
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    return context


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_main_pages(chromium, live_server, client, addresses, scheme, width):
    faults = []
    for username, paths in addresses.items():
        context = signed_in(chromium, live_server, client, username, scheme, width)
        page = context.new_page()
        page.on("console", lambda message, kept=faults: message.type == "error" and kept.append(message.text))
        for path in paths:
            assert page.goto(live_server.url + path).status == 200, path
            found = Axe().run(page).response["violations"]
            faults += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in GRAVE]
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                faults.append(f"{path} runs off the side at {width} px")
        context.close()
    assert faults == []
