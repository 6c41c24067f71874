"""Verbs of keys: one click, shown once, rotated, revoked."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from consumption import actions
from consumption.models import ApiKey, Plan, Subscription
from marketplace.audit.models import AuditEvent
from marketplace.core import keys
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def subscription():
    return factories.subscription()


def test_a_key_is_made_and_only_its_digest_is_kept(subscription):
    key, text = factories.key(subscription)
    assert keys.parse(text.encode()) == key.kid
    assert keys.verify(text, key.mac, settings.KEY_PEPPERS[key.pepper_version])
    secret = text[12:]
    for row in (*ApiKey.objects.values(), *AuditEvent.objects.values()):
        assert secret not in str(row)


def test_a_key_lives_90_days_unless_said_otherwise(subscription):
    key, _ = factories.key(subscription)
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=366)])
def test_a_key_lives_at_most_a_year(subscription, life):
    with pytest.raises(Invalid):
        factories.key(subscription, life=life)


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.alice, factories.rita, factories.otto, factories.root]
)
def test_only_the_team_makes_its_keys(subscription, who):
    with pytest.raises(NotAllowed):
        factories.key(subscription, by=who())


def test_no_key_without_an_active_subscription():
    version = factories.published_version()
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    asked = factories.subscription(version, plan_slug="production")
    with pytest.raises(RuleError, match="waiting for approval; keys need an active one"):
        factories.key(asked)


def test_ten_live_keys_are_enough(subscription):
    for _ in range(10):
        factories.key(subscription)
    with pytest.raises(RuleError, match="ten live keys"):
        factories.key(subscription)


def test_the_same_name_twice_gets_a_number(subscription):
    assert [factories.key(subscription, name="cluster")[0].name for _ in range(2)] == [
        "cluster",
        "cluster 2",
    ]


def test_rotation_makes_a_sibling_and_gives_the_old_one_a_day(subscription):
    old, old_text = factories.key(subscription, name="cluster")
    new, new_text = actions.rotate_key(factories.maya(), old)
    old.refresh_from_db()
    assert old_text != new_text and (new.state, new.name) == ("active", "cluster")
    assert (
        old.state == "rotating"
        and old.is_live
        and old.expires_at - timezone.now() <= timedelta(hours=24)
    )
    assert AuditEvent.objects.filter(action="key.rotate", object_id=str(old.pk)).exists()


@pytest.mark.parametrize(
    "life", [timedelta(days=7), timedelta(hours=1), timedelta(days=365), timedelta(seconds=90)]
)
def test_a_rotated_key_lives_as_long_as_was_asked_for(subscription, life):
    """Issue 9, B7: a key of seven days became one of ninety."""
    old, _ = factories.key(subscription, life=life)
    new, _ = actions.rotate_key(factories.maya(), old)
    lived = new.expires_at - new.created_at
    newer, _ = actions.rotate_key(factories.maya(), new)
    assert lived == newer.expires_at - newer.created_at == life


def test_rotation_makes_no_eleventh_live_key(subscription):
    """Issue 9, B7: rotation obeys the rules of creation."""
    keys = [factories.key(subscription)[0] for _ in range(10)]
    with pytest.raises(RuleError, match="ten live keys"):
        actions.rotate_key(factories.maya(), keys[0])
    assert subscription.keys.live().count() == 10
    actions.rotate_key(factories.maya(), keys[0], overlap=timedelta(0))
    actions.revoke_key(factories.maya(), keys[1])
    actions.rotate_key(factories.maya(), keys[2])


def test_keys_that_have_expired_are_not_live_ones(subscription):
    for _ in range(10):
        factories.key(subscription)
    ApiKey.objects.update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(days=1)
    )
    factories.key(subscription, name="A new one")


def test_no_rotation_without_an_active_subscription(subscription):
    key, _ = factories.key(subscription)
    Subscription.objects.filter(pk=subscription.pk).update(state="paused")
    with pytest.raises(RuleError, match="keys need an active one"):
        actions.rotate_key(factories.maya(), ApiKey.objects.get(pk=key.pk))


def test_an_overlap_has_a_limit(subscription):
    key, _ = factories.key(subscription)
    with pytest.raises(Invalid):
        actions.rotate_key(factories.maya(), key, overlap=timedelta(days=8))


def test_rotation_never_prolongs_a_key(subscription):
    key, _ = factories.key(subscription, life=timedelta(minutes=5))
    ends = key.expires_at
    actions.rotate_key(factories.maya(), key, overlap=timedelta(days=7))
    key.refresh_from_db()
    assert key.expires_at == ends


def test_a_rotating_key_is_not_rotated_again(subscription):
    key, _ = factories.key(subscription)
    actions.rotate_key(factories.maya(), key)
    with pytest.raises(RuleError):
        actions.rotate_key(factories.maya(), key)


@pytest.mark.parametrize("who", [factories.maya, factories.rita, factories.otto])
def test_revoking_is_the_teams_and_of_those_who_stop_things(subscription, who):
    key, _ = factories.key(subscription)
    epoch = key.epoch
    actions.revoke_key(who(), key, "Found in a log file.")
    key.refresh_from_db()
    assert (key.state, key.revoked_by, key.is_live) == (
        "revoked",
        who(),
        False,
    ) and key.epoch > epoch
    assert AuditEvent.objects.get(action="key.revoke").reason == "Found in a log file."


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.alice, factories.vera, factories.finn, factories.root]
)
def test_others_do_not_revoke(subscription, who):
    key, _ = factories.key(subscription)
    with pytest.raises(NotAllowed):
        actions.revoke_key(who(), key)


def test_a_revoked_key_stays_revoked(subscription):
    key, _ = factories.key(subscription)
    stale = ApiKey.objects.get(pk=key.pk)
    actions.revoke_key(factories.maya(), key)
    for again in (key, stale):
        with pytest.raises(RuleError):
            actions.rotate_key(factories.maya(), again)
