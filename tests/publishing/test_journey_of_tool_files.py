"""Files as tools write them, on their way through the journey: what is changed, what is asked (issue 9, line 18)."""

import hashlib

import onnx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed
from publishing import actions
from publishing.manifest import build_manifest
from publishing.missing import what_is_missing
from tests import factories
from tests.publishing import specimens

pytestmark = pytest.mark.django_db


def uploaded(tmp_path, content, name="model.onnx"):
    """A draft with this file as its package."""
    version = factories.draft_version()
    actions.upload(factories.alice(), version, specimens.save(content, tmp_path / name), name)
    version.refresh_from_db()
    return version


def test_a_changed_file_is_a_new_artifact_and_what_came_is_kept_by_digest(tmp_path, client):
    content = specimens.calling_function()
    version = uploaded(tmp_path, content)
    came = hashlib.sha256(content).hexdigest()
    assert version.artifacts.get().sha256 != came
    assert version.manifest["original"] == [
        {"name": "model.onnx", "sha256": came, "size": len(content)}
    ]
    assert build_manifest(version)["changes"] == version.manifest["changes"] != []
    told = AuditEvent.objects.filter(action="version.package_changed").get().detail
    assert told["original"][0]["sha256"] == came and "Twice" in told["changes"][0]
    client.force_login(factories.alice())
    page = client.get(
        reverse("publishing:package", args=[version.model.slug, version.number])
    ).content.decode()
    assert came in page and "Changed on the way in" in page


def wide(width=40):
    relu = onnx.helper.make_node("Relu", ["E"], ["Y"])
    return specimens.onnx_bytes(
        nodes=[relu],
        inputs=[specimens.tensor("E", shape=(None, width))],
        outputs=[specimens.tensor("Y", shape=(None, width))],
    )


def test_a_wide_input_without_names_asks_before_it_is_submitted(tmp_path, client):
    version = uploaded(tmp_path, wide())
    assert (
        "one tensor of 40 values"
        in {item.step: item.sentence for item in what_is_missing(version)}["interface"]
    )
    client.force_login(factories.alice())
    address = reverse("publishing:interface", args=[version.model.slug, version.number])
    page = client.get(address).content.decode()
    address = reverse("publishing:columns", args=[version.model.slug, version.number])
    assert "One tensor, or columns?" in page and "40 values a row as <code>E</code>" in page
    assert (
        client.post(address, {"tensor": "E", "kind": "columns", "names": "a, b"}).status_code == 422
    )
    client.post(address, {"tensor": "E", "kind": "tensor", "names": ""})
    version.refresh_from_db()
    assert version.manifest["questions"] == []
    assert [(field["name"], field["shape"]) for field in version.signature["inputs"]] == [
        ("E", [-1, 40])
    ]


def test_its_columns_are_named_by_the_publisher(tmp_path):
    version = uploaded(tmp_path, wide())
    names = [f"measure {number}" for number in range(40)]
    actions.divide_input(factories.alice(), version, "E", names)
    assert [field["name"] for field in version.signature["inputs"]] == names
    assert len(version.example["inputs"]) == 40
    with pytest.raises(Invalid, match="takes 40 columns; 39 are named"):
        actions.divide_input(factories.alice(), version, "E", names[1:])
    with pytest.raises(NotAllowed):
        actions.divide_input(factories.charlie(), version, "E", None)


def test_every_problem_of_a_file_is_told_on_the_page(tmp_path, client):
    version = factories.draft_version()
    node = onnx.helper.make_node("Secret", ["X"], ["Y"], domain="com.acme")
    listed = onnx.helper.make_value_info(
        "L",
        onnx.helper.make_sequence_type_proto(
            onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
        ),
    )
    content = specimens.onnx_bytes(
        nodes=[node, onnx.helper.make_node("SequenceConstruct", ["X"], ["L"])],
        outputs=[specimens.tensor("Y"), listed],
        opset_imports=[onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.acme", 1)],
    )
    client.force_login(factories.alice())
    address = reverse("publishing:package", args=[version.model.slug, version.number])
    page = client.post(address, {"file": SimpleUploadedFile("model.onnx", content)})
    assert page.status_code == 422
    assert "Secret" in page.content.decode() and "sequence of tensors" in page.content.decode()
