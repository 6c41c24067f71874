"""What runs and how it is, by program: deployments, incidents, probes, and what was promised against what was measured."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from consumption.models import UsageHour
from hosting import deployments
from hosting.models import Deployment, HealthSample, Incident
from tests import factories
from tests.api.calls import Api
from tests.hosting.engines import FakeEngine

pytestmark = pytest.mark.django_db


@pytest.fixture
def live():
    cache.clear()
    return factories.published_version()


def hour(version, subscription, **counts):
    zeros = dict.fromkeys(["ok", "client_errors", "upstream_errors", "aborted", "unknown"], 0)
    at = timezone.now().replace(minute=0, second=0, microsecond=0)
    UsageHour.objects.create(
        hour=at,
        subscription=subscription,
        **factories.paid_by(subscription),
        version=version,
        calls=sum(counts.values()),
        units=0,
        duration_us=0,
        **zeros | counts,
    )


def test_a_deployment_tells_its_size(live):
    made = Deployment.objects.create(
        version=live, app_name="live", state="ready", target_ongoing_requests=7
    )
    row = Api(factories.maya()).get(f"deployments/{made.pk}/")
    assert (row["min_replicas"], row["max_replicas"], row["target_ongoing_requests"]) == (0, 2, 7)


def test_logs_are_for_its_team(live, monkeypatch):
    monkeypatch.setattr(deployments, "driver", FakeEngine)
    made = Deployment.objects.create(version=live, app_name="live", state="ready")
    assert Api(factories.bob()).get(f"deployments/{made.pk}/logs/") == {
        "lines": ["ERROR the graph has no output"]
    }
    assert (
        "publishing team"
        in Api(factories.maya()).get(f"deployments/{made.pk}/logs/", expect=403)["detail"]
    )


def test_incidents_are_filtered_like_one_looks_for_them(live):
    now = timezone.now()
    closed = Incident.objects.create(
        version=live, summary="Old", opened_at=now - timedelta(days=3), closed_at=now
    )
    opened = Incident.objects.create(version=live, summary="New")
    other = Incident.objects.create(
        version=factories.published_version(factories.model(name="Other")), summary="Other"
    )
    maya = Api(factories.maya())

    def found(query=""):
        return [row["id"] for row in maya.get(f"incidents/{query}")["results"]]

    assert found() == [other.pk, opened.pk, closed.pk]
    assert found(f"?model={live.model.slug}&is_open=true") == [opened.pk]
    assert found(f"?version={live.pk}&is_open=false") == [closed.pk]
    assert found(f"?since={(now - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}") == [
        other.pk,
        opened.pk,
    ]
    row = maya.get(f"incidents/{opened.pk}/")
    assert (row["model"], row["number"], row["closed_at"], row["summary"]) == (
        live.model.slug,
        "1.0.0",
        None,
        "New",
    )


def test_incidents_and_probes_of_what_one_may_not_see_are_not_there():
    draft = factories.draft_version(factories.model(name="Secret draft"))
    hidden = Incident.objects.create(version=draft, summary="Secret")
    HealthSample.objects.create(version=draft, is_ok=False)
    stranger = Api(factories.charlie())
    assert stranger.get("incidents/")["results"] == stranger.get("health-samples/")["results"] == []
    stranger.get(f"incidents/{hidden.pk}/", expect=404)
    stranger.get(f"service-levels/{draft.pk}/", expect=404)


def test_probes_newest_first(live):
    HealthSample.objects.create(
        version=live,
        is_ok=False,
        detail="ready answered 503.",
        at=timezone.now() - timedelta(minutes=1),
    )
    HealthSample.objects.create(version=live, is_ok=True, latency_ms=9.5, replicas=2)
    maya = Api(factories.maya())
    assert [row["is_ok"] for row in maya.get("health-samples/")["results"]] == [True, False]
    [failed] = maya.get(f"health-samples/?version={live.pk}&is_ok=false")["results"]
    assert (failed["detail"], failed["latency_ms"]) == ("ready answered 503.", None)


def test_promised_and_measured(live):
    subscription = factories.subscription(live)
    maya = Api(factories.maya())
    row = maya.get(f"service-levels/{live.pk}/")
    assert (row["calls"], row["is_enough"], row["availability"]) == (0, False, None)
    assert {promise["verdict"] for promise in row["promises"]} == {"not enough traffic"}
    cache.clear()
    hour(live, subscription, ok=990, upstream_errors=10)
    row = maya.get(f"service-levels/{live.pk}/")
    assert (row["calls"], row["failed"], row["availability"], row["is_enough"]) == (
        1000,
        10,
        "99.000",
        True,
    )
    [availability] = [promise for promise in row["promises"] if promise["unit"] == "%"]
    assert (availability["promised"], availability["measured"], availability["verdict"]) == (
        "99.500",
        99.0,
        "broken",
    )
    assert row["error_budget"] == {"allowed": 5, "spent": 10, "left": 0}
