"""People: rights are looked up at call time; the demo's buttons exist in the demo only."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import DemoLogin, Membership, RoleGrant, User
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_role_ends_with_its_grant():
    rita = factories.rita()
    assert rita.has_role("curator")
    rita.grants.update(revoked_at=timezone.now())
    assert not rita.has_role("curator") and rita.roles() == set()


def test_a_superuser_holds_no_role():
    assert not factories.root().has_role(*RoleGrant.Role.values)


def test_an_inactive_person_holds_no_role():
    rita = factories.rita()
    rita.is_active = False
    assert not rita.has_role("curator")


def test_who_left_is_not_on_the_team():
    alice = factories.alice()
    alice.memberships.update(left_at=timezone.now())
    assert not alice.is_on(factories.lending()) and not alice.teams().exists()


def test_one_membership_at_a_time():
    alice = factories.alice()
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=alice, team=factories.lending())


def test_system_users_cannot_log_in(client):
    system = User.objects.system("gates")
    assert system.is_system and not system.has_usable_password()
    assert User.objects.system("gates") == system


@pytest.fixture
def demo_alice():
    return DemoLogin.objects.create(
        user=factories.alice(), role="publisher", can="Publishes models"
    ).user


def demo_login(client, **more):
    return client.post(reverse("accounts:demo_login"), {"username": "alice"}, **more)


def test_a_demo_button_signs_in(client, settings, demo_alice):
    settings.DEMO_MODE = True
    assert demo_login(client).status_code == 302
    assert int(client.session["_auth_user_id"]) == demo_alice.pk


def test_no_demo_login_outside_the_demo(client, settings, demo_alice):
    settings.DEMO_MODE = False
    assert demo_login(client).status_code == 404


def test_no_demo_login_from_another_machine(client, settings, demo_alice):
    settings.DEMO_MODE = True
    assert demo_login(client, REMOTE_ADDR="10.1.2.3").status_code == 404


def test_only_demo_people_have_a_button(client, settings):
    settings.DEMO_MODE = True
    factories.alice()
    assert demo_login(client).status_code == 404


def test_no_demo_login_by_get(client, settings, demo_alice):
    settings.DEMO_MODE = True
    assert client.get(reverse("accounts:demo_login")).status_code == 405
