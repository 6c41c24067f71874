"""Verbs of the journey: start, upload, describe, submit, withdraw, publish, deprecate."""

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.urls import reverse
from django.utils import timezone

from catalog.models import Artifact, ModelVersion, stored_as
from consumption.changes import actions as changes
from governance import actions as governance
from governance import gates
from hosting.models import Upstream
from hosting.reconcile import should_run
from marketplace.accounts.models import User
from marketplace.audit.models import AuditEvent
from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions, evidence, screening
from publishing.forms import SlaForm
from tests import factories
from tests.publishing import specimens

pytestmark = pytest.mark.django_db

STRANGERS = [factories.charlie, factories.maya, factories.rita, factories.vera, factories.root]


def events(action):
    return AuditEvent.objects.filter(action=action)


# ── Starting ──────────────────────────────────────────────────────────────


def test_a_version_starts_as_a_draft_with_a_card():
    version = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    assert (version.state, version.major, version.created_by) == ("draft", 1, factories.alice())
    assert version.card.data == {} and version.contributions.get().kind == "created"
    assert events("version.start").get().detail == {"number": "1.0.0"}


def test_a_number_is_used_once():
    entry = factories.draft_version().model
    with pytest.raises(Invalid, match="never used twice"):
        actions.start_version(factories.alice(), entry, "1.0.0")


@pytest.mark.parametrize("number", ["", "1", "1.0", "v1.0.0", "1.0.0 ", "01.0.0", "1.0.0; DROP"])
def test_a_number_has_three_parts(number):
    with pytest.raises(Invalid) as refusal:
        actions.start_version(factories.alice(), factories.model(), number)
    assert refusal.value.field == "number"


@pytest.mark.parametrize("who", STRANGERS)
def test_only_the_team_starts_versions(who):
    with pytest.raises(NotAllowed):
        actions.start_version(who(), factories.model(), "1.0.0")


def test_the_next_version_starts_from_the_last_card():
    first = factories.draft_version()
    second = actions.start_version(factories.bob(), first.model, "1.1.0")
    assert second.card.data["intended_use.summary"] == first.card.data["intended_use.summary"]
    assert second.sla == first.sla and second.risk_tier == ""


# ── Uploading ─────────────────────────────────────────────────────────────


def test_an_upload_becomes_the_package(tmp_path):
    version = factories.draft_version()
    factories.upload_tiny(version, tmp_path, by=factories.bob())
    version.refresh_from_db()
    kept = version.artifacts.get()
    assert (version.kind, version.external_url, kept.uploaded_by) == ("onnx", "", factories.bob())
    assert storages["artifacts"].open(stored_as(kept.sha256)).read() == factories.tiny_onnx()
    assert [column["name"] for column in version.signature["inputs"]] == ["income", "debt"]
    assert version.contributions.filter(user=factories.bob(), kind="uploaded").exists()


def test_an_upload_keeps_what_people_wrote_about_the_same_columns(tmp_path):
    version = factories.draft_version()
    factories.upload_tiny(version, tmp_path)
    version.refresh_from_db()
    assert version.signature["inputs"][0]["description"] == "Monthly account credits"


def test_a_second_upload_replaces_the_first(tmp_path):
    version = factories.draft_version()
    factories.upload_tiny(version, tmp_path)
    factories.upload_tiny(version, tmp_path)
    assert version.artifacts.count() == 1


HOSTILE = {
    "a pickle called .onnx": lambda tmp: (
        specimens.onnx_bytes
        and b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."
    ),
    "a custom operator": lambda tmp: specimens.custom_operator(),
    "data outside the file": lambda tmp: specimens.external_data(),
    "half a file": lambda tmp: factories.tiny_onnx()[:-20],
    "nothing": lambda tmp: b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_refused_upload_leaves_nothing_but_the_record(what, tmp_path, settings):
    version = factories.draft_version()
    before = ModelVersion.objects.values().get(pk=version.pk)
    path = tmp_path / "model.onnx"
    path.write_bytes(HOSTILE[what](tmp_path))
    with pytest.raises(Invalid) as refusal:
        actions.upload(factories.alice(), version, path, "model.onnx")
    assert refusal.value.field == "file" and refusal.value.message and refusal.value.remedy
    assert not Artifact.objects.exists()
    assert ModelVersion.objects.values().get(pk=version.pk) == before
    assert files_under(settings.ARTIFACT_ROOT) == files_under(settings.QUARANTINE_ROOT) == []
    event = events("version.upload_refused").get()
    assert event.actor == factories.alice() and event.reason == refusal.value.message


def test_an_accepted_upload_leaves_nothing_in_quarantine(tmp_path, settings):
    factories.upload_tiny(factories.draft_version(), tmp_path)
    assert files_under(settings.QUARANTINE_ROOT) == [] != files_under(settings.ARTIFACT_ROOT)


@pytest.mark.parametrize("who", STRANGERS)
def test_only_the_team_uploads(who, tmp_path):
    version = factories.draft_version()
    with pytest.raises(NotAllowed):
        factories.upload_tiny(version, tmp_path, by=who())
    assert not Artifact.objects.exists()


def test_nothing_is_uploaded_after_submission(tmp_path):
    version = factories.submitted_version()
    with pytest.raises(RuleError, match="can no longer be edited"):
        factories.upload_tiny(version, tmp_path)


# ── Describing ────────────────────────────────────────────────────────────

EDITS = {
    "endpoint": lambda by, version: actions.name_endpoint(
        by, version, "https://other.example.com/"
    ),
    "interface": lambda by, version: actions.describe_interface(
        by, version, factories.signature(), factories.example()
    ),
    "sla": lambda by, version: actions.promise_sla(by, version, **factories.SLA),
    "card": lambda by, version: actions.edit_card(
        by, version, {"limitations.text": "It knows salaried people only, nobody else."}
    ),
    "changelog": lambda by, version: actions.edit_changelog(
        by, version, "Something else changed in it."
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_team_describes_its_draft_and_becomes_a_contributor(edit):
    version = factories.draft_version()
    EDITS[edit](factories.bob(), version)
    assert version.contributions.filter(user=factories.bob(), kind="edited").exists()
    assert AuditEvent.objects.filter(
        actor=factories.bob(), action__in=["version.edit", "card.edit"]
    ).exists()


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("edit", EDITS)
def test_strangers_describe_nothing(edit, who):
    version = factories.draft_version()
    with pytest.raises(NotAllowed):
        EDITS[edit](who(), version)


@pytest.mark.parametrize("edit", EDITS)
def test_nothing_is_edited_while_others_judge(edit):
    version = factories.in_review_version()
    with pytest.raises(RuleError, match="can no longer be edited"):
        EDITS[edit](factories.alice(), version)


@pytest.mark.parametrize("edit", EDITS)
def test_whoever_read_the_draft_before_it_was_submitted_is_refused(edit):
    stale = factories.draft_version()
    actions.submit(factories.alice(), ModelVersion.objects.get(pk=stale.pk))
    with pytest.raises(RuleError, match="can no longer be edited"):
        EDITS[edit](factories.bob(), stale)


def test_the_tier_cannot_be_lowered_through_a_page_that_was_open_before():
    stale = factories.draft_version(tier="high")
    actions.submit(factories.alice(), ModelVersion.objects.get(pk=stale.pk))
    with pytest.raises(NotAllowed):
        governance.assess_risk(factories.bob(), stale, factories.LOW)
    assert ModelVersion.objects.get(pk=stale.pk).risk_tier == "high"


def test_unknown_card_fields_are_refused():
    with pytest.raises(Invalid) as refusal:
        actions.edit_card(factories.alice(), factories.draft_version(), {"no.such.field": "x"})
    assert refusal.value.field == "no.such.field"


def test_an_emptied_card_field_is_gone():
    card = actions.edit_card(factories.alice(), factories.draft_version(), {"limitations.text": ""})
    assert "limitations.text" not in card.data


@pytest.mark.parametrize("field", ["identity.name", "technical.artifact_sha256", "security.scan"])
def test_what_the_product_knows_is_not_overwritten_by_people(field):
    version = factories.draft_version()
    try:
        actions.edit_card(factories.alice(), version, {field: "whatever I say"})
    except Invalid:
        return
    version = actions.submit(factories.alice(), version)
    assert version.card.data.get(field) != "whatever I say"


# ── Submitting ────────────────────────────────────────────────────────────


def test_submission_freezes_what_is_judged():
    version = factories.submitted_version()
    assert version.state == "submitted" and version.submitted_by == factories.alice()
    assert (
        version.manifest_sha256 == digest(version.manifest)
        and version.manifest["signature"] == factories.signature()
    )
    assert version.card.sha256 == digest(version.card.data)
    assert set(version.gate_results.values_list("gate", flat=True)) == {
        "integrity",
        "safety",
        "validity",
        "signature",
        "run",
        "readiness",
        "contract",
        *screening.PRODUCERS,
        "behaviour",
        *gates.RUN,
    }
    assert events("version.submit").get().detail["manifest"] == version.manifest_sha256


@pytest.mark.parametrize(
    ("tier", "card", "verdict"),
    [
        ("low", {}, "pass"),
        ("medium", {}, "pass"),
        ("low", {"ops.rollback": ""}, "pass"),
        ("medium", {"ops.rollback": ""}, "fail"),
    ],
)
def test_operation_is_declared(tier, card, verdict):
    version = factories.draft_version(tier=tier)
    actions.edit_card(factories.alice(), version, card)
    version.card.refresh_from_db()
    evidence.record_readiness(version)
    gate = version.gate_results.get(gate="readiness")
    assert gate.verdict == verdict, gate.summary
    version.sla = {"p95_ms": 100}
    evidence.record_readiness(version)
    lacking = version.gate_results.filter(gate="readiness").latest("id")
    assert "Not declared: availability, requests a second, support hours" in lacking.summary


def test_an_uploaded_package_passes_its_gates(tmp_path):
    version = factories.draft_version()
    factories.upload_tiny(version, tmp_path)
    version.refresh_from_db()
    version = factories.checked(actions.submit(factories.alice(), version))
    assert version.state == "in_review", [str(gate.summary) for gate in version.gate_results.all()]


def test_bytes_that_changed_in_storage_fail_the_integrity_gate(tmp_path, settings):
    version = factories.draft_version()
    factories.upload_tiny(version, tmp_path)
    version.refresh_from_db()
    [path] = files_under(settings.ARTIFACT_ROOT)
    path.chmod(0o600)
    path.write_bytes(b"something else")
    version = factories.checked(actions.submit(factories.alice(), version))
    assert version.state == "changes_requested"
    assert version.gate_results.get(gate="integrity").verdict == "fail"


@pytest.mark.parametrize("who", STRANGERS)
def test_only_the_team_submits(who):
    version = factories.draft_version()
    with pytest.raises(NotAllowed):
        actions.submit(who(), version)
    version.refresh_from_db()
    assert version.state == "draft"


def test_submitting_twice_is_refused():
    version = factories.submitted_version()
    with pytest.raises((RuleError, NotAllowed)):
        actions.submit(factories.alice(), version)
    assert events("version.submit").count() == 1


@pytest.mark.parametrize(
    ("without", "step"),
    [
        (lambda v: ModelVersion.objects.filter(pk=v.pk).update(external_url=""), "package"),
        (lambda v: ModelVersion.objects.filter(pk=v.pk).update(sla={}), "interface"),
        (lambda v: ModelVersion.objects.filter(pk=v.pk).update(risk_tier=""), "risk"),
        (lambda v: v.model.plans.all().delete(), "plans"),
        (lambda v: actions.edit_card(factories.alice(), v, {"intended_use.summary": ""}), "card"),
    ],
)
def test_what_is_missing_is_said_with_its_step(without, step):
    version = factories.draft_version()
    without(version)
    with pytest.raises(RuleError, match="not ready to submit") as refusal:
        actions.submit(factories.alice(), ModelVersion.objects.get(pk=version.pk))
    assert refusal.value.field == step


def test_a_prohibited_use_is_never_submitted():
    version = factories.draft_version()
    governance.assess_risk(
        factories.alice(), version, factories.LOW | {"prohibited": ["social_scoring"]}
    )
    with pytest.raises(RuleError, match="prohibited"):
        actions.submit(factories.alice(), version)


def test_a_later_version_says_what_changed():
    first = factories.published_version()
    second = factories.draft_version(first.model, "1.1.0")
    actions.edit_changelog(factories.alice(), second, "small fix")
    with pytest.raises(RuleError, match="changelog"):
        actions.submit(factories.alice(), second)


# ── Withdrawing ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "make", [factories.draft_version, factories.submitted_version, factories.in_review_version]
)
def test_the_team_withdraws_before_approval(make):
    version = actions.withdraw(factories.bob(), make(), "We found a better one.")
    assert version.state == "withdrawn" and not version.reviews.filter(state="open").exists()
    assert events("version.withdraw").get().reason == "We found a better one."
    assert not Notice.objects.filter(key__startswith="review-open", read_at=None).exists(), (
        "nobody is asked to decide it any more"
    )


@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_else_withdraws(who):
    with pytest.raises(NotAllowed):
        actions.withdraw(who(), factories.draft_version())


def test_what_runs_or_is_published_is_not_withdrawn():
    with pytest.raises(RuleError):
        actions.withdraw(factories.alice(), factories.published_version())
    running = factories.approved_version(factories.model(name="Second one"))
    Upstream.objects.create(
        version=running,
        kind="external",
        base_url="https://models.example.com/income",
        is_ready=True,
    )
    with pytest.raises(RuleError, match="is being published"):
        actions.withdraw(factories.alice(), running)


def test_an_approved_version_that_never_ran_is_withdrawn_and_the_next_patch_proposed(client):
    """Issue 9, line 17: it failed to start, and could be neither withdrawn nor edited."""
    version = factories.approved_version()
    client.force_login(factories.alice())
    page = client.post(
        reverse("publishing:withdraw", args=[version.model.slug, "1.0.0"]),
        {"reason": "It does not start."},
        follow=True,
    )
    assert "the next one is 1.0.1" in page.content.decode()
    version.refresh_from_db()
    assert version.state == "withdrawn" and not should_run().filter(pk=version.pk).exists()
    assert (
        client.get(reverse("publishing:new_version", args=[version.model.slug]))
        .context["form"]
        .initial["number"]
        == "1.0.1"
    )
    with pytest.raises(Invalid, match="never used twice"):
        actions.start_version(factories.alice(), version.model, "1.0.0")


# ── Publishing ────────────────────────────────────────────────────────────


def test_a_version_that_is_not_running_is_not_published():
    version = factories.approved_version()
    with pytest.raises(RuleError, match="not running yet"):
        actions.publish(factories.alice(), version)
    assert actions.publish_what_is_ready() == 0


def test_a_version_that_nobody_approved_is_not_published():
    version = factories.in_review_version()
    Upstream.objects.create(version=version, base_url="https://models.example.com/", is_ready=True)
    with pytest.raises(RuleError, match="cannot become published"):
        actions.publish(factories.alice(), version)


def test_the_sweep_publishes_what_is_ready_once():
    version = factories.approved_version()
    Upstream.objects.create(version=version, base_url="https://models.example.com/", is_ready=True)
    assert actions.publish_what_is_ready() == 1
    assert actions.publish_what_is_ready() == 0
    version.refresh_from_db()
    assert (
        version.is_callable
        and version.model.state == "published"
        and version.model.risk_tier == "low"
    )
    assert events("version.publish").get().actor == User.objects.system("publisher")


def test_a_patch_of_an_older_line_does_not_take_the_alias():
    newer = factories.published_version(number="2.0.0")
    factories.published_version(newer.model, "1.0.1")
    assert newer.model.aliases.get(name="stable").version == newer


@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_else_publishes(who):
    version = factories.approved_version()
    Upstream.objects.create(version=version, base_url="https://models.example.com/", is_ready=True)
    with pytest.raises(NotAllowed):
        actions.publish(who(), version)


def test_consumers_are_told_of_a_new_version():
    first = factories.published_version()
    factories.subscription(first)
    factories.published_version(first.model, "1.1.0")
    assert Notice.objects.filter(
        recipient=factories.maya(),
        title="Loan origination: Income verification 1.1.0 answers its calls now",
    ).exists()


# ── Deprecating ───────────────────────────────────────────────────────────


def deprecate(by, version, days=100, **more):
    return actions.deprecate(
        by,
        version,
        sunset_at=timezone.now() + timedelta(days=days),
        reason="A better one is there.",
        **more,
    )


@pytest.mark.parametrize(
    ("who", "second"),
    [
        (factories.alice, factories.rita),
        (factories.bob, factories.alice),
        (factories.rita, factories.bob),
    ],
)
def test_the_team_or_the_manager_deprecates(who, second):
    first = factories.published_version()
    factories.subscription(first)
    successor = factories.published_version(first.model, "2.0.0")
    change = deprecate(who(), ModelVersion.objects.get(pk=first.pk), successor=successor)
    changes.confirm(second(), change)
    first.refresh_from_db()
    assert (first.state, first.successor, first.is_callable) == ("deprecated", successor, True)
    assert events("version.deprecate").get().actor == second()
    assert Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated").exists()


@pytest.mark.parametrize("who", [factories.charlie, factories.maya, factories.vera, factories.root])
def test_others_do_not_deprecate(who):
    with pytest.raises(NotAllowed):
        deprecate(who(), factories.published_version())


@pytest.mark.parametrize(("typed", "waits"), [("90", 90.0), ("", None), ("301", "refused")])
def test_a_publisher_says_how_long_callers_wait(typed, waits):
    """Read by the gateway as the deadline of a call, and by the replica as the limit of one inference."""
    form = SlaForm({**factories.SLA, "timeout_s": typed})
    if waits == "refused":
        assert "timeout_s" in form.errors
        return
    assert form.is_valid()
    version = factories.draft_version()
    actions.promise_sla(version.created_by, version, **form.cleaned_data)
    version.refresh_from_db()
    assert version.answers_within_s == waits


@pytest.mark.parametrize(("tier", "days"), [("low", 89), ("medium", 119), ("high", 179)])
def test_consumers_get_notice_by_tier(tier, days):
    with pytest.raises(Invalid) as refusal:
        deprecate(factories.alice(), factories.published_version(tier=tier), days=days)
    assert refusal.value.field == "sunset_at" and "Choose" in refusal.value.remedy


def test_a_draft_is_not_deprecated():
    with pytest.raises(RuleError):
        deprecate(factories.alice(), factories.draft_version())


def files_under(folder):
    from pathlib import Path

    return [path for path in Path(folder).rglob("*") if path.is_file()]
