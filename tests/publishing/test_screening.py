"""Screening: what is read of a version at each submission. Issue 11, item 7."""

import json
import pickle
from datetime import timedelta

import onnx
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance.actions import current_gates
from marketplace.core import keys
from marketplace.core.errors import RuleError
from publishing import actions, execution_gates, screening
from publishing.packages import tripwire
from publishing.packages.refusals import Refusal
from publishing.screening import disclosures, licences, requirements
from tests import factories
from tests.publishing import specimens
from tests.publishing.specimens import zip_of

pytestmark = pytest.mark.django_db

OWN_KEY = "mkc_" + "a1B2" * 10  # before its checksum
REAL_ADDRESS = "jane.doe@bank-of-somewhere.com"


def results(version):
    return {result.gate: result for result in current_gates(version)}


def found_in(text, *, is_prose=False):
    return {one.label for one in disclosures.disclosures(text, "here", is_prose=is_prose)}


# --- what a text discloses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private key"),
        ("id AKIA" + "QWERTYUIOP234567", "AWS access key"),
        ("ghp_" + "a1B2" * 9, "GitHub token"),
        ("glpat-" + "x9Yz" * 5, "GitLab token"),
        ("xoxb-" + "123456789012-abcdefghij", "Slack token"),
        ("AIza" + "Sy_b3" * 7, "Google API key"),
        ("sk_live_" + "a1B2" * 6, "Stripe key"),
        ("sk-ant-" + "a1B2_" * 10, "key of a model provider"),
        ("hf_" + "AbCdEfGhIj" * 3 + "AbCd", "Hugging Face token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTI", "signed token (JWT)"),
        ("postgres://app:hunter22@db/scores", "password in an address"),
        (OWN_KEY + keys.checksum(OWN_KEY.encode()), "key of this marketplace"),
        ("api_key = 'q8Wz7LmP2x'", "password or key beside its name"),
        ("Zk3vQ9xT7bLw2NcR8mYp5HsDf4GjKe6A", "random text, as keys are"),
        ("paid to AT61 1904 3002 3457 3201 LATER", "IBAN"),
        ("card 4539 1488 0343 6467", "payment card"),
        ("ssn 536-90-4399", "US social security number"),
        ("756.9217.0769.85", "Swiss insurance number"),
        ("RSSMRA85T10A562S", "Italian tax code"),
        (REAL_ADDRESS, "e-mail address"),
        ("call +43 1 234 5678 90", "telephone number"),
    ],
)
def test_what_discloses_is_found_and_masked(text, label):
    (found,) = [one for one in disclosures.disclosures(text, "here") if one.label == label]
    assert found.excerpt.endswith(disclosures.HIDDEN)
    shown = found.excerpt.removesuffix(disclosures.HIDDEN)
    assert len(shown) <= 4 and shown in text


@pytest.mark.parametrize(
    "text",
    [
        "Trained on 120 000 loans from 2019-01-01 to 2024-12-31; AUC 0.7103 [0.688, 0.733].",
        "sha256 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "run 3f2504e0-4f89-11d3-9a0c-0305e82c3301 of mlflow-artifacts:/1/abc",
        "Ask lending-ai@example.com or risk@company.example.",
        "AKIAIOSFODNN7EXAMPLE",
        "GB82 WEST 1234 5698 7654 32",
        "GB82 WEST 1234 5698 7654 33",
        "4111 1111 1111 1111",
        "4539 1488 0343 6468",
        "order 4539148803436467890123",
        "078-05-1120",
        "password: required, at least twelve characters",
        "api_key = YOUR_API_KEY_123",
        "https://user:password@example.com/",
        "/bert/encoder/layer_0/attention/self/query/MatMul_output_0",
        "GradientBoostingClassifier(n_estimators=200, max_depth=3)",
    ],
)
def test_what_only_resembles_it_is_not(text):
    assert found_in(text) == set()


def test_a_contact_in_prose_is_shown_and_does_not_block():
    (found,) = disclosures.disclosures(f"Ask {REAL_ADDRESS}.", "Card", is_prose=True)
    assert not found.is_certain
    assert [one.is_certain for one in disclosures.disclosures(REAL_ADDRESS, "Example")] == [True]


def test_the_line_is_said():
    (found,) = disclosures.disclosures(f"one\ntwo\n{REAL_ADDRESS}", "notes.txt")
    assert str(found) == "notes.txt, line 3: e-mail address jane" + disclosures.HIDDEN


@pytest.mark.parametrize("text", ["GB82 ", "x@", "1234 ", "a.b-c_", "eyJ", "password=a1 "])
def test_the_work_has_a_bound(text):
    """The shapes that cost most, a million characters of each; 0.3 s where they were measured."""
    started = timezone.now()
    assert len(list(disclosures.disclosures(text * (1_000_000 // len(text)), "x"))) <= 2_000
    assert timezone.now() - started < timedelta(seconds=10)


# --- requirements ------------------------------------------------------------------------------------------------------


def test_requirements_are_sorted():
    lines = requirements.declared(
        """# from MLflow
        numpy==2.4.6  # pinned
        scikit-learn>=1.4
        mlflow==3.*
        tool @ git+https://git.internal/tool
        --extra-index-url https://elsewhere.example
        -r more.txt
        what is this
        onnx==1.23.2 --hash=sha256:00""".splitlines()
    )
    assert lines.pinned == {"numpy": "2.4.6", "onnx": "1.23.2"}
    assert lines.loose == ["scikit-learn>=1.4", "mlflow==3.*"]
    assert len(lines.foreign) == 3 and lines.unread == ["what is this"]


def advisory(level="CRITICAL", **span):
    events = [{"introduced": "0"}, {"fixed": "2.0"}]
    package = {"ecosystem": "PyPI", "name": "Some_Tool"}
    return {
        "id": "OSV-1",
        "affected": [
            {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}], **span}
        ],
        "database_specific": {"severity": level},
    }


@pytest.mark.parametrize(
    ("line", "tier", "level", "verdict", "severity"),
    [
        ("some-tool==1.9", "medium", "CRITICAL", "fail", ""),
        ("some-tool==1.9", "medium", "HIGH", "fail", "warn"),
        ("some-tool==1.9", "high", "HIGH", "fail", ""),
        ("some-tool==1.9", "low", "CRITICAL", "fail", "warn"),
        ("some-tool==2.0", "high", "CRITICAL", "pass", ""),
        ("some-tool>=1", "high", "CRITICAL", "fail", "warn"),
        ("a @ https://x.example/a.whl", "high", "CRITICAL", "fail", ""),
    ],
)
def test_known_weaknesses_weigh_by_tier(tmp_path, line, tier, level, verdict, severity):
    path = tmp_path / "advisories.jsonl"
    path.write_text(json.dumps(advisory(level)) + "\n")
    known = requirements.advisories(str(path))
    found = requirements.judged(requirements.declared([line]), known, tier)
    assert (found.verdict, found.severity) == (verdict, severity), found.summary


def test_without_a_list_nobody_knows():
    found = requirements.judged(requirements.declared(["numpy==2.4.6"]), None, "high")
    assert found.verdict == "inconclusive" and "no list of advisories" in found.summary


# --- licences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "licence"),
    [
        ("bert-base-uncased (Apache-2.0)", "Apache-2.0"),
        ("bert-base-uncased, licence: apache 2.0", "Apache-2.0"),
        ("A model (fine-tuned) licensed under MIT", "MIT"),
        ({"name": "llama", "license": "Llama 3 Community License"}, "Llama 3 Community License"),
        ({"name": "gpl", "licence": "gpl-3.0-only"}, "GPL-3.0-only"),
        ("bert-base-uncased", ""),
    ],
)
def test_a_licence_is_read(entry, licence):
    assert licences.licence_of(entry) == licence


def test_licences_are_judged():
    either, both = "GPL-3.0-only OR MIT", "GPL-3.0-only AND MIT"
    assert licences.is_allowed(either) and not licences.is_allowed(both)
    one = licences.judged([("base model", "a (MIT)")], "high")
    other = licences.judged([("base model", "a (CC-BY-NC-4.0)"), ("data set", "b")], "high")
    unstated = licences.judged([("base model", "a")], "medium")
    assert (one.verdict, other.verdict, unstated.verdict) == ("pass", "fail", "inconclusive")
    assert "CC-BY-NC-4.0" in other.summary and "b names no licence" in other.summary
    assert unstated.severity == "warn"


# --- the way of a version ----------------------------------------------------------------------------------------------


@pytest.fixture
def submitted_package(tmp_path):
    """{name: content} → a submitted version of the archive of these files."""

    def submitted(files):
        draft = factories.draft_version()
        path = tmp_path / "package.zip"
        path.write_bytes(zip_of(files))
        actions.upload(factories.alice(), draft, path, path.name)
        draft = ModelVersion.objects.get(pk=draft.pk)
        factories.explain(draft)
        draft.refresh_from_db()
        return actions.submit(factories.alice(), draft)

    return submitted


def test_a_secret_on_the_card_sends_the_version_back():
    draft = factories.draft_version()
    token = "ghp_" + "a1B2" * 9
    actions.edit_card(
        factories.alice(),
        draft,
        {"limitations.text": f"Rows are fetched with\n{token} each night."},
    )
    version = factories.checked(actions.submit(factories.alice(), draft))
    assert version.state == "changes_requested"
    result = results(version)["secrets"]
    assert result.blocks and "Card, Known limitations, line 2: GitHub token ghp_" in result.summary
    assert token not in json.dumps(result.metrics) + result.summary
    actions.edit_card(
        factories.alice(),
        version,
        {"limitations.text": "Rows are fetched each night, with a key of the team."},
    )
    version.refresh_from_db()
    assert factories.checked(actions.submit(factories.alice(), version)).state == "in_review"


def test_no_waiver_opens_it():
    version = factories.in_review_version()
    with pytest.raises(RuleError):
        factories.waiver(version, gate="secrets")


def test_the_package_is_read_too(submitted_package):
    version = submitted_package(
        {
            "notes.txt": f"labels by {REAL_ADDRESS}",
            "requirements.txt": "numpy>=1\n",
            "model.onnx": factories.tiny_onnx(),
        }
    )
    found = results(version)
    assert "notes.txt, line 1: e-mail address" in found["secrets"].summary
    assert found["secrets"].blocks
    assert "not pinned: numpy>=1" in found["dependencies"].summary
    assert not found["dependencies"].blocks


def test_a_second_reader_trips_over_what_the_first_one_missed(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(pickle.dumps(specimens.Payload(tmp_path / "ran")))
    with pytest.raises(Refusal, match="notes.txt. would call .*system"):
        tripwire.scan([{"name": "notes.txt", "path": str(path)}])
    path.write_text("channels:\n- conda-forge\n")  # begins like an opcode
    assert tripwire.scan([{"name": "conda.yaml", "path": str(path)}])["files"] == 1
    assert not (tmp_path / "ran").exists()


def test_the_safety_check_names_the_second_reader(submitted_package):
    version = submitted_package({"model.onnx": factories.tiny_onnx(), "a.txt": "text"})
    assert "picklescan 1.0.5 looked at 2 file(s)" in results(version)["safety"].summary


def test_the_strings_of_the_graph_are_read(submitted_package):
    graph = onnx.load_from_string(factories.tiny_onnx())
    graph.doc_string = f"Trained by {REAL_ADDRESS}"
    version = submitted_package({"model.onnx": graph.SerializeToString()})
    assert "model.onnx, line" in results(version)["secrets"].summary


def test_an_example_holds_nobodys_data():
    draft = factories.draft_version()
    signature = draft.signature
    signature["inputs"][0] |= {"datatype": "BYTES"}
    example = factories.example()
    example["inputs"][0] |= {"datatype": "BYTES", "data": ["none", REAL_ADDRESS]}
    draft.signature, draft.example = signature, example
    found = screening.disclosed(draft)
    assert "Example, income, line 2: e-mail address" in found.summary


def test_another_one_of_the_same_is_told_and_does_not_block():
    """Registered by a tool, which is asked for no reason."""
    factories.published_version()
    other = factories.model(name="Income verification again")
    version = factories.submitted_version(other)
    result = results(version)["duplicates"]
    assert result.verdict == "fail" and not result.blocks
    assert "Income verification (" in result.summary
    other.similar_reason = "It is for applicants whose income comes from abroad."
    other.save()
    version = ModelVersion.objects.get(pk=version.pk)
    assert screening.record_one(version, "duplicates").verdict == "pass"


def test_they_are_read_again_when_the_checks_run_again(submitted_package):
    version = factories.checked(submitted_package({"model.onnx": factories.tiny_onnx()}))
    before = results(version)
    execution_gates.request(factories.rita(), version)
    again = results(version)
    assert all(again[gate].pk > before[gate].pk for gate in screening.PRODUCERS)


def test_a_submission_from_before_there_was_screening_is_screened():
    version = factories.submitted_version()
    version.gate_results.filter(gate__in=screening.PRODUCERS).delete()
    assert actions.try_what_waits() == 1
    assert set(screening.PRODUCERS) <= set(results(version))


def test_the_page_names_place_and_remedy():
    draft = factories.draft_version()
    actions.edit_card(
        factories.alice(),
        draft,
        {"limitations.text": f"Doubts are answered by {REAL_ADDRESS} within a day."},
    )
    version = factories.checked(actions.submit(factories.alice(), draft))
    assert version.state == "in_review", "a colleague's address is for reviewers to judge"
    page = Client()
    page.force_login(factories.rita())
    shown = page.get(reverse("publishing:gate_runs", args=[version.model.slug, version.number]))
    assert "Perhaps: Card, Known limitations, line 1: e-mail address" in shown.content.decode()
    assert REAL_ADDRESS not in shown.content.decode()
