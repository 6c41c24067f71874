"""The deployment page and the controls of one version."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from hosting import deployments, health
from hosting.models import Deployment, HealthSample, Incident, Replica
from hosting.reconcile import reconcile
from tests import factories
from tests.hosting.engines import FakeEngine
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(monkeypatch):
    """A running deployment of a published version; the engine behind the page is the test's."""
    monkeypatch.setattr(health, "is_answering", lambda url, version: True)
    version = factories.published_version()
    version.upstream.delete()
    version.kind = "onnx"
    version.save(update_fields=["kind"])
    engine = FakeEngine()
    monkeypatch.setattr(deployments, "driver", lambda: engine)
    reconcile(engine)
    made = Deployment.objects.get(version=version)
    engine.run(made.app_name, [77])
    reconcile(engine)
    made.refresh_from_db()
    assert made.state == "ready"
    return made


def address(deployment):
    return reverse(
        "hosting:manage_deployment", args=[deployment.version.model.slug, deployment.version.number]
    )


def test_everybody_who_sees_the_model_sees_what_runs(client, deployment):
    client.force_login(factories.maya())
    page = client.get(reverse("hosting:deployment", args=[deployment.version.model.slug]))
    assert page.status_code == 200
    assert "Not enough traffic" in page.content.decode()
    assert "Logs and controls" not in page.content.decode()


def test_the_controls_are_for_its_team_and_operators(client, deployment):
    for person, expected in (
        (factories.maya(), 404),
        (factories.charlie(), 404),
        (factories.bob(), 200),
        (factories.otto(), 200),
    ):
        client.force_login(person)
        assert client.get(address(deployment)).status_code == expected, person
    assert "the graph has no output" in client.get(address(deployment)).content.decode()


def test_stop_and_start_from_the_page(client, deployment):
    client.force_login(factories.alice())
    assert client.post(address(deployment), {"verb": "stop", "reason": ""}).status_code == 422
    assert (
        client.post(
            address(deployment), {"verb": "stop", "reason": "It answers nonsense."}
        ).status_code
        == 302
    )
    deployment.refresh_from_db()
    assert (deployment.state, deployment.is_stopped_by_owner) == ("stopping", True)
    assert client.post(address(deployment), {"verb": "start"}).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.state, deployment.is_stopped_by_owner) == ("pending", False)


def test_size_from_the_page(client, deployment):
    client.force_login(factories.alice())
    size = {"verb": "size", "minimum": 3, "maximum": 2, "target_ongoing_requests": 4}
    refused = client.post(address(deployment), size)
    assert (
        refused.status_code == 422
        and "smaller number first" in refused.context["forms"]["size"].errors["maximum"][0]
    )
    assert (
        'action="#size"' in refused.content.decode()
    )  # the browser stays at the form that says so
    assert client.post(address(deployment), size | {"minimum": 0}).status_code == 302
    deployment.refresh_from_db()
    assert (deployment.min_replicas, deployment.max_replicas) == (0, 2)


def test_the_tab_tells_promise_against_measured(client, deployment):
    Deployment.objects.filter(pk=deployment.pk).update(state="failed", reason="It has no output.")
    client.force_login(factories.alice())
    text = text_of(client.get(reverse("hosting:deployment", args=[deployment.version.model.slug])))
    assert "It does not run." in text and "It has no output." in text
    assert (
        "Promised and measured, 30 days" in text
        and "99.5 %" in text
        and "Logs and controls" in text
    )
    assert "No incident so far." in text


def test_an_incident_stands_on_top_of_the_tab(client, deployment):
    HealthSample.objects.create(version=deployment.version, is_ok=False)
    Incident.objects.create(
        version=deployment.version,
        summary=f"{deployment.version} does not answer. ready answered 503.",
    )
    client.force_login(factories.maya())
    text = text_of(client.get(reverse("hosting:deployment", args=[deployment.version.model.slug])))
    assert (
        "<strong>Does not answer. ready answered 503.</strong>" in text
        and "Its publishers and consumers were told" in text
    )


def test_an_external_endpoint_has_its_tab(client):
    version = factories.published_version()
    client.force_login(factories.alice())
    text = text_of(client.get(reverse("hosting:deployment", args=[version.model.slug])))
    assert "the marketplace calls and watches it" in text
    assert "Promised and measured" in text and "Answers" in text
    assert (
        "Replicas running" not in text
        and "Logs and controls" not in text
        and "Time shown" not in text
    )


def test_a_suspended_version_says_why_it_is_stopped(client, deployment):
    ModelVersion.objects.filter(pk=deployment.version_id).update(suspended_at=timezone.now())
    Deployment.objects.filter(pk=deployment.pk).update(state="stopped")
    client.force_login(factories.alice())
    text = text_of(client.get(reverse("hosting:deployment", args=[deployment.version.model.slug])))
    assert "Calls are refused until the suspension is lifted" in text


def test_the_publisher_reads_what_limits_refused(client, deployment, settings, tmp_path):
    settings.GATEWAY_METRICS_DIR = tmp_path
    lines = [
        f'gateway_rejections_last_hour{{worker="0",version="{deployment.version_id}",limit="{limit}"}} {count}'
        for limit, count in (("rate", 12), ("upstream", 1))
    ]
    lines.append(f'gateway_breaker_open{{worker="0",version="{deployment.version_id}"}} 1')
    (tmp_path / "0.prom").write_text("\n".join(lines) + "\n")
    url = reverse("hosting:deployment", args=[deployment.version.model.slug])
    client.force_login(factories.alice())
    text = text_of(client.get(url))
    assert (
        "12 calls were refused in the last hour by their plan&#x27;s rate." in text
        and "A larger plan" in text
    )
    assert (
        "1 call was refused in the last hour because the model was full. Allow more replicas."
        in text
    )
    assert "Its last calls all failed." in text
    client.force_login(factories.maya())
    assert "in the last hour" not in client.get(url).content.decode()


def test_the_controls_say_who_is_affected(client, deployment):
    factories.subscription(deployment.version)
    client.force_login(factories.alice())
    text = text_of(client.get(address(deployment)))
    assert "1 application of 1 team may call it. 0 calls since " in text
    assert "Takes effect without a restart" in text and "its consumers are told" in text


def test_more_versions_and_replicas_do_not_need_more_queries(client, deployment):
    client.force_login(factories.maya())
    url = reverse("hosting:deployment", args=[deployment.version.model.slug])
    entry = deployment.version.model

    def queries():
        client.get(url)
        with CaptureQueriesContext(connection) as taken:
            client.get(url)
        return len(taken)

    before = queries()
    for number in ("1.1.0", "1.2.0"):
        made = Deployment.objects.create(
            version=factories.published_version(entry, number), app_name=number, state="ready"
        )
        for name in range(8):
            Replica.objects.create(deployment=made, replica_id=f"r{name}", state="running")
    assert queries() <= before + 1


def test_a_page_costs_few_queries(client, deployment, django_assert_max_num_queries):
    client.force_login(factories.alice())
    url = reverse("hosting:deployment", args=[deployment.version.model.slug])
    client.get(url)
    with django_assert_max_num_queries(40):
        client.get(url)
