"""Names stay: a new upload takes them from the version before, shows where they come from, and asks."""

import onnx
import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import ModelVersion
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions, signature
from publishing.missing import what_is_missing
from tests import factories, tried_once
from tests.publishing import specimens

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


NAMES = ["income", "debt", "age"]


def graph_of(width=3, tensor="X"):
    """One tensor of `width` columns without names, doubled."""
    return specimens.onnx_bytes(
        nodes=[onnx.helper.make_node("Add", [tensor, tensor], ["Y"])],
        inputs=[specimens.tensor(tensor, shape=(None, width))],
        outputs=[specimens.tensor("Y", shape=(None, width))],
    )


def upload(version, folder, content):
    path = folder / "model.onnx"
    path.write_bytes(content)
    warnings = actions.upload(version.created_by, version, path, "model.onnx")
    version.refresh_from_db()
    return warnings


def named_version(folder, names=NAMES):
    """A published version of a model whose package names no columns; its publisher named and described them."""
    version = factories.published_version()
    draft = factories.draft_version(version.model, "2.0.0")
    upload(draft, folder, graph_of(len(names)))
    actions.divide_input(draft.created_by, draft, "X", names)
    described = draft.signature
    described["inputs"][0] |= {"description": "Yearly income", "unit": "USD", "minimum": 0}
    actions.describe_interface(draft.created_by, draft, described, draft.example)
    ModelVersion.objects.filter(pk=draft.pk).update(state="approved", manifest_signature="ab")
    draft.refresh_from_db()
    return draft


def interface_step(version):
    return {item.step: item.sentence for item in what_is_missing(version)}.get("interface", "")


def names_of(version):
    return [field["name"] for field in version.signature["inputs"]]


def test_unnamed_columns_of_a_first_version_are_asked_for(tmp_path):
    draft = factories.draft_version(number="2.0.0")
    ModelVersion.objects.filter(pk=draft.pk).update(signature={}, example={})
    draft.refresh_from_db()
    upload(draft, tmp_path, graph_of())
    assert names_of(draft) == ["f0", "f1", "f2"]
    assert "3 columns with names" in interface_step(draft)
    actions.describe_interface(draft.created_by, draft, draft.signature, draft.example)
    assert "3 columns with names" in interface_step(draft), "f0 was not named by anybody"
    with pytest.raises(RuleError, match="3 columns with names") as refusal:
        actions.submit(draft.created_by, draft)
    assert refusal.value.field == "interface"
    actions.divide_input(draft.created_by, draft, "X", NAMES)
    assert interface_step(draft) == "" and names_of(draft) == NAMES


def test_the_publisher_names_them_in_a_table(tmp_path):
    draft = factories.draft_version(number="2.0.0")
    ModelVersion.objects.filter(pk=draft.pk).update(signature={}, example={})
    draft.refresh_from_db()
    upload(draft, tmp_path, graph_of())
    client = Client()
    client.force_login(factories.alice())
    at = [draft.model.slug, draft.number]
    page = client.get(reverse("publishing:interface", args=at)).content.decode()
    assert page.count('aria-label="Name of column') == 3
    address = reverse("publishing:columns", args=at)
    sent = {"tensor": "X", "kind": "columns", "names": ["income", "debt", ""]}
    assert client.post(address, sent).status_code == 422
    assert client.post(address, sent | {"names": NAMES}).status_code == 302
    draft.refresh_from_db()
    assert names_of(draft) == NAMES


def test_writing_the_whole_signature_names_them_too(tmp_path):
    draft = factories.draft_version(number="2.0.0")
    ModelVersion.objects.filter(pk=draft.pk).update(signature={}, example={})
    draft.refresh_from_db()
    upload(draft, tmp_path, graph_of())
    named = signature.divided(draft.signature, draft.manifest["graph"], "X", NAMES)
    made = signature.example_from_signature(named)
    actions.describe_interface(draft.created_by, draft, named, made)
    assert interface_step(draft) == ""


@pytest.mark.parametrize("tensor", ["X", "float_input"])
def test_a_new_version_takes_names_and_meanings_by_place_and_asks(tmp_path, tensor):
    former = named_version(tmp_path)
    draft = actions.start_version(factories.alice(), former.model, "2.1.0")
    upload(draft, tmp_path, graph_of(tensor=tensor))
    assert names_of(draft) == NAMES and draft.signature["inputs"][0]["minimum"] == 0
    assert draft.example == former.example
    mapping = draft.manifest["mapping"]
    assert mapping["source"] == "2.0.0" and mapping["to_confirm"]
    first = mapping["rows"][0]
    assert (first["found"], first["name"], first["place"]) == ("f0", "income", 0)
    assert first["carried"] == ["description", "unit", "minimum"] and not first["is_new"]
    assert "Confirm the names that were taken from 2.0.0" in interface_step(draft)
    with pytest.raises(NotAllowed):
        actions.confirm_names(factories.charlie(), draft)
    actions.confirm_names(draft.created_by, draft)
    assert "Confirm" not in interface_step(draft)
    with pytest.raises(RuleError, match="no names to confirm"):
        actions.confirm_names(draft.created_by, draft)


def test_many_columns_take_their_names_too(tmp_path):
    names = [f"measure {n}" for n in range(40)]
    former = named_version(tmp_path, names)
    draft = actions.start_version(factories.alice(), former.model, "2.1.0")
    upload(draft, tmp_path, graph_of(40))
    assert names_of(draft) == names and "questions" not in draft.manifest
    assert "Confirm the names" in interface_step(draft)


def test_another_number_of_columns_takes_none(tmp_path):
    former = named_version(tmp_path)
    draft = actions.start_version(factories.alice(), former.model, "2.1.0")
    warnings = upload(draft, tmp_path, graph_of(4))
    assert names_of(draft) == ["f0", "f1", "f2", "f3"]
    assert "4 columns with names" in interface_step(draft)
    assert any("It needs a major version" in text for text in warnings)


def test_the_page_shows_the_mapping_and_confirms(tmp_path):
    former = named_version(tmp_path)
    draft = actions.start_version(factories.alice(), former.model, "2.1.0")
    upload(draft, tmp_path, graph_of())
    client = Client()
    client.force_login(factories.alice())
    at = [draft.model.slug, draft.number]
    text = client.get(reverse("publishing:interface", args=at)).content.decode()
    assert "in this order?" in text and "The names are right" in text
    assert "by position, from 2.0.0" in text
    assert client.post(reverse("publishing:confirm_names", args=at)).status_code == 302
    text = client.get(reverse("publishing:interface", args=at)).content.decode()
    assert "The names are right" not in text and "by position, from 2.0.0" in text


def test_names_of_the_package_itself_need_no_confirmation(tmp_path):
    former = factories.published_version()
    draft = actions.start_version(factories.alice(), former.model, "1.1.0")
    factories.upload_tiny(draft, tmp_path)
    draft.refresh_from_db()
    assert draft.signature["inputs"][0]["description"] == "Monthly account credits"
    assert not draft.manifest["mapping"]["to_confirm"] and interface_step(draft) == ""
