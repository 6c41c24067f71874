"""An MLflow registry publishes: signed events, what is read of a version, and what its team is told. With a real server's payloads."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed
from marketplace.notices.models import Notice
from publishing.models import RegistryConnection, RegistryDelivery, RegistryImport
from publishing.registry import actions, events, importing
from publishing.registry.server import NotRead, TrackingServer, artifact_path
from tests import factories
from tests.publishing.mlflow_recordings import EVENTS, SECRET, ReplayedServer, deliver
from tests.publishing.test_publication import document, entry

pytestmark = pytest.mark.django_db
ALIAS = "model_version_alias.created"
VERSION_GET = "/api/2.0/mlflow/model-versions/get?name=income-check&version=1"
RUN_FILES = "/api/2.0/mlflow-artifacts/artifacts/{}/marketplace/{}"


@pytest.fixture
def server(settings):
    server = ReplayedServer()
    settings.OUTBOUND_ALLOWED = [f"127.0.0.1:{server.port}"]
    settings.OUTBOUND_ALLOWS_LOOPBACK = True
    yield server
    server.close()


@pytest.fixture
def connected(server):
    factories.vocabulary()
    factories.bob()  # who is on the team, and is told
    return connect(server)


def connect(server, **changed):
    """(RegistryConnection, secret) of lending's."""
    facts = {"name": "Lending registry", "tracking_url": server.url, "marker": "production"}
    return actions.connect(factories.alice(), factories.lending(), **facts | changed)


def run_files(server, name):
    """The address of a file that the run keeps for the marketplace."""
    run_id = server.said(VERSION_GET)["model_version"]["run_id"]
    run = server.said(f"/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]
    return RUN_FILES.format(artifact_path(run["info"]["artifact_uri"]), name)


def imported():
    return RegistryImport.objects.for_list().get()


def read():
    importing.run(imported().pk)
    return imported()


def test_a_recorded_signature_is_recognised_to_the_byte(monkeypatch):
    """Headers, body and signature as MLflow sent them."""
    for kind, event in EVENTS.items():
        sent_at = int(event["headers"][events.TIMESTAMP])
        monkeypatch.setattr("publishing.registry.events.time.time", lambda at=sent_at: at + 299)
        body = event["body"].encode()
        known = events.signed_id([SECRET], event["headers"], body)
        assert known == event["headers"][events.ID], kind
        assert events.signed_id([SECRET], event["headers"], body + b" ") is None
        assert events.signed_id(["whsec_other"], event["headers"], body) is None
        assert events.read(body).kind == kind
        monkeypatch.setattr("publishing.registry.events.time.time", lambda at=sent_at: at + 301)
        assert events.signed_id([SECRET], event["headers"], body) is None


def test_a_promoted_version_is_submitted(connected, server):
    connection, secret = connected
    answer = deliver(connection, secret)
    assert answer.status_code == 202 and answer.json()["publishes"]
    done = read()
    assert done.state == "submitted", (done.said, done.problems)
    version = ModelVersion.objects.get()
    assert (version.model.slug, version.number, version.kind) == ("income-check", "1.0.0", "mlflow")
    assert version.submitted_by == factories.alice()
    assert {row.metric: row.value for row in version.evaluations.all()} == {
        "roc_auc": 0.74,
        "mae": 212.5,
    }
    assert "says little about others" in str(version.card.data["limitations.text"])
    notice = Notice.objects.get(recipient=factories.bob(), kind="pipeline")
    assert "is submitted" in notice.title
    assert AuditEvent.objects.filter(action="registry.event", actor=factories.alice()).count() == 1


def test_the_same_event_twice_changes_nothing(connected, server):
    connection, secret = connected
    deliver(connection, secret)
    read()
    facts = AuditEvent.objects.count(), Notice.objects.count(), len(server.asked)
    again = deliver(connection, secret)
    assert again.status_code == 200
    assert deliver(connection, secret, delivery="another-id").status_code == 202
    read()
    assert (AuditEvent.objects.count(), Notice.objects.count(), len(server.asked)) == facts
    assert RegistryDelivery.objects.count() == 2 and RegistryImport.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {events.SIGNATURE: "v1,AAAA"}},
        {"headers": {events.SIGNATURE: ""}},
        {"headers": {events.ID: "x" * 101}},
        {"timestamp": "1700000000"},
        {"timestamp": "soon"},
    ],
)
def test_what_nobody_signed_is_refused_and_nothing_is_done(connected, wrong):
    connection, secret = connected
    before = AuditEvent.objects.count()
    answer = deliver(connection, secret, **wrong)
    assert answer.status_code == 401 and answer.json()["type"].endswith("not-signed")
    assert not RegistryDelivery.objects.exists() and AuditEvent.objects.count() == before


def test_an_address_or_a_secret_of_another_opens_nothing(connected, server):
    connection, secret = connected
    other, _ = connect(server, name="Second")
    assert deliver(other, secret).status_code == 401
    unknown = RegistryConnection(name="Unknown")
    assert deliver(unknown, secret).status_code == 401
    actions.remove(factories.alice(), connection)
    assert deliver(connection, secret).status_code == 401


def test_both_secrets_verify_while_they_rotate(connected):
    connection, old = connected
    connection, new = actions.rotate(factories.bob(), connection)
    assert connection.acts_for == factories.bob()
    assert deliver(connection, old, delivery="a").status_code == 202
    assert deliver(connection, new, delivery="b").status_code == 202
    past = timezone.now() - timedelta(minutes=1)
    RegistryConnection.objects.update(old_secret_until=past)
    assert deliver(connection, old, delivery="c").status_code == 401


def test_only_the_chosen_event_publishes(connected, server):
    connection, secret = connected
    for kind in ("model_version.created", "model_version_tag.set"):
        answer = deliver(connection, secret, kind, delivery=kind)
        assert answer.status_code == 202 and not answer.json()["publishes"]
    created, its_secret = connect(server, name="Created", trigger="created", marker="")
    assert deliver(created, its_secret, "model_version.created").json()["publishes"]
    tagged, its_secret = connect(server, name="Tagged", trigger="tag", marker="stage=ready")
    assert deliver(tagged, its_secret, "model_version_tag.set").json()["publishes"]


@pytest.mark.parametrize("body", ["{", "[]", '{"entity": "x", "data": {"version": "../1"}}'])
def test_a_signed_event_that_cannot_be_read_is_refused(connected, body):
    answer = deliver(*connected, body=body)
    assert answer.status_code == 422 and not RegistryDelivery.objects.exists()


def test_what_is_missing_is_told_and_mended(connected, server):
    connection, secret = connected
    publication = document()
    del publication["sla"], publication["evaluations"]
    server.say(run_files(server, "publication.json"), publication)
    deliver(connection, secret)
    done = read()
    assert done.state == "incomplete" and done.version.state == "draft"
    assert {one["field"] for one in done.problems} >= {"sla"}
    assert all(one["page"].startswith("/publish/income-check/") for one in done.problems)
    notice = Notice.objects.get(recipient=factories.bob(), kind="pipeline")
    assert "lacks something" in notice.title
    server.changed.clear()
    actions.read_again(factories.bob(), done)
    assert read().state == "submitted"
    assert ModelVersion.objects.count() == 1


def test_without_an_entry_the_team_registers_it_first(connected, server):
    server.say(run_files(server, "entry.json"), {}, status=404)
    deliver(*connected)
    done = read()
    assert done.state == "incomplete" and "There is no entry income-check" in done.said
    assert not RegisteredModel.objects.exists()
    factories.model(slug="income-check", name="Income check")
    actions.read_again(factories.alice(), done)
    assert read().state == "submitted"


def test_what_the_run_says_is_judged_as_the_api_judges_it(connected, server):
    server.say(run_files(server, "entry.json"), entry(domain="no-such", nonsense=1))
    deliver(*connected)
    done = read()
    assert done.state == "incomplete" and "domain" in {one["field"] for one in done.problems}
    server.say(run_files(server, "entry.json"), entry(owner_team=factories.mortgage().slug))
    actions.read_again(factories.alice(), done)
    assert read().problems[0]["field"] == "owner_team"
    assert not RegisteredModel.objects.exists()


def test_who_left_the_team_publishes_no_more(connected, server):
    connection, secret = connected
    factories.alice().memberships.update(left_at=timezone.now())
    deliver(connection, secret)
    done = read()
    assert done.state == "incomplete" and "no longer on" in done.said and not server.asked
    actions.rotate(factories.bob(), connection)
    actions.read_again(factories.bob(), done)
    assert read().version.submitted_by == factories.bob()


def test_a_server_that_is_away_is_asked_again_and_then_given_up(connected, server):
    deliver(*connected)
    server.say(VERSION_GET, {}, status=503)
    for _ in range(importing.MOST_ATTEMPTS - 1):
        assert read().state == "waiting"
    done = read()
    assert done.state == "failed" and "answers 503" in done.said
    server.changed.clear()
    deliver(*connected, delivery="a-new-event")
    assert read().state == "submitted"


def test_a_worker_that_died_leaves_its_version_to_the_sweep(connected):
    deliver(*connected)
    past = timezone.now() - timedelta(hours=1)
    RegistryImport.objects.update(state="running", state_since=past, attempts=1)
    importing.sweep()
    assert imported().state == "waiting"
    assert read().state == "submitted"


def test_the_credential_goes_to_the_server_and_nowhere_else(server):
    factories.vocabulary()
    connection, secret = connect(server, credential="reader:s3cret")
    deliver(connection, secret)
    assert read().state == "submitted"
    assert server.credentials == {"Basic cmVhZGVyOnMzY3JldA=="}
    row = RegistryConnection.objects.get()
    assert b"s3cret" not in bytes(row.credential) and secret.encode() not in bytes(row.secret)
    assert "s3cret" not in json.dumps(list(AuditEvent.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize(
    "url",
    [
        "http://mlflow.example.com",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "https://user:pw@mlflow.example.com",
        "https://[::ffff:127.0.0.1]",
        "https://mlflow.example.com:5000",
        "nonsense",
    ],
)
def test_a_tracking_server_is_outside_or_listed(url):
    with pytest.raises(Invalid) as refused:
        actions.connect(
            factories.alice(), factories.lending(), name="R", tracking_url=url, marker="production"
        )
    assert refused.value.field == "tracking_url"


@pytest.mark.parametrize(
    "uri", ["s3://bucket/x", "/etc", "file:///etc/passwd", "mlflow-artifacts:/1/../../etc"]
)
def test_only_what_the_server_serves_is_followed(uri):
    with pytest.raises(NotRead):
        artifact_path(uri)


def test_a_hostile_server_leads_nowhere(server):
    reads = TrackingServer(server.url, most_bytes=1000)
    listing = "/api/2.0/mlflow-artifacts/artifacts?path=1"
    for path in ("../../etc/passwd", "/etc/passwd", "a\\b", "a%2e", "", "a\nb"):
        server.say(listing, {"files": [{"path": path, "is_dir": False, "file_size": 1}]})
        with pytest.raises(NotRead):
            list(reads.files("mlflow-artifacts:/1"))
    server.say(listing, {"files": [{"path": "d", "is_dir": True}] * 3000})
    with pytest.raises(NotRead):
        list(reads.files("mlflow-artifacts:/1"))
    server.say("/api/2.0/mlflow/runs/get?run_id=1", b"x" * (2 * 1024 * 1024))
    with pytest.raises(NotRead, match="1 MiB"):
        reads.ask("runs/get", run_id="1")


def test_others_connect_and_see_nothing(connected, server):
    connection, secret = connected
    deliver(connection, secret)
    for person in (factories.charlie(), factories.maya()):
        with pytest.raises(NotAllowed):
            actions.rotate(person, connection)
        assert not RegistryConnection.objects.visible_to(person).exists()
        assert not RegistryImport.objects.visible_to(person).exists()
    with pytest.raises(NotAllowed):
        actions.connect(
            factories.maya(), factories.lending(), name="R", tracking_url=server.url, marker="p"
        )


def test_the_page_connects_and_shows_the_secret_once(client, server):
    client.force_login(factories.alice())
    typed = {"team": factories.lending().pk, "name": "Ours", "tracking_url": server.url}
    typed |= {"trigger": "alias", "marker": "", "credential": ""}
    page = client.post("/publish/automation/", typed)
    assert page.status_code == 422 and "Name the alias" in page.content.decode()
    page = client.post("/publish/automation/", typed | {"marker": "production"})
    secret = page.context["secret"]
    assert secret.startswith("whsec_") and page["Cache-Control"].endswith("private")
    connection = RegistryConnection.objects.get()
    shown = client.get(connection.get_absolute_url()).content.decode()
    assert connection.events_url in shown and secret not in shown
    deliver(connection, secret)
    importing.run(imported().pk)
    listed = client.get("/publish/automation/").content.decode()
    assert "income-check 1" in listed and "There is no" not in listed
