"""Tries go through the real gateway: under a pass, metered apart, and nobody's use."""

import json
import time
import uuid

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.metering import projections, reconciliation, rollups
from consumption.models import SandboxCall, StaleHour, UsageDay, UsageEvent
from consumption.playground import allowance, gateway_client, latency, sandbox_pass, tries
from consumption.playground.sandbox_pass import SandboxPass
from consumption.playground.tries import Asked
from hosting.models import Upstream
from tests import factories
from tests.gateway import answer, answer_ok, subscriber, until

pytestmark = pytest.mark.xdist_group("gateway_stage")


@pytest.fixture
def portal(gateway, monkeypatch):
    """The portal, which reaches this gateway; maya has tried nothing in this hour."""
    monkeypatch.setattr(settings, "GATEWAY_INTERNAL_URL", f"http://127.0.0.1:{gateway.port}")
    allowance.SandboxHour.objects.all().delete()
    return gateway


def try_it(version, body=None):
    (tried,), _ = tries.try_versions(
        factories.maya(), [Asked(version, body or factories.example(1))]
    )
    return tried


def pass_for(version, seconds=60, pepper="", by=factories.maya):
    granted = SandboxPass(by().pk, version.model_id, version.pk, int(time.time()) + seconds)
    return sandbox_pass.mint(granted, 1, pepper or settings.KEY_PEPPERS[1])


def path_of(version):
    return f"/v2/models/{version.model.slug}/versions/{version.number}/infer"


def test_a_try_is_answered_and_is_nobodys_use(portal, version):
    """What the statement, the roll-ups, the catalog and the reconciliation say is what they said before."""
    subscription, key = subscriber(version)
    assert portal.infer(path_of(version), key)[0] == 200
    until(lambda: UsageEvent.objects.filter(version_id=version.pk).count() == 1)
    tried = [try_it(version).reply for _ in range(3)]
    assert [reply.status for reply in tried] == [200] * 3
    assert tried[0].headers["X-Model-Version"] == version.number
    calls = SandboxCall.objects.filter(version_id=version.pk)
    until(lambda: calls.count() == 3)
    assert {str(uuid.UUID(reply.request_id)) for reply in tried} == {
        str(call.event_id) for call in calls
    }
    call = calls[0]
    assert (call.user_id, call.model_id, call.outcome) == (
        factories.maya().pk,
        version.model_id,
        "ok",
    )
    until(lambda: rollups.roll_up_all() or UsageDay.objects.filter(version=version).exists())
    projections.project()
    assert UsageEvent.objects.filter(model_id=version.model_id).count() == 1
    assert [day.calls for day in UsageDay.objects.filter(version=version)] == [1]
    entry = RegisteredModel.objects.get(pk=version.model_id)
    assert (entry.calls_30d, entry.consumer_teams) == (1, 1)
    assert not StaleHour.objects.exists()
    reconciliation.count_due()
    assert not reconciliation.reconciliation().wrong


def test_a_pass_opens_its_model_alone_and_not_for_long(portal, version, stage):
    other = stage.version()
    assert portal.infer(path_of(version), pass_for(version))[0] == 200
    assert portal.infer(path_of(other), pass_for(version))[0] == 404
    for text in (
        pass_for(version, -1),
        pass_for(version, pepper="another pepper"),
        "mks_" + "A" * 46,
    ):
        assert portal.infer(path_of(version), text)[0] == 401
    assert (
        portal.get("/v2", pass_for(version))[0] == 200
    )  # any good credential may read the server's metadata


def test_one_person_has_limits_of_ones_own(portal, version):
    """At the gateway, whoever holds passes: five calls a second after a burst; rejections are not told of the version."""
    text = pass_for(version, by=factories.alice)
    answers = [portal.infer(path_of(version), text) for _ in range(40)]
    statuses = {status for status, *_ in answers}
    assert statuses == {200, 429}
    assert portal.count("rejections_total", version=version.pk) == 0


def test_what_does_not_answer_says_why(portal, version, stage, monkeypatch):
    stage.stub.behave = lambda connection, head, body: time.sleep(3)
    monkeypatch.setattr(gateway_client, "DEADLINE_S", 0.3)
    ModelVersion.objects.filter(pk=version.pk).update(cold_start_s=7)
    version.refresh_from_db()
    began = time.monotonic()
    late = try_it(version)
    assert late.reply is None and "starts, which takes about 7 s" in late.why_not
    assert time.monotonic() - began < 2
    monkeypatch.setattr(gateway_client, "DEADLINE_S", 10.0)
    Upstream.objects.filter(version=version).delete()
    until(lambda: try_it(version).reply.status == 503)


def test_what_fails_in_the_sandbox_opens_no_breaker(lone, portal, version, stage, monkeypatch):
    monkeypatch.setattr(settings, "GATEWAY_INTERNAL_URL", f"http://127.0.0.1:{lone.port}")
    _, key = subscriber(version)
    stage.stub.behave = answer(b"500 Oops")
    for _ in range(6):
        reply = try_it(version).reply
        assert reply.status == 502 and "secret words" not in json.dumps(reply.document)
    stage.stub.behave = answer_ok
    assert lone.infer(path_of(version), key)[0] == 200


def test_a_long_answer_and_a_dead_gateway(portal, version, stage, monkeypatch):
    stage.stub.behave = answer(
        b"200 OK", b'{"outputs": []}' + b" " * (1 << 20), b"application/json"
    )
    assert "larger than 1 MiB" in try_it(version).why_not
    monkeypatch.setattr(settings, "GATEWAY_INTERNAL_URL", "http://127.0.0.1:9")
    assert "does not answer" in try_it(version).why_not


def test_the_whole_way_from_the_form_to_the_model(portal, version):
    client = Client()
    client.force_login(factories.maya())
    address = reverse("consumption:try", args=[version.model.slug])
    page = client.post(address, {"do": "run", "in:income": "4,000", "in:debt": "300"})
    assert page.status_code == 200 and "3,700" in page.content.decode()
    assert "59</strong> of 60" in page.content.decode()


def test_a_benchmark_goes_through_the_gateway_and_is_nobodys_use(portal, version, monkeypatch):
    monkeypatch.setattr(latency, "STAGE_S", 0.3)
    version.example = factories.example(1)
    version.save(update_fields=["example"])
    run = latency.start(factories.maya(), version)
    latency.measure(run.pk)
    run.refresh_from_db()
    assert run.state == "done", run.reason
    sent = sum(stage["calls"] for stage in run.stages)
    assert sum(stage["answered"] for stage in run.stages) == sent
    until(
        lambda: SandboxCall.objects.filter(version_id=version.pk).count() == sent + latency.WARM_UP
    )
    assert not UsageEvent.objects.filter(version_id=version.pk).exists()
    assert not SandboxCall.objects.filter(
        version_id=version.pk, user_id=factories.maya().pk
    ).exists()


# ── The documentation's address ───────────────────────────────────────────

ROWS = b'[{"income": 4000.0, "debt": 300.0}]'


def ask(version, verb, body=ROWS, by=factories.maya, **facts):
    client = Client()
    client.force_login(by())
    address = reverse("consumption:sandbox", args=[version.model.slug, version.number, verb])
    return client.post(address, body, content_type="application/json", **facts)


def test_the_documentation_calls_without_a_key(portal, stage, version):
    stage.stub.behave = answer(b"200 OK", b"score\r\n3700.0\r\n", b"text/csv")
    response = ask(version, "rows", b"income,debt\n4000,300\n", headers={"Accept": "text/csv"})
    assert (response.status_code, response.content) == (200, b"score\r\n3700.0\r\n")
    assert response["Content-Type"] == "text/csv" and response["X-Request-Id"]
    head, sent = stage.stub.seen[-1]
    assert b"/rows HTTP" in head and b"accept: text/csv" in head.lower()
    assert sent == b"income,debt\n4000,300\n"
    assert allowance.of(factories.maya()).left == allowance.SandboxHour.MOST_CALLS - 1
    until(lambda: SandboxCall.objects.filter(version_id=version.pk).count() == 1)
    assert not UsageEvent.objects.filter(version_id=version.pk).exists()


def test_the_documentations_address_says_no_as_the_gateway_does(portal, stage, version):
    document = b'{"error": "no", "field": "income", "row": 0}'
    stage.stub.behave = answer(b"422 X", document, b"application/problem+json")
    response = ask(version, "rows")
    assert (response.status_code, response.content) == (422, document)
    large = ask(version, "infer", b" " * (tries.MOST_BODY_BYTES + 1))
    assert large.status_code == 422 and "256 KiB" in large.json()["detail"]
    assert ask(version, "repository").status_code == 404
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.maya())
    address = reverse("consumption:sandbox", args=[version.model.slug, version.number, "rows"])
    assert client.post(address, ROWS, content_type="application/json").status_code == 403
    assert client.get(address).status_code == 405
    metadata = reverse("consumption:sandbox_metadata", args=[version.model.slug, version.number])
    assert client.get(metadata).json()["inputs"][0]["name"] == "income"


def test_a_suspended_version_and_a_used_up_hour_are_refused_there_too(portal, stage, version):
    allowance.take(factories.maya(), allowance.SandboxHour.MOST_CALLS)
    response = ask(version, "rows")
    assert response.status_code == 429 and response.json()["type"].endswith("/tries-used-up")
    allowance.SandboxHour.objects.all().delete()
    ModelVersion.objects.filter(pk=version.pk).update(
        suspended_at=timezone.now(), suspension_reason="Drifts."
    )
    response = ask(version, "rows")
    assert response.status_code == 409 and "Drifts." in response.json()["detail"]
    assert stage.stub.seen == []
