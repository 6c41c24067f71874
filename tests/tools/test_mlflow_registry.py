"""A real MLflow server promotes a model: its version arrives, complete, and is submitted; the same again changes nothing."""

import json
import os

import pytest

from catalog.models import ModelVersion
from marketplace.audit.models import AuditEvent
from publishing.models import RegistryDelivery, RegistryImport
from publishing.registry import actions, importing
from tests import factories
from tests.gateway import until
from tests.portal import Portal
from tests.publishing.test_publication import document, entry
from tests.tools import environments
from tests.tools.mlflow_servers import NAME, TrackingServer
from tests.tools.record_mlflow import TARGET, record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        environments.python_of(NAME) is None,
        reason="MLflow is not installed: .venv/bin/python -m tests.tools.environments",
    ),
]
README = """---
license: proprietary
pipeline_tag: tabular-regression
---
# Income check

## Limitations
It was trained on salaried applicants of one country and says little about others.
"""


@pytest.fixture
def mlflow(tmp_path_factory):
    with TrackingServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def portal(tmp_path_factory):
    with Portal(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@pytest.fixture
def connection(mlflow, portal, settings):
    settings.OUTBOUND_ALLOWED = [f"127.0.0.1:{mlflow.port}"]
    settings.OUTBOUND_ALLOWS_LOOPBACK = True
    settings.PORTAL_URL = f"http://127.0.0.1:{portal.port}"
    made, secret = actions.connect(
        factories.alice(),
        factories.lending(),
        name="Lending registry",
        tracking_url=mlflow.url,
        marker="production",
    )
    mlflow.run("webhook", "model_version_alias.created", made.events_url, secret)
    return made


def said(folder):
    """What a run says for the marketplace, beside its model."""
    publication = document()
    del publication["evaluations"]  # the run's figures stand for them
    del publication["card"]["limitations.text"]  # the README says it
    (folder / "entry.json").write_text(json.dumps(entry()))
    (folder / "publication.json").write_text(json.dumps(publication))
    (folder / "README.md").write_text(README)
    (folder / "model.onnx").write_bytes(factories.tiny_onnx())
    return folder


def test_a_promoted_model_is_submitted_and_the_same_again_changes_nothing(
    mlflow, connection, tmp_path
):
    factories.vocabulary()
    trained = mlflow.run("train", said(tmp_path))
    assert not RegistryDelivery.objects.exists()
    mlflow.run("alias", "income-check", trained["version"], "staging")
    mlflow.run("alias", "income-check", trained["version"], "production")
    until(lambda: RegistryDelivery.objects.count() == 2, 60, mlflow.log_tail)
    (imported,) = RegistryImport.objects.all()
    importing.run(imported.pk)
    imported.refresh_from_db()
    assert imported.state == "submitted", (imported.said, imported.problems)
    version = ModelVersion.objects.get()
    assert (str(version.model.slug), version.number) == ("income-check", "1.0.0")
    assert version.submitted_by == factories.alice() and version.kind == "mlflow"
    assert version.signature["inputs"] and version.artifacts.filter(name="model.onnx").exists()
    figures = {row.metric: row.value for row in version.evaluations.all()}
    assert figures == {"roc_auc": 0.74, "mae": 212.5}
    assert "says little about others" in str(version.card.data["limitations.text"])
    before = AuditEvent.objects.count(), version.manifest_sha256
    mlflow.run("alias", "income-check", trained["version"], "production")
    until(lambda: RegistryDelivery.objects.count() == 3, 60, mlflow.log_tail)
    importing.run(imported.pk)
    version.refresh_from_db()
    assert (AuditEvent.objects.count(), version.manifest_sha256) == before


def test_what_a_server_sends_is_what_the_default_tier_replays(tmp_path):
    """The members of events and answers, by name: MLFLOW_RECORD writes them anew."""
    factories.vocabulary()
    found = record(tmp_path, said)
    if os.environ.get("MLFLOW_RECORD"):
        TARGET.write_text(json.dumps(found, indent=1) + "\n")
    kept = json.loads(TARGET.read_text())
    assert found["mlflow"] == kept["mlflow"] and found["events"].keys() == kept["events"].keys()
    for kind, event in found["events"].items():
        bodies = [json.loads(one["events"][kind]["body"]) for one in (found, kept)]
        assert bodies[0].keys() == bodies[1].keys()
        assert bodies[0]["data"].keys() == bodies[1]["data"].keys()
        assert event["headers"].keys() == kept["events"][kind]["headers"].keys()
