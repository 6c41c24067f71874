"""A breaking change cannot be called anything else: the contract gate at upload, submission and in the checks."""

import copy

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import ModelVersion
from governance import actions as governance
from governance.policies import REQUIRED_GATES
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions, contract_diff, screening
from publishing.actions.submission import _submit
from publishing.manifest import build_manifest
from publishing.missing import what_is_missing
from publishing.signature import example_from_signature
from tests import factories, tried_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


BETTER = {"availability": "99.9", "p95_ms": 90, "rps": 30, "support": "Always", "timeout_s": 40}


def draft_after(number="1.1.0", change=None, first="1.0.0"):
    """A draft that follows a published version, with a changed signature."""
    entry = factories.published_version(number=first).model
    draft = factories.draft_version(entry, number)
    if change:
        signature = copy.deepcopy(draft.signature)
        change(signature)
        del signature["binding"]  # an endpoint needs none
        made = example_from_signature(signature)
        ModelVersion.objects.filter(pk=draft.pk).update(signature=signature, example=made)
        draft.refresh_from_db()
    return draft


def renamed(signature):
    signature["inputs"][0]["name"] = "monthly_income"


def retyped(signature):
    signature["inputs"][0]["datatype"] = "INT32"


def narrowed(signature):
    signature["inputs"][0]["maximum"] = 9000


def another_unit(signature):
    signature["inputs"][0]["unit"] = "EUR"


def required_added(signature):
    signature["inputs"].append(signature["inputs"][0] | {"name": "age"})


def widened(signature):
    signature["outputs"][0]["minimum"] = 0  # of an answer: fewer values than before


def output_added(signature):
    signature["outputs"].append(signature["outputs"][0] | {"name": "reason"})


BREAKING = [renamed, retyped, narrowed, another_unit, required_added]


def test_a_second_output_leaves_plain_answers_as_they_were():
    """Minor, also for callers of plain rows: the manifest says whose values they go on getting, from version to version."""
    second = draft_after("1.1.0", output_added)
    assert build_manifest(second)["plain_output"] == second.signature["outputs"][0]["name"]
    ModelVersion.objects.filter(pk=second.pk).update(number="2.0.0", major=2, minor=0)
    second.refresh_from_db()
    assert "plain_output" not in build_manifest(second)


@pytest.mark.parametrize("change", BREAKING)
@pytest.mark.parametrize("number", ["1.0.1", "1.1.0"])
def test_a_breaking_change_is_refused_below_major(change, number):
    draft = draft_after(number, change)
    with pytest.raises(RuleError, match="It needs a major version") as refusal:
        _submit(draft.created_by, draft)
    assert refusal.value.field == "contract" and "Make it 2.0.0" in refusal.value.remedy
    assert all(problem["before"] != problem["after"] for problem in refusal.value.problems)
    draft.refresh_from_db()
    assert draft.state == "draft" and not draft.gate_results.filter(gate="contract").exists()


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_a_major_version(change):
    assert contract_diff.problem(draft_after("2.0.0", change)) == ""


@pytest.mark.parametrize(
    ("change", "number", "may"),
    [
        (widened, "1.1.0", True),
        (widened, "1.0.1", False),
        (output_added, "1.1.0", True),
        (output_added, "1.0.1", False),
        (None, "1.0.1", True),
    ],
)
def test_what_breaks_nobody_is_a_minor_version(change, number, may):
    assert (contract_diff.problem(draft_after(number, change)) == "") is may


def test_a_hotfix_of_an_older_major_is_compared_with_its_own_line():
    entry = factories.published_version(number="1.0.0").model
    factories.published_version(entry, "2.0.0")
    ModelVersion.objects.filter(number="2.0.0").update(signature={"inputs": [], "outputs": []})
    draft = factories.draft_version(entry, "1.0.1")
    diff = contract_diff.of(draft)
    assert (diff.previous.number, diff.declared, diff.is_allowed) == ("1.0.0", "patch", True)
    signature = copy.deepcopy(draft.signature)
    renamed(signature)
    draft.signature = signature
    assert contract_diff.of(draft).least == "3.0.0"  # 2.0.0 is used


def test_a_candidate_is_no_predecessor_and_is_compared_like_its_release():
    entry = factories.published_version(number="1.0.0").model
    candidate = factories.published_version(entry, "1.1.0-rc.1")
    draft = factories.draft_version(entry, "1.1.0")
    assert draft.predecessor().number == candidate.predecessor().number == "1.0.0"


def test_the_first_version_has_nothing_to_break():
    version = factories.in_review_version()
    evidence = version.gate_results.get(gate="contract")
    assert version.state == "in_review" and evidence.verdict == "not_applicable"


def test_a_later_version_leaves_the_comparison_as_evidence():
    entry = factories.published_version().model
    version = factories.in_review_version(entry, "1.1.0")
    evidence = version.gate_results.get(gate="contract")
    assert (evidence.verdict, evidence.severity) == ("pass", "block")
    assert evidence.metrics["previous"] == "1.0.0" and evidence.metrics["declared"] == "minor"


def test_a_failed_comparison_blocks_and_is_among_the_required_gates():
    """What was submitted before there was the gate, or whose predecessor came out meanwhile."""
    assert "contract" in REQUIRED_GATES
    entry = factories.published_version().model
    version = factories.submitted_version(entry, "1.1.0")
    signature = copy.deepcopy(version.signature)
    renamed(signature)
    version.predecessor().__class__.objects.filter(number="1.0.0").update(signature=signature)
    contract_diff.record_for_submission(version)
    assert governance.check(version).state == "changes_requested"
    evidence = version.gate_results.filter(gate="contract").first()
    assert "monthly_income is gone" in evidence.summary and evidence.metrics["required"] == "major"


def test_the_sweep_compares_what_was_submitted_before_there_was_the_gate():
    version = factories.submitted_version()
    version.gate_results.filter(gate="contract")
    ModelVersion.objects.filter(pk=version.pk).update(manifest_sha256="0" * 64)
    assert actions.try_what_waits() == 1 and actions.try_what_waits() == 0
    known = version.gate_results.filter(manifest_sha256="0" * 64)
    assert set(known.values_list("gate", flat=True)) == {
        "run",
        "contract",
        "readiness",
        *screening.PRODUCERS,
    }


def test_an_upload_says_at_once_what_it_breaks(tmp_path):
    draft = draft_after("1.1.0")
    ModelVersion.objects.filter(number="1.0.0").update(
        signature={
            "inputs": [factories.signature()["inputs"][0] | {"name": "salary"}],
            "outputs": factories.signature()["outputs"],
        }
    )
    warnings = factories.upload_tiny(draft, tmp_path)
    assert any("the input salary is gone" in text and "Make it 2.0.0" in text for text in warnings)


def test_what_came_out_meanwhile_below_a_version_is_not_broken_by_it():
    """Both were compared with 1.0.0; 1.1.0 brought an output, and 1.2.0 does not have it."""
    entry = factories.published_version().model
    late = factories.in_review_version(entry, "1.2.0")
    other = factories.approved_version(entry, "1.2.1")
    early = draft_after_all(entry, "1.1.0", output_added)
    factories.brought_up(early)
    for version in (late, other):
        evidence = version.gate_results.filter(gate="contract").first()
        assert evidence.blocks and "the output reason is gone" in evidence.summary
    titles = Notice.objects.filter(recipient=factories.alice(), kind="review").values_list(
        "title", flat=True
    )
    assert f"{late} follows 1.1.0 now, and breaks its contract" in titles
    with pytest.raises(RuleError, match="A check blocks"):
        factories.decide_all(late)
    with pytest.raises(RuleError, match="the output reason is gone") as refusal:
        factories.brought_up(other)
    assert "submit what it is as 2.0.0" in refusal.value.remedy
    assert actions.withdraw(factories.alice(), other).state == "withdrawn"


def draft_after_all(entry, number, change):
    """An approved version with a changed signature; approved as it was, because an endpoint cannot be asked here."""
    version = factories.approved_version(entry, number)
    signature = copy.deepcopy(version.signature)
    change(signature)
    ModelVersion.objects.filter(pk=version.pk).update(signature=signature)
    version.refresh_from_db()
    return version


# -- the promised service level -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "less", [{"availability": "99.0"}, {"p95_ms": 101}, {"rps": 19}, {"timeout_s": 29}], ids=str
)
@pytest.mark.parametrize(("number", "may"), [("1.0.1", False), ("2.0.0", True)])
def test_only_a_major_version_promises_less(less, number, may):
    draft = draft_after(number)
    actions.promise_sla(draft.created_by, draft, **factories.SLA | less)
    missing = what_is_missing(draft)
    assert [item.step for item in missing] == ([] if may else ["contract"])
    assert may or "the promised" in missing[0].sentence


def test_an_older_line_promises_what_its_own_predecessor_did():
    """1.0.1 after 1.1.0 takes nothing from those on 1.1.0: the gateway never moves them back."""
    model = factories.published_version().model
    newer = factories.published_version(model, "1.1.0")
    model.versions.filter(pk=newer.pk).update(sla=BETTER)
    assert what_is_missing(factories.draft_version(model, "1.0.1")) == []


# -- another number ---------------------------------------------------------------------------------------------------


def test_a_draft_takes_the_number_that_it_needs():
    draft = draft_after("1.1.0", renamed)
    actions.renumber(draft.created_by, draft, contract_diff.of(draft).least)
    draft.refresh_from_db()
    assert (draft.number, draft.precedence[:3]) == ("2.0.0", (2, 0, 0))
    assert contract_diff.problem(draft) == ""
    event = AuditEvent.objects.get(action="version.renumber")
    assert event.detail == {"before": "1.1.0", "after": "2.0.0"}


def test_who_may_not_renumber_and_what_keeps_its_number():
    draft = draft_after("1.1.0")
    with pytest.raises(NotAllowed):
        actions.renumber(factories.maya(), draft, "1.2.0")
    with pytest.raises(Invalid, match="never used twice") as used:
        actions.renumber(draft.created_by, draft, "1.0.0")
    assert used.value.field == "number"
    ModelVersion.objects.filter(pk=draft.pk).update(state="changes_requested")
    with pytest.raises(RuleError, match="its number stays"):
        actions.renumber(draft.created_by, draft, "1.2.0")


# -- who is moved -----------------------------------------------------------------------------------------------------


def audience_of(version, user):
    found = contract_diff.audience(version, user)
    return len(found.moved), len(found.held), len(found.stay)


def test_subscriptions_are_counted_for_those_who_may_see_them():
    draft = draft_after("1.1.0", renamed)
    follows = factories.subscription(ModelVersion.objects.get(number="1.0.0"))
    assert audience_of(draft, factories.maya()) == (0, 1, 0)
    assert audience_of(draft, factories.alice()) == (0, 1, 0)
    assert audience_of(draft, factories.charlie()) == (0, 0, 0)
    draft.signature = factories.signature()
    assert audience_of(draft, factories.maya()) == (1, 0, 0)
    type(follows).objects.update(version_policy="pin_exact")
    assert audience_of(draft, factories.maya()) == (0, 0, 1)


# -- pages and API ----------------------------------------------------------------------------------------------------


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_both_sides_and_whom_it_concerns():
    draft = draft_after("1.1.0", narrowed)
    factories.subscription(ModelVersion.objects.get(number="1.0.0"))
    page = reverse("publishing:changes", args=[draft.model.slug, draft.number])
    text = signed_in(factories.alice()).get(page).content.decode()
    assert "The maximum of the input income was none and is 9000" in text
    assert "stays on 1.0.0: a breaking finding lies between" in text
    step = reverse("publishing:interface", args=[draft.model.slug, draft.number])
    assert "Use 2.0.0 as its number" in signed_in(factories.alice()).get(step).content.decode()
    assert signed_in(factories.maya()).get(page).status_code == 404


def test_a_consumer_reads_what_changes_between_any_two_versions():
    entry = factories.published_version().model
    for number in ("1.1.0", "1.2.0"):
        factories.published_version(entry, number)
    for version in entry.versions.exclude(number="1.0.0"):
        signature = copy.deepcopy(version.signature)
        signature["outputs"].append(signature["outputs"][0] | {"name": f"reason_{version.minor}"})
        ModelVersion.objects.filter(pk=version.pk).update(signature=signature)
    client = signed_in(factories.charlie())
    page = reverse("publishing:changes", args=[entry.slug, "1.2.0"])
    assert "The output reason_1 is gone" in client.get(page).content.decode()
    text = client.get(page, {"from": "1.0.0"}).content.decode()
    assert "The output reason_2 is new" in text and "is gone" not in text
    assert client.get(page, {"from": "9.9.9"}).status_code == 404


def test_the_dry_run_answers_like_the_submission():
    version = factories.published_version()
    address = reverse("api:version-contract-diff", args=[version.pk])
    signature = factories.signature()
    signature["inputs"][0]["unit"] = "EUR"
    sent = {"number": "1.1.0", "signature": signature}
    client = signed_in(factories.alice())
    answer = client.post(address, sent, content_type="application/json").json()
    assert (answer["declared"], answer["required"], answer["least_number"]) == (
        "minor",
        "major",
        "2.0.0",
    )
    [finding] = answer["findings"]
    assert finding["field"] == "inputs.income.unit" and finding["breaks"]
    assert (finding["before"], finding["after"]) == ("USD", "EUR")
    assert answer["problem"]["status"] == 409 and answer["problem"]["field"] == "contract"
    assert answer["problem"]["errors"][0]["field"] == "inputs.income.unit"
    assert version.model.versions.count() == 1
    allowed = client.post(address, sent | {"number": "2.0.0"}, content_type="application/json")
    assert allowed.json()["is_allowed"] and allowed.json()["problem"] is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"number": "1.0"}, "number"),
        ({"number": "0.9.0"}, "number"),
        ({"signature": {"inputs": []}}, "inputs"),
        ({"service_level": {"p95_ms": "soon"}}, "service_level.p95_ms"),
    ],
)
def test_a_dry_run_names_the_field_that_cannot_be_used(wrong, field):
    version = factories.published_version()
    address = reverse("api:version-contract-diff", args=[version.pk])
    sent = {"number": "1.1.0", "signature": factories.signature()} | wrong
    answer = signed_in(factories.maya()).post(address, sent, content_type="application/json")
    assert answer.status_code == 422 and answer.json()["field"] == field


def test_submission_over_the_api_names_each_forcing_finding():
    draft = draft_after("1.1.0", narrowed)
    address = reverse("api:version-submit", args=[draft.pk])
    actions.try_out(draft)
    answer = signed_in(factories.alice()).post(address, {}, content_type="application/json")
    assert answer.status_code == 409 and answer.json()["field"] == "contract"
    [error] = answer.json()["errors"]
    assert (error["field"], error["before"], error["after"]) == (
        "inputs.income.maximum",
        "none",
        "9000",
    )
