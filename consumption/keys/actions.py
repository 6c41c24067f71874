"""Verbs of API keys: make, rotate, revoke, report a leak."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from consumption.keys import revocation_log
from consumption.keys.networks import parse as parse_networks
from consumption.models import ApiKey, LeakReport, Subscription
from consumption.permissions import (
    can_manage_keys,
    can_report_leak,
    can_revoke_key,
)
from consumption.telling import tell_team
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import keys
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify
from marketplace.tokens import actions as tokens

KEY_LIFE = timedelta(days=90)
KEY_LIFE_MAX = timedelta(days=365)
OVERLAP = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=7)
LIVE_KEYS_A_SUBSCRIPTION = 10
UNUSED = timedelta(days=60)  # a key that nobody used for so long pauses,
UNUSED_NOTICE = timedelta(days=14)  # its team having known for so long
REPORTS_AN_HOUR = 20
SECURITY = ("security_reviewer", "operator")


@transaction.atomic
def create_key(by, subscription, *, name="Key", life=KEY_LIFE, networks=()):
    """Make a key. Returns (ApiKey, text): the text exists only in this return value. Raises NotAllowed, RuleError, Invalid.

    networks  CIDR texts: the key works from these alone; by default from anywhere.
    """
    require(
        can_manage_keys(by, subscription),
        f"Only members of {subscription.application.team} make its keys.",
        ask=str(subscription.application.team),
    )
    live = _live_keys_beside(subscription)
    if not timedelta(0) < life <= KEY_LIFE_MAX:
        raise Invalid("A key lives at least a moment and at most 365 days.", field="life")
    return _mint(by, subscription, _free_key_name(live, name), life, _usual(networks))


@transaction.atomic
def rotate_key(by, key, overlap=OVERLAP):
    """Replace a key: a new one at once, for the life that was asked for and from the same networks, the old one for `overlap` longer.

    Returns (ApiKey, text). What holds for a new key holds for this one too. Raises NotAllowed, RuleError, Invalid.
    """
    require(
        can_manage_keys(by, key.subscription),
        "Only its own team rotates a key.",
        ask=str(key.subscription.application.team),
    )
    if not timedelta(0) <= overlap <= OVERLAP_MAX:
        raise Invalid("The old key may live on for at most 7 days.", field="overlap")
    _live_keys_beside(key.subscription, None if overlap else key)
    life = min(key.life, KEY_LIFE_MAX)
    end = min(key.expires_at, timezone.now() + overlap)
    record(by, "key.rotate", key, ends=end.isoformat())
    if overlap:
        transition(key, ApiKey.State.ROTATING, expires_at=end, epoch=key.epoch + 1)
        invalidate("key", kid=key.kid)
    else:
        end_key(by, key, "It was replaced without an overlap.")
    return _mint(by, key.subscription, key.name, life, key.networks)


@transaction.atomic
def revoke_key(by, key, reason=""):
    """End a key now, everywhere within a second."""
    require(
        can_revoke_key(by, key),
        "Only its own team or an administrator revokes a key.",
        ask=str(key.subscription.application.team),
    )
    return end_key(by, key, reason)


@transaction.atomic
def revoke_named(by, kids, reason):
    """End the live keys of these kids and tell their teams. Returns them; other kids are passed over."""
    return [_end_loudly(by, key, reason) for key in _not_revoked(kids)]


@transaction.atomic
def revoke_leaked(by, leaked, reason):
    """End the live keys and tokens whose texts stand in `leaked` (bytes) and tell their teams. Returns them.

    An invented text that has the kid of a live key ends nothing.
    """
    texts = keys.find_texts(leaked)
    ended = [
        _end_loudly(by, key, reason)
        for key in _not_revoked(keys.find(leaked))
        if any(
            keys.verify(text, key.mac, settings.KEY_PEPPERS.get(key.pepper_version, ""))
            for text in texts
        )
    ]
    return [*ended, *tokens.revoke_leaked(by, leaked, reason)]


@transaction.atomic
def report_leak(by, text, *, found_at="", source="", delivery=None):
    """End the live keys that stand in `text` (bytes); their teams and the people of security are told.

    by        who tells: a person, or the system user of a scanner, whose name is `source`.
    delivery  the scanner's id; one that came before does nothing.
    found_at  where the keys were found, in the teller's words.
    Returns nothing: who reports a key does not learn whether it was live. Raises NotAllowed, RuleError, Invalid.
    """
    require(can_report_leak(by), "Only active people report leaked keys.", ask="an administrator")
    kids = keys.find(text)
    if not kids:
        raise Invalid(
            "There is no key in this. A key has 50 characters and begins with mkc_, mks_ or mkp_.",
            field="text",
            remedy="Paste it whole. If you have a part only, ask its team or the operators to revoke it.",
        )
    report = _first_report(by, source, delivery)
    if report is None:
        return
    record(by, "key.leak_report", report, source=source, keys=len(set(kids)))
    where = f" Found at: {found_at.strip()}" if found_at.strip() else ""
    revoke_leaked(
        User.objects.system("leaks"), text, f"Reported as leaked by {source or by}.{where}"
    )


@transaction.atomic
def change_networks(by, key, networks):
    """Have a key work from these networks alone (CIDR texts; none: from anywhere), at every gateway within a second. Returns the key.

    Raises NotAllowed, RuleError, Invalid, StaleState.
    """
    require(
        can_manage_keys(by, key.subscription),
        "Only its own team changes where a key works from.",
        ask=str(key.subscription.application.team),
    )
    if not key.is_live:
        raise RuleError(f"{key} has ended.", remedy="Make a new key with the networks it needs.")
    before, after = key.networks, _usual(networks)
    if not ApiKey.objects.filter(pk=key.pk, epoch=key.epoch).update(
        networks=after, epoch=key.epoch + 1
    ):
        raise StaleState(
            f"{key} was changed by somebody else meanwhile.",
            remedy="Reload the page and look again.",
        )
    key.networks, key.epoch = after, key.epoch + 1
    record(by, "key.networks", key, before=before, after=after)
    invalidate("key", kid=key.kid)
    return key


@transaction.atomic
def resume_key(by, key):
    """Have a paused key work again, at every gateway within a second, until the day for which it was made. Returns it.

    Raises NotAllowed, RuleError, StaleState.
    """
    require(
        can_manage_keys(by, key.subscription),
        "Only its own team resumes a key.",
        ask=str(key.subscription.application.team),
    )
    if key.state == ApiKey.State.PAUSED and key.expires_at <= timezone.now():
        raise RuleError(
            f"{key} ended on {key.expires_at:%-d %B %Y}.", remedy="Make a new key instead."
        )
    live = _live_keys_beside(key.subscription)
    transition(
        key,
        ApiKey.State.ACTIVE,
        name=_free_key_name(live, key.name),
        resumed_at=timezone.now(),
        unused_told_at=None,
        epoch=key.epoch + 1,
    )
    record(by, "key.resume", key)
    invalidate("key", kid=key.kid)
    return key


def pause_unused_keys(now=None):
    """The sweep: tell the teams of keys that nobody uses, and pause those that still are not used when the notice has run.

    Returns how many it paused. It may run any number of times; a key is told once, and again after it was used in between.
    """
    now = now or timezone.now()
    unused = ApiKey.objects.unused_since(now - UNUSED + UNUSED_NOTICE).for_list()
    for key in unused.filter(Q(unused_told_at=None) | Q(unused_told_at__lt=F("last_use"))):
        _tell_unused(key, now)
    paused = 0
    due = ApiKey.objects.unused_since(now - UNUSED).for_list()
    for key in due.filter(
        unused_told_at__lte=now - UNUSED_NOTICE, unused_told_at__gte=F("last_use")
    ):
        paused += _pause(key, now)
    return paused


@transaction.atomic
def _tell_unused(key, now):
    ApiKey.objects.filter(pk=key.pk).update(unused_told_at=now)
    pause_on = max(key.used_at + UNUSED, now + UNUSED_NOTICE)
    since = f"since {key.used_at:%-d %B}" if key.last_used_at else "yet"
    tell_team(
        key.subscription,
        f"{key} of {key.subscription.application} is not used and pauses on {pause_on:%-d %B %Y}",
        body=f"No call was made with {key.name} {since}. One call keeps it; a paused key is resumed by one act.",
        key=f"key-unused:{key.pk}:{now:%Y%m%d}",
    )


@transaction.atomic
def _pause(key, now):
    """Returns 1 when the key paused, 0 when it was used meanwhile."""
    fresh = ApiKey.objects.unused_since(now - UNUSED).filter(pk=key.pk)
    if not fresh.select_for_update(of=["self"]).exists():
        return 0
    transition(key, ApiKey.State.PAUSED, epoch=key.epoch + 1)
    by = User.objects.system("keys")
    record(by, "key.pause", key, last_used=key.last_used_at and key.last_used_at.isoformat())
    invalidate("key", kid=key.kid)
    notify(
        User.objects.on_teams([key.subscription.application.team]),
        "subscription",
        f"{key} of {key.subscription.application} is paused: it was not used",
        body=f"Calls with {key.name} are refused until somebody of the team resumes it.",
        url=key.subscription.get_absolute_url(),
        key=f"key-paused:{key.pk}:{now:%Y%m%d}",
        teams=[key.subscription.application.team],
        model=key.subscription.model.slug,
        application=key.subscription.application.slug,
    )
    return 1


@transaction.atomic
def rehash_key(by, key_id, *, old, mac, pepper_version):
    """Keep a key's digest under another pepper: `mac` takes the place of `old`, both hex. Nothing happens when `old` is gone.

    Whoever has seen the key's text calls it; the text itself is no argument of any verb.
    """
    key = ApiKey.objects.filter(pk=key_id, mac=old).first()
    if key is not None and ApiKey.objects.filter(pk=key_id, mac=old).update(
        mac=mac, pepper_version=pepper_version
    ):
        record(by, "key.rehash", key, pepper_version=pepper_version)


def _live_keys_beside(subscription, leaving=None):
    """The live keys of an active subscription when one more is made. Raises RuleError when there are enough beside `leaving`."""
    subscription = (
        Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=subscription.pk)
    )  # one key at a time is counted
    if subscription.state != Subscription.State.ACTIVE:
        raise RuleError(
            f"This subscription is {subscription.get_state_display().lower()}; keys need an active one.",
            ask=f"{subscription.model.owner_team} ({subscription.model.support_contact})",
        )
    live = subscription.keys.live()
    if live.exclude(pk=leaving and leaving.pk).count() >= LIVE_KEYS_A_SUBSCRIPTION:
        raise RuleError(
            "This subscription has ten live keys already.", remedy="Revoke one that nobody uses."
        )
    return live


def _mint(by, subscription, name, life, networks):
    minted = keys.mint()
    now = timezone.now()
    version = settings.KEY_PEPPER_CURRENT
    key = ApiKey.objects.create(
        kid=minted.kid,
        mac=keys.mac(minted.text, settings.KEY_PEPPERS[version]),
        pepper_version=version,
        subscription=subscription,
        name=name,
        created_by=by,
        created_at=now,
        expires_at=now + life,
        networks=networks,
    )
    record(
        by,
        "key.create",
        key,
        subscription=subscription.pk,
        expires=key.expires_at.isoformat(),
        networks=networks,
    )
    return key, minted.text


def _not_revoked(kids):
    return (
        ApiKey.objects.exclude(state=ApiKey.State.REVOKED)
        .filter(kid__in=kids)
        .select_related("subscription__application__team")
    )


def _first_report(by, source, delivery):
    """The LeakReport; None when this delivery came before. Raises RuleError when a person reports too often."""
    if delivery is not None:
        report, is_new = LeakReport.objects.get_or_create(
            source=source, delivery=delivery, defaults={"reporter": by}
        )
        return report if is_new else None
    User.objects.select_for_update().get(pk=by.pk)  # one of their reports at a time is counted
    if (
        LeakReport.objects.filter(reporter=by, at__gt=timezone.now() - timedelta(hours=1)).count()
        >= REPORTS_AN_HOUR
    ):
        raise RuleError(
            f"You have reported {REPORTS_AN_HOUR} times within an hour.",
            remedy="Put all keys into one text, or wait.",
            ask="the operators to end them for you",
        )
    return LeakReport.objects.create(source="", reporter=by)


def _end_loudly(by, key, reason):
    """Revoke for a reason that its team, and whoever looks after security, have to know of."""
    revoke_key(by, key, reason)
    application = key.subscription.application
    notify(
        User.objects.holding(*SECURITY),
        "security",
        f"{key} of {application} ({application.team}) was revoked",
        body=reason,
        key=f"key-ended:{key.pk}",
        model=key.subscription.model.slug,
        application=application.slug,
    )
    notify(
        User.objects.on_teams([application.team]),
        "subscription",
        f"{key} was revoked: make a new one",
        body=reason,
        url=key.subscription.get_absolute_url(),
        key=f"key-revoked:{key.pk}",
        teams=[application.team],
        model=key.subscription.model.slug,
        application=application.slug,
    )
    return key


def _usual(networks):
    """CIDR texts in their usual form. Raises Invalid."""
    try:
        return [str(network) for network in parse_networks(networks)]
    except ValueError as error:
        raise Invalid(str(error), field="networks") from None


def end_key(by, key, reason):
    """Revoke `key`, whoever may ask for it, and tell the gateways. Returns it."""
    transition(
        key, ApiKey.State.REVOKED, revoked_at=timezone.now(), revoked_by=by, epoch=key.epoch + 1
    )
    record(by, "key.revoke", key, reason=reason)
    invalidate("revoke", kid=key.kid, epoch=key.epoch)
    revocation_log.append(key.kid)
    return key


def _free_key_name(live, name):
    taken = set(live.values_list("name", flat=True))
    names = [name[:56], *(f"{name[:56]} {number}" for number in range(2, 20))]
    return next(candidate for candidate in names if candidate not in taken)
