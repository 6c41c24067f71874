"""Less capacity of a version comes with notice to those who call it; more begins at once (issue 9, B5)."""

import copy
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.changes import actions as changes
from consumption.models import ScheduledChange, Subscription
from hosting import actions, reconcile
from hosting.gateway.auth import resolve, snapshot
from hosting.models import Deployment, Upstream
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
WHY = "The machine is shared with two more models now."
SIZE = {"minimum": 2, "maximum": 4, "target_ongoing_requests": 4}
SMALLER = [
    {"minimum": 1},
    {"minimum": 0},
    {"maximum": 3},
    {"target_ongoing_requests": 2},
    {"target_ongoing_requests": 8},
]


@pytest.fixture
def deployment(db):
    """Of a version that Maya's application calls."""
    subscription = factories.subscription()
    factories.bob()
    return Deployment.objects.create(
        version=subscription.pinned_version,
        app_name="m-1",
        state="ready",
        min_replicas=2,
        max_replicas=4,
    )


def size(deployment):
    deployment.refresh_from_db()
    return (
        deployment.min_replicas,
        deployment.max_replicas,
        deployment.target_ongoing_requests,
    )


def propose(deployment, by=None, **after):
    return changes.propose(
        by or factories.alice(),
        "capacity",
        model=deployment.version.model,
        version=deployment.version,
        after=after or {"min_replicas": 0, "max_replicas": 1},
        reason=WHY,
    )


@pytest.mark.parametrize("less", SMALLER)
@pytest.mark.parametrize("who", [factories.alice, factories.rita])
def test_one_person_takes_no_capacity_from_those_who_call(deployment, less, who):
    with pytest.raises(RuleError, match="1 application of 1 team") as refusal:
        actions.scale(who(), deployment, **SIZE | less)
    assert "/capacity/" in refusal.value.sentence and size(deployment) == (2, 4, 4)


def test_more_capacity_begins_at_once(deployment):
    actions.scale(factories.alice(), deployment, **SIZE | {"minimum": 3, "maximum": 8})
    assert size(deployment) == (3, 8, 4)


def test_what_nobody_calls_is_sized_at_once(deployment):
    Subscription.objects.update(state="closed")
    actions.scale(factories.alice(), deployment, **SIZE | {"minimum": 0, "maximum": 1})
    assert size(deployment) == (0, 1, 4)


def test_a_second_person_confirms_and_the_size_follows_after_the_notice(deployment):
    change = propose(deployment)
    with pytest.raises(NotAllowed):
        changes.confirm(factories.alice(), change)
    changes.confirm(factories.bob(), change)
    [notice] = Notice.objects.filter(recipient=factories.maya(), kind="change")
    assert "gets less capacity on " in notice.title
    assert "Replicas at most: 1 replica instead of 4 replicas" in notice.body
    assert "a first call then waits about" in notice.body
    assert size(deployment) == (2, 4, 4)
    ScheduledChange.objects.update(effective_from=timezone.now() - timedelta(seconds=1))
    assert changes.begin_what_is_due() == 1
    assert size(deployment) == (0, 1, 4)


def test_an_operator_from_outside_the_team_acts_at_once_and_says_why(deployment):
    with pytest.raises(Invalid):
        actions.scale(factories.otto(), deployment, **SIZE | {"maximum": 2})
    actions.scale(factories.otto(), deployment, **SIZE | {"maximum": 2}, reason=WHY)
    assert size(deployment) == (2, 2, 4)
    assert Notice.objects.filter(recipient=factories.maya(), kind="deployment.scaled").exists()


def test_an_operator_says_why_on_the_page_and_by_program(client, deployment):
    client.force_login(factories.otto())
    version = deployment.version
    address = reverse("hosting:manage_deployment", args=[version.model.slug, version.number])
    smaller = SIZE | {"maximum": 3, "verb": "size"}
    refused = client.post(address, smaller)
    assert refused.status_code == 422 and "reason" in refused.context["forms"]["size"].errors
    assert client.post(address, smaller | {"reason": WHY}).status_code == 302
    assert size(deployment) == (2, 3, 4)
    answer = client.put(
        f"/api/v1/deployments/{deployment.pk}/size/",
        SIZE | {"maximum": 2, "reason": WHY},
        content_type="application/json",
    )
    assert answer.status_code == 200 and size(deployment) == (2, 2, 4)


def test_a_member_who_is_an_operator_too_gives_notice(deployment):
    factories.also(factories.alice(), "operator")
    with pytest.raises(RuleError, match="notice"):
        actions.scale(factories.alice(), deployment, **SIZE | {"maximum": 2}, reason=WHY)


@pytest.mark.parametrize("who", [factories.maya, factories.charlie, factories.root])
def test_others_propose_nothing(deployment, who):
    with pytest.raises(NotAllowed):
        propose(deployment, who())


@pytest.mark.parametrize("after", [{"max_replicas": 9}, {"min_replicas": 5}, {"max_replicas": 4}])
def test_a_size_that_cannot_be_or_differs_in_nothing_is_refused(deployment, after):
    with pytest.raises(Invalid):
        propose(deployment, **after)


def test_the_page_and_the_api_propose_it(deployment):
    version = deployment.version
    alice = Client()
    alice.force_login(factories.alice())
    refused = alice.put(
        f"/api/v1/deployments/{deployment.pk}/size/",
        SIZE | {"maximum": 2},
        content_type="application/json",
    )
    assert refused.status_code == 409 and "/api/v1/changes/" in refused.json()["remedy"]
    address = reverse("hosting:change_capacity", args=[version.model.slug, version.number])
    form = {
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": 4,
        "reason": WHY,
        "effective_from": "",
        "step": "preview",
    }
    shown = alice.post(address, form).content.decode()
    assert "Loan origination" in shown and not ScheduledChange.objects.exists()
    given = {"kind": "capacity", "version": version.pk, "max_replicas": 2, "reason": WHY}
    made = alice.post("/api/v1/changes/", given, content_type="application/json").json()
    assert (made["state"], made["version"]) == ("proposed", version.number)
    maya = Client()
    maya.force_login(factories.maya())
    assert maya.get(address).status_code == 404


def test_a_new_version_begins_with_the_size_of_the_one_it_takes_over(deployment):
    """Those who follow minor versions were moved from four replicas to two, because a new deployment began small."""
    new = factories.approved_version(deployment.version.model, "1.1.0")
    ModelVersion.objects.filter(pk=new.pk).update(kind="onnx")
    reconcile._create_missing()
    made = Deployment.objects.get(version=new)
    assert (made.min_replicas, made.max_replicas) == (2, 4)


def test_a_credential_that_calls_need_is_replaced_and_not_removed(deployment):
    upstream = Upstream.objects.get(version=deployment.version)
    actions.set_credential(factories.alice(), deployment.version, "secret-1")
    with pytest.raises(RuleError, match="would fail"):
        actions.set_credential(factories.alice(), deployment.version, "")
    upstream.refresh_from_db()
    assert upstream.credential


@pytest.mark.parametrize("policy", Subscription.Policy.values)
def test_who_follows_a_version_is_whom_the_gateway_sends_there(policy):
    """consumption.affected.resolve and the gateway's choice agree, over every pinned version."""
    model = factories.model()
    numbers = ["1.0.0", "1.0.1", "1.1.0", "1.2.0", "1.2.1", "2.0.0", "2.0.1-rc.1"]
    versions = [factories.published_version(model, number) for number in numbers]
    ModelVersion.objects.filter(number="1.2.1").update(suspended_at=timezone.now())
    ModelVersion.objects.filter(number__in=["1.2.0", "2.0.0"]).update(state="deprecated")
    ModelVersion.objects.filter(number="1.0.1").update(
        state="deprecated", sunset_at=timezone.now() - timedelta(days=1)
    )
    ModelVersion.objects.filter(number="1.1.0").update(state="retired")
    versions = list(ModelVersion.objects.filter(model=model))
    record = snapshot.models([model.pk])[model.pk]
    for pinned in versions:
        caller = SimpleNamespace(
            policy=policy, pinned_id=pinned.pk, pinned=pinned.precedence, held=None
        )
        chosen = resolve.version_by_policy(record, caller, timezone.now().timestamp())
        assert affected.resolve(policy, pinned, versions).pk == chosen.id, (policy, pinned)


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        ("pin_exact", "1.0.0", "1.0.0"),
        ("auto_patch", "1.0.1", "1.0.0"),
        ("auto_minor", "1.2.0", "1.2.0"),
    ],
)
def test_the_gateway_moves_nobody_onto_a_version_that_breaks(policy, before, after):
    """Also one that was published before the comparison was made, or whose row was changed past every verb."""
    model = factories.model()
    numbers = ["1.0.0", "1.0.1", "1.1.0", "1.2.0"]
    pinned = [factories.published_version(model, number) for number in numbers][0]
    caller = SimpleNamespace(
        policy=policy, pinned_id=pinned.pk, pinned=pinned.precedence, held=None
    )

    def answers():
        record = snapshot.models([model.pk])[model.pk]
        chosen = resolve.version_by_policy(record, caller, timezone.now().timestamp())
        versions = list(ModelVersion.objects.filter(model=model))
        assert affected.resolve(policy, pinned, versions).pk == chosen.id
        return chosen.number

    assert answers() == before
    renamed = copy.deepcopy(pinned.signature)
    renamed["inputs"][0]["name"] = "monthly_income"
    ModelVersion.objects.filter(number__in=["1.0.1", "1.1.0"]).update(signature=renamed)
    assert answers() == after
