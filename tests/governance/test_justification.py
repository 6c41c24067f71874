"""A failed fairness check is justified by a reviewer with a yes of the law, never by the team. Rule: docs/governance.md, "Waivers"."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import actions
from governance.models import Waiver
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
NECESSITY = "Tenure predicts repayment and stands for no group by design."
TRIED = "Without tenure the losses double; a banded tenure differs as much."


@pytest.fixture
def version():
    """In review with a failed fairness check on hidden data of its capability."""
    factories.lena()
    version = factories.in_review_version(tier="high")
    version.kind = "package"
    version.save(update_fields=["kind"])
    factories.benchmark(
        "income,debt,paid,sex\n1,2,3,f\n2,3,4,m\n",
        capability=version.model.capability,
        groups=["sex"],
    )
    checked(version, "fail")
    return version


def checked(version, verdict):
    actions.record_gate(version, "fairness", verdict, "sex fails: ratio 0.637.", tool="test")


def justified(version, by=None, **changed):
    given = {
        "reason": NECESSITY,
        "instead": "A person looks at each refusal of the group.",
        "ends_on": timezone.localdate() + timedelta(days=60),
        "alternatives": TRIED,
    }
    return actions.ask_waiver(by or factories.fay(), version, "fairness", **given | changed)


def test_a_justification_opens_the_fairness_review_and_nothing_else_does(version):
    review = version.reviews.get(kind="fairness")
    with pytest.raises(RuleError, match=r"ratio 0\.637"):
        factories.approve(review)
    waiver = justified(version)
    with pytest.raises(RuleError, match=r"ratio 0\.637"):
        factories.approve(review)
    assert Notice.objects.filter(
        recipient=factories.lena(), key=f"waiver-open:{waiver.pk}"
    ).exists()
    actions.decide_waiver(factories.lena(), waiver, "granted", factories.REASON, True)
    factories.approve(review)
    Waiver.objects.update(ends_on=timezone.localdate() - timedelta(days=1))
    assert [result.gate for result in actions.blocking_gates(version)] == ["fairness"]


@pytest.mark.parametrize(
    "who", [factories.alice, factories.evan, factories.rita, factories.gus, factories.root]
)
def test_neither_the_team_nor_others_justify(version, who):
    with pytest.raises(NotAllowed):
        justified(version, by=who())
    with pytest.raises(NotAllowed):
        justified(version, by=factories.also(factories.bob(), "fairness_reviewer"))


def test_the_law_agrees_and_never_the_same_person(version):
    waiver = justified(version, by=factories.also(factories.fay(), "legal_reviewer"))
    for person in (
        factories.fay(),
        factories.also(factories.alice(), "legal_reviewer"),
        factories.gus(),
        factories.mira(),
    ):
        with pytest.raises(NotAllowed):
            actions.decide_waiver(person, waiver, "granted", factories.REASON, True)
    assert list(Waiver.objects.to_decide(factories.fay())) == []
    assert list(Waiver.objects.to_decide(factories.lena())) == [waiver]
    assert list(Waiver.objects.to_decide(factories.mira())) == []


def test_the_alternatives_are_asked_for(version):
    with pytest.raises(Invalid) as refusal:
        justified(version, alternatives="None.")
    assert refusal.value.field == "alternatives"


@pytest.mark.parametrize("verdict", ["inconclusive", "error", "pass"])
def test_what_did_not_fail_is_measured_and_not_justified(version, verdict):
    checked(version, verdict)
    with pytest.raises(RuleError, match="does not block"):
        justified(version)


def test_the_review_offers_the_form_to_the_reviewer_alone(version, client):
    ask = reverse("governance:ask_waiver", args=[version.model.slug, "1.0.0", "fairness"])
    at = reverse("governance:review", args=[version.reviews.get(kind="fairness").pk])
    client.force_login(factories.alice())
    assert ask not in client.get(at).content.decode()
    assert client.get(ask).status_code == 403
    client.force_login(factories.fay())
    assert ask in client.get(at).content.decode()
    sent = {
        "reason": NECESSITY,
        "alternatives": TRIED,
        "instead": "A person looks at each refusal of the group.",
        "ends_on": (timezone.localdate() + timedelta(days=9)).isoformat(),
    }
    assert client.post(ask, sent).status_code == 302
    assert TRIED in client.get(Waiver.objects.get().get_absolute_url()).content.decode()
