"""The deployment page and the controls of one version."""

import pytest
from django.urls import reverse

from hosting import health, views
from hosting.models import Deployment
from hosting.reconcile import reconcile
from tests import cast
from tests.hosting.engines import FakeEngine

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(monkeypatch):
    """A running deployment of a published version; the engine behind the page is the test's."""
    monkeypatch.setattr(health, "answers", lambda url, version: True)
    version = cast.published_version()
    version.upstream.delete()
    version.kind = "onnx"
    version.save(update_fields=["kind"])
    engine = FakeEngine()
    monkeypatch.setattr(views, "driver", lambda: engine)
    reconcile(engine)
    made = Deployment.objects.get(version=version)
    engine.run(made.app_name, [77])
    reconcile(engine)
    made.refresh_from_db()
    assert made.state == "ready"
    return made


def address(deployment):
    return reverse("hosting:steer", args=[deployment.version.model.slug, deployment.version.number])


def test_everybody_who_sees_the_model_sees_what_runs(client, deployment):
    client.force_login(cast.maya())
    page = client.get(reverse("hosting:deployment", args=[deployment.version.model.slug]))
    assert page.status_code == 200
    assert "Not enough traffic" in page.content.decode()
    assert "Start, stop or size it" not in page.content.decode()


def test_the_controls_are_for_its_team_and_operators(client, deployment):
    for person, expected in ((cast.maya(), 404), (cast.charlie(), 404), (cast.bob(), 200), (cast.otto(), 200)):
        client.force_login(person)
        assert client.get(address(deployment)).status_code == expected, person
    assert "the graph has no output" in client.get(address(deployment)).content.decode()


def test_stop_and_start_from_the_page(client, deployment):
    client.force_login(cast.alice())
    assert client.post(address(deployment), {"verb": "stop", "reason": ""}).status_code == 422
    assert client.post(address(deployment), {"verb": "stop", "reason": "It answers nonsense."}).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.state, deployment.is_stopped_by_owner) == ("stopping", True)
    assert client.post(address(deployment), {"verb": "start"}).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.state, deployment.is_stopped_by_owner) == ("pending", False)


def test_size_from_the_page(client, deployment):
    client.force_login(cast.alice())
    size = {"verb": "size", "minimum": 3, "maximum": 2, "target_ongoing_requests": 4}
    assert client.post(address(deployment), size).status_code == 422
    assert client.post(address(deployment), size | {"minimum": 0}).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.min_replicas, deployment.max_replicas) == (0, 2)


def test_a_page_costs_few_queries(client, deployment, django_assert_max_num_queries):
    client.force_login(cast.alice())
    url = reverse("hosting:deployment", args=[deployment.version.model.slug])
    client.get(url)
    with django_assert_max_num_queries(40):
        client.get(url)
