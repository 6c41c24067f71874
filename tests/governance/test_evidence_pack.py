"""Issue 11, line 12: the evidence about a version in one archive; a script finds any changed byte offline."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from catalog.models import ModelVersion
from governance import evaluation_runs, evaluations, evidence_pack
from marketplace.audit.models import AuditEvent
from marketplace.audit.verify_offline import canonical, contents_digest, find_faults
from marketplace.core import signing
from marketplace.core.canonical import canonical as platform
from marketplace.core.errors import NotAllowed, RuleError
from publishing import actions as publishing
from publishing import evaluation
from tests import factories, tried_once
from tests.publishing.test_evaluation import CANARY, rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


SCHEMAS = Path(__file__).with_name("cyclonedx")


@pytest.fixture(autouse=True)
def _witness(settings, tmp_path):
    settings.AUDIT_WITNESS_FILE = str(tmp_path / "witness.jsonl")


@pytest.fixture
def approved():
    """Approved at medium risk, with a condition and a waiver."""
    version = factories.in_review_version(tier="medium")
    factories.granted_waiver(version)
    factories.condition(version)
    factories.decide_all(version)
    version.refresh_from_db()
    assert version.state == "approved"
    return version


@pytest.fixture
def measured(tmp_path):
    """In review with the tiny package; measured on rows that hold a canary."""
    draft = factories.draft_version()
    factories.upload_tiny(draft, tmp_path)
    draft = ModelVersion.objects.get(pk=draft.pk)
    publishing.describe_interface(
        factories.alice(), draft, factories.signature(), factories.example()
    )
    figure = {"suite": "own/1", "metric": "mae", "value": 3.5, "low": 3.0, "high": 4.0}
    evaluations.declare(factories.alice(), draft, data="Loans of May", slice="north", **figure)
    draft.refresh_from_db()
    version = factories.checked(publishing.submit(factories.alice(), draft))
    factories.benchmark(rows(), capability=version.model.capability)
    run = evaluation_runs.request(factories.evan(), version)
    evaluation.run(run.pk)
    run.refresh_from_db()
    assert run.state == "scored", run.summary
    return version


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def packed(members, path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def exported(version, by=None):
    return unpacked(evidence_pack.export(by or factories.vera(), version).content)


def resigned(members):
    """What somebody with the platform's signing key, but without its record, can make up."""
    manifest = json.loads(members["manifest.json"])
    digests = {
        name: {"sha256": hashlib.sha256(members[name]).hexdigest()} for name in manifest["members"]
    }
    members["manifest.json"] = json.dumps(manifest | {"members": digests}).encode()
    members["manifest.sig"] = signing.sign(members["manifest.json"]).encode()
    return members


def test_the_script_in_the_pack_verifies_it_offline(approved, tmp_path):
    members = exported(approved)
    pack, script = packed(members, tmp_path / "pack.zip"), tmp_path / "verify.py"
    script.write_bytes(members["verify.py"])
    command = [sys.executable, "-I", str(script), str(pack), "--key", signing.public_key()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={}, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "intact" in done.stdout
    packed(members | {"card.json": members["card.json"] + b" "}, pack)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={}, timeout=30)
    assert done.returncode == 1
    assert "card.json was changed" in done.stdout


def test_any_changed_byte_of_any_member_is_found(approved, tmp_path):
    members, path, key = exported(approved), tmp_path / "pack.zip", signing.public_key()
    assert find_faults(packed(members, path), key) == []
    unnoticed = []
    for name, content in members.items():
        for place in {0, 1, len(content) // 3, len(content) // 2, len(content) - 1}:
            for mask in (1, 0x20, 0x80):
                changed = bytearray(content)
                changed[place] ^= mask
                packed(members | {name: bytes(changed)}, path)
                if not find_faults(path, key):
                    unnoticed.append((name, place, mask))
        packed({other: members[other] for other in members if other != name}, path)
        if not find_faults(path, key):
            unnoticed.append((name, "left out"))
    assert unnoticed == []
    assert find_faults(packed(members | {"more.json": b"{}"}, path), key) == [
        "more.json is not listed."
    ]


def test_evidence_that_is_made_up_later_does_not_fit_the_record(approved, tmp_path):
    members, path = exported(approved), tmp_path / "pack.zip"
    gates = members["gates.json"].replace(b'"fail"', b'"pass"')
    assert gates != members["gates.json"]
    faults = find_faults(packed(resigned(members | {"gates.json": gates}), path))
    assert faults == ["The recorded export had other contents."]
    events = members["audit.jsonl"].replace(b"version.approve", b"version.refused")
    faults = find_faults(packed(resigned(members | {"audit.jsonl": events}), path))
    assert len(faults) == 1 and "does not match its hash" in faults[0]


def test_a_pack_that_another_key_signed_is_refused(approved, tmp_path):
    path = packed(exported(approved), tmp_path / "pack.zip")
    other = "00" * 32
    assert find_faults(path, other) == [
        f"manifest.json is not signed by the platform's key {other}."
    ]


def test_a_pack_holds_decisions_conditions_waivers_and_the_export_itself(approved):
    members = exported(approved)
    decisions = json.loads(members["decisions.json"])
    assert {row["review_kind"] for row in decisions} >= {"evaluation", "final"}
    assert all(row["checklist"] and row["by_username"] for row in decisions)
    assert json.loads(members["conditions.json"])[0]["owner_username"] == "alice"
    assert json.loads(members["waivers.json"])[0]["decided_by_username"] == "gus"
    events = [json.loads(line)["content"]["action"] for line in members["audit.jsonl"].splitlines()]
    assert {"version.submit", "waiver.granted", "version.approve"} <= set(events)
    assert events[-1] == "evidence.export"
    event = AuditEvent.objects.get(action="evidence.export")
    assert event.detail["contents"] == contents_digest(members)


def test_a_measured_pack_has_the_replay_record_and_no_row(measured, tmp_path, settings):
    members = exported(measured, factories.alice())
    (run,) = json.loads(members["runs.json"])
    assert {"seed", "metrics_sha256", "dataset_sha256"} <= run.keys()
    assert run["record"]["predictions_sha256"]
    everything = b"".join(members.values())
    secrets = [CANARY, Path(settings.SIGNING_KEY_FILE).read_text().strip(), settings.AUDIT_KEYS[0]]
    assert [secret for secret in secrets if secret.encode() in everything] == []
    files = {file["name"]: file["sha256"] for file in json.loads(members["artifacts.json"])}
    folder = tmp_path / "files"
    folder.mkdir()
    name = next(iter(files))
    (folder / name).write_bytes(factories.tiny_onnx())
    pack = packed(members, tmp_path / "pack.zip")
    assert find_faults(pack, artifacts=folder) == []
    (folder / name).write_bytes(b"another model")
    assert find_faults(pack, artifacts=folder) == [f"{name} is not the file that was approved."]
    assert_is_cyclonedx(json.loads(members["bom.cdx.json"]))


def assert_is_cyclonedx(bom):
    schemas = [json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("*.json"))]
    registry = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )
    schema = next(one for one in schemas if "bom-1.6" in one["$id"])
    validator = Draft7Validator(schema, registry=registry)
    assert [error.message for error in validator.iter_errors(bom)] == []
    component = bom["metadata"]["component"]
    card = component["modelCard"]
    types = {metric["type"] for metric in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert {"declared:mae", "mae", "baseline:mae", "r2"} <= types
    assert component["hashes"][0]["content"] == bom["components"][0]["hashes"][0]["content"]
    card["invented"] = True
    assert list(validator.iter_errors(bom))


def test_only_who_sees_the_evidence_exports_it_and_only_what_was_submitted(approved):
    for by in (factories.maya(), factories.charlie()):
        with pytest.raises(NotAllowed, match="export the evidence"):
            evidence_pack.export(by, approved)
    draft = factories.draft_version(approved.model, "1.1.0")
    with pytest.raises(RuleError, match="being worked on"):
        evidence_pack.export(factories.alice(), draft)
    assert not AuditEvent.objects.filter(action="evidence.export").exists()


def test_page_and_api_give_the_same_kind_of_file(approved):
    address = {"slug": approved.model.slug, "number": approved.number}
    client = Client()
    client.force_login(factories.vera())
    page = client.get(reverse("governance:evidence", args=[approved.model.slug]))
    assert "Download the evidence pack" in page.content.decode()
    posted = client.post(reverse("governance:evidence_pack", kwargs=address))
    api = reverse("api:evidence-pack-list", kwargs=address)
    fetched = client.get(api, headers={"accept": "application/zip"})
    for response in (posted, fetched):
        assert response.headers["Content-Type"] == "application/zip"
        assert "evidence-" in response.headers["Content-Disposition"]
        assert "manifest.json" in unpacked(response.content)
    client.force_login(factories.charlie())
    page = client.get(reverse("governance:evidence", args=[approved.model.slug]))
    assert "evidence pack" not in page.content.decode()


def test_the_pack_says_how_many_rows_it_left_out(approved, monkeypatch):
    monkeypatch.setattr(evidence_pack, "MOST_ROWS", 3)
    members = exported(approved)
    left_out = json.loads(members["manifest.json"])["left_out"]
    assert left_out["gates.json"] == approved.gate_results.count() - 3
    assert len(json.loads(members["gates.json"])) == 3


def test_canonical_is_the_platforms():
    value = {"ä": [1, 0.1, None, True], "a": {"z": "", "b": -1e-9}}
    assert canonical(value) == platform(value)
