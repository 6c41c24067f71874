"""A patch at low risk that its checks approve alone, where governance says so. Issue 11, item 11."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from governance import actions as governance
from governance import automatic, evaluation_runs
from governance.matrix import AUTOMATIC
from governance.models import AutomaticApproval
from marketplace.accounts.models import Membership, User
from marketplace.audit.models import AuditEvent
from marketplace.notices.models import Notice
from publishing import actions, evaluation
from tests import factories, tried_once
from tests.governance.test_policies import in_force_now
from tests.publishing.test_behaviour import rows, scaled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


def handed_in(tmp_path, number, content, entry=None, tier="low"):
    """A version with a real package, checked as the workers would."""
    draft = factories.draft_version(entry, number, tier=tier)
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    actions.upload(draft.created_by, draft, path, path.name)
    draft = ModelVersion.objects.get(pk=draft.pk)
    actions.describe_interface(draft.created_by, draft, factories.signature(), factories.example())
    draft.refresh_from_db()
    return draft


def checked(draft):
    return factories.checked(actions.submit(draft.created_by, draft))


@pytest.fixture
def in_use(tmp_path):
    """1.0.0, approved by people and published; people decide about everything."""
    version = checked(handed_in(tmp_path, "1.0.0", factories.tiny_onnx()))
    factories.decide_all(version)
    ModelVersion.objects.filter(pk=version.pk).update(
        state="published", published_at=timezone.now()
    )
    return ModelVersion.objects.get(pk=version.pk)


@pytest.fixture
def switched_on(in_use):
    change = in_force_now({"automatic": AUTOMATIC})
    assert change.proposed_by != change.decided_by
    return change


def patch_of(version, tmp_path, content=None, number="1.0.1"):
    return handed_in(tmp_path, number, content or scaled(1.0), version.model)


def test_people_decide_as_long_as_governance_says_nothing(in_use, tmp_path):
    version = checked(patch_of(in_use, tmp_path))
    assert version.state == "in_review"
    assert automatic.why_people_decide(version) == "People judge every version."


def test_a_green_patch_is_approved_and_everybody_can_see_why(in_use, switched_on, tmp_path):
    factories.rita()
    version = checked(patch_of(in_use, tmp_path))
    assert version.state == "approved" and version.manifest_signature
    assert version.approved_until == in_use.approved_until, "people look again on the same day"
    assert not version.reviews.exists()
    approval = AutomaticApproval.objects.get(version=version)
    assert (approval.previous, approval.policy) == (in_use, switched_on.policy)
    assert len(approval.evidence) == len(governance.current_gates(version))
    event = AuditEvent.objects.get(action="version.approve_automatically")
    assert event.actor == User.objects.system("gates") and "1.0.0" in event.reason
    assert Notice.objects.filter(recipient=factories.rita(), key__startswith="automatic-approval")
    client = Client()
    client.force_login(factories.alice())
    tab = reverse("governance:evidence", args=[version.model.slug])
    page = client.get(f"{tab}?version=1.0.1").content.decode()
    assert "No person was asked" in page and switched_on.policy.semver in page
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        AutomaticApproval.objects.update(evidence=[])


def test_what_is_no_plain_patch_goes_to_people(in_use, switched_on, tmp_path):
    minor = checked(patch_of(in_use, tmp_path, number="1.1.0"))
    assert minor.state == "in_review" and "no patch" in automatic.why_people_decide(minor)
    candidate = checked(patch_of(in_use, tmp_path, number="1.0.2-rc.1"))
    assert candidate.state == "in_review"
    draft = patch_of(in_use, tmp_path, number="1.0.3")
    actions.edit_card(draft.created_by, draft, {"intended_use.summary": "Another use " * 8})
    other = checked(draft)
    assert other.state == "in_review"
    assert "card: intended_use" in automatic.why_people_decide(other)
    ModelVersion.objects.filter(pk=in_use.pk).update(approved_until=timezone.now())
    assert "approval that holds" in automatic.why_people_decide(other)
    ModelVersion.objects.update(
        approved_until=timezone.now() + timedelta(days=9), risk_tier="medium"
    )
    other.refresh_from_db()
    assert "at low risk" in automatic.why_people_decide(other)


def test_another_answer_is_no_patch_and_a_yellow_check_asks_people(in_use, switched_on, tmp_path):
    other = checked(patch_of(in_use, tmp_path, scaled(1.1)))
    assert other.state == "in_review", "at low risk it informs; people judge it"
    assert not AutomaticApproval.objects.exists()


def test_who_switched_it_on_gets_no_own_work_through(in_use, switched_on, tmp_path):
    """Neither on the team now nor lately: the rule is theirs, so others decide."""
    gus = switched_on.proposed_by
    membership = Membership.objects.create(user=gus, team=in_use.model.owner_team)
    version = checked(patch_of(in_use, tmp_path))
    assert version.state == "in_review"
    assert "switched the rule on" in automatic.why_people_decide(version)
    membership.delete()
    assert not automatic.why_people_decide(version)


def test_where_a_benchmark_fits_it_is_measured_first(in_use, switched_on, tmp_path):
    factories.benchmark(rows(), capability=in_use.model.capability, groups=["region"])
    version = checked(patch_of(in_use, tmp_path))
    assert version.state == "checking", "the run is under way"
    assert governance.check(version).state == "checking"
    run = version.evaluation_runs.get()
    assert run.requested_by == User.objects.system("evaluation-runner")
    evaluation.run(run.pk)
    assert governance.check(version).state == "approved"
    found = {result.gate: result.verdict for result in governance.current_gates(version)}
    assert found["evaluation"] == found["behaviour"] == "pass"


def test_a_run_that_broke_leaves_it_to_people(in_use, switched_on, tmp_path):
    factories.benchmark(rows(), capability=in_use.model.capability, groups=["region"])
    version = checked(patch_of(in_use, tmp_path))
    evaluation_runs.end_broken(version.evaluation_runs.get(), "The worker ended.")
    assert governance.check(version).state == "in_review"
