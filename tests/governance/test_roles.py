"""Issue 11, line 12: who holds which role and who gave it; a role that judges or oversees needs two persons."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from governance import actions
from governance.models import RoleChange
from marketplace.accounts.models import RoleGrant
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
REASON = "She measured models in her last team for years."


@pytest.fixture
def adam():
    return factories.person("adam", roles=["admin"])


@pytest.fixture
def ada():
    return factories.person("ada", roles=["admin"])


def propose(by, user=None, role="evaluator"):
    return actions.propose_role(by, user or factories.charlie(), role, REASON)


def test_a_role_that_judges_begins_when_a_second_person_agrees(adam, ada):
    change = propose(adam)
    assert not factories.charlie().has_role("evaluator")
    assert Notice.objects.filter(recipient=ada, title=f"To decide: {change}").exists()
    for by, why in ((adam, "You proposed it"), (factories.charlie(), "It is about you")):
        with pytest.raises(NotAllowed, match=why):
            actions.decide_role(by, change, "granted", REASON)
    with pytest.raises(NotAllowed, match="Administrators"):
        actions.decide_role(factories.rita(), change, "granted", REASON)
    actions.decide_role(ada, change, "granted", REASON)
    assert factories.charlie().has_role("evaluator")
    grant = RoleGrant.objects.get(user=factories.charlie())
    assert (grant.granted_by, grant.change.decided_by) == (adam, ada)
    acts = AuditEvent.objects.filter(action__startswith="role.").order_by("pk")
    assert list(acts.values_list("action", "actor__username")) == [
        ("role.propose", "adam"),
        ("role.decision_refused", "adam"),
        ("role.decision_refused", "charlie"),
        ("role.decision_refused", "rita"),
        ("role.granted", "ada"),
    ]
    with pytest.raises(RuleError, match="granted already"):
        actions.decide_role(ada, change, "refused", REASON)


def test_finance_begins_at_once_and_a_refused_role_never(adam, ada):
    assert propose(adam, role="finance").state == "granted"
    assert factories.charlie().has_role("finance")
    actions.decide_role(ada, propose(adam, factories.bob()), "refused", REASON)
    assert not factories.bob().roles()


def test_the_database_refuses_what_one_person_did_alone(adam):
    change = propose(adam)
    for facts in ({"state": "granted"}, {"decided_by": adam}, {"decided_by": change.user}):
        with pytest.raises(IntegrityError), transaction.atomic():
            RoleChange.objects.filter(pk=change.pk).update(**facts)


@pytest.mark.parametrize(
    ("who", "role", "field"),
    [("evan", "evaluator", "role"), ("evan", "auditor", "role"), ("vera", "finance", "role")],
)
def test_roles_that_do_not_go_together_are_refused(adam, who, role, field):
    with pytest.raises(Invalid) as problem:
        propose(adam, getattr(factories, who)(), role)
    assert problem.value.field == field


def test_nobody_gives_a_role_to_themselves_or_without_the_right(adam):
    with pytest.raises(NotAllowed, match="themselves"):
        propose(adam, adam, "finance")
    with pytest.raises(NotAllowed, match="Administrators"):
        propose(factories.rita())
    assert not RoleChange.objects.exists()


def test_one_person_takes_a_role_away_but_the_last_administrator_stays(adam):
    evan = factories.evan()
    grant = RoleGrant.objects.get(user=evan, role="evaluator")
    actions.end_role(adam, grant, REASON)
    assert not evan.has_role("evaluator")
    with pytest.raises(RuleError, match="ended already"):
        actions.end_role(adam, grant, REASON)
    with pytest.raises(RuleError, match="last administrator"):
        actions.end_role(adam, RoleGrant.objects.get(user=adam), REASON)


def test_the_page_shows_who_gave_a_role_and_who_agreed(adam, ada):
    client, other = Client(), Client()
    client.force_login(adam)
    other.force_login(ada)
    page = client.post(
        reverse("governance:roles"), {"user": "charlie", "role": "evaluator", "reason": REASON}
    )
    assert page.status_code == 422  # nobody signs in with this name yet
    factories.charlie()
    given = {"user": "charlie", "role": "evaluator", "reason": REASON}
    assert client.post(reverse("governance:roles"), given).status_code == 302
    change = RoleChange.objects.get()
    assert "You proposed it" in client.get(change.get_absolute_url()).content.decode()
    other.post(change.get_absolute_url(), {"outcome": "granted", "reason": REASON})
    text = client.get(reverse("governance:roles")).content.decode()
    assert "Independent evaluator: Charlie" in text
    assert "Adam, confirmed by Ada" in " ".join(text.split())
    client.force_login(factories.bob())
    assert client.get(reverse("governance:roles")).status_code == 404
    assert client.get(change.get_absolute_url()).status_code == 404
