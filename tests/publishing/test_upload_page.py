"""Hostile files through the page, as an attacker would send them: refused with a sentence, nothing run, nothing left."""

import pickle
import tempfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from marketplace.audit.models import AuditEvent
from tests import factories
from tests.publishing import specimens
from tests.publishing.specimens import Payload, mlflow_files, onnx_bytes, tar_of, zip_of

pytestmark = pytest.mark.django_db

HOSTILE = {
    "renamed pickle": (
        lambda marker: pickle.dumps(Payload(marker)),
        "income.onnx",
        "is a Python pickle",
        "skl2onnx",
    ),
    "zip bomb": (
        lambda _: zip_of({"model.onnx": bytes(100 * 2**20)}),
        "m.zip",
        "like a zip bomb",
        "without an archive",
    ),
    "traversal": (
        lambda _: tar_of({"../../evil.txt": b"x", "model.onnx": onnx_bytes()}),
        "m.tar.gz",
        "outside its folder",
        "standard tool",
    ),
    "truncated": (lambda _: onnx_bytes()[:-20], "income.onnx", "ends too early", "Upload it again"),
    "custom operator": (
        lambda _: specimens.custom_operator(),
        "income.onnx",
        "PyOp",
        "in the caller",
    ),
    "pickle in MLflow": (
        lambda marker: zip_of({**mlflow_files(), "model/model.pkl": pickle.dumps(Payload(marker))}),
        "m.zip",
        "model/model.pkl” is a Python pickle",
        "skl2onnx",
    ),
}


@pytest.fixture
def draft():
    return factories.publishing.start_version(factories.alice(), factories.model(), "1.0.0")


@pytest.fixture
def send(client, draft, settings, tmp_path, monkeypatch):
    """Uploads bytes on the package page as alice."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "incoming")
    Path(settings.FILE_UPLOAD_TEMP_DIR).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", settings.FILE_UPLOAD_TEMP_DIR)
    client.force_login(factories.alice())
    address = reverse("publishing:package", args=[draft.model.slug, draft.number])
    return lambda data, name: client.post(address, {"file": SimpleUploadedFile(name, data)})


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("make", "name", "sentence", "remedy"), HOSTILE.values(), ids=HOSTILE.keys()
)
def test_hostile_upload_is_refused_on_the_page(send, draft, tmp_path, make, name, sentence, remedy):
    marker = tmp_path / "executed"
    response = send(make(marker), name)
    assert response.status_code == 422
    text = response.content.decode()
    assert sentence in text
    assert remedy in text
    assert not marker.exists()
    assert files_below(tmp_path) == []
    assert not draft.artifacts.exists()
    assert AuditEvent.objects.filter(action="version.upload_refused").count() == 1


def test_good_upload_leaves_only_the_artifact(send, draft, tmp_path):
    response = send(zip_of(mlflow_files()), "income.zip")
    assert response.status_code == 302
    draft.refresh_from_db()
    assert draft.kind == "mlflow"
    assert [field["name"] for field in draft.signature["inputs"]] == ["income", "age", "debt"]
    kept = {path.name for path in files_below(tmp_path)}
    assert kept == set(draft.artifacts.values_list("sha256", flat=True))
