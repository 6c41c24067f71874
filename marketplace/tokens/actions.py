"""Verbs of tokens: make, recognise, revoke, end those of people who left, remind."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core import keys
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from marketplace.tokens.models import ApiToken, Scope
from marketplace.tokens.permissions import can_make_token, can_revoke_token

KIND = "mkp"
LIFE = timedelta(days=90)
LIFE_MAX = timedelta(days=365)
LIVE_TOKENS_A_PERSON = 20
USED_EVERY = timedelta(minutes=10)  # the last use is written at most this often
NOTICES = (timedelta(days=14), timedelta(days=1))  # before a token expires
BATCH = 200  # tokens that one run of the sweep ends or reminds of


@transaction.atomic
def make_token(
    by: User, *, name: str, scopes: Sequence[str], team: Team | None = None, life: timedelta = LIFE
) -> tuple[ApiToken, str]:
    """Make a token of `by`. Returns (ApiToken, text): the text exists only in this return value.

    team  of a team token: one of the person's teams; the token reaches this team alone. Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_make_token(by),
        "Only people who are signed in make tokens.",
        remedy="Sign in and do it yourself.",
    )
    if not scopes or set(scopes) - set(Scope.values):
        raise Invalid(f"Choose one or more of {', '.join(Scope.values)}.", field="scopes")
    wanted = [scope for scope in Scope.values if scope in scopes]
    if not timedelta(0) < life <= LIFE_MAX:
        raise Invalid("A token lives at most 365 days.", field="days")
    membership = None
    if team is not None:
        membership = by.memberships.filter(team=team, left_at=None).first()
        require(membership is not None, f"You are not on {team}.", ask=str(team))
    User.objects.select_for_update(no_key=True).get(pk=by.pk)  # one token at a time is counted
    if ApiToken.objects.live().filter(user=by).count() >= LIVE_TOKENS_A_PERSON:
        raise RuleError(
            f"You have {LIVE_TOKENS_A_PERSON} live tokens already.",
            remedy="Revoke one that nothing uses.",
        )
    minted, now = keys.mint(KIND), timezone.now()
    version = settings.KEY_PEPPER_CURRENT
    token = ApiToken.objects.create(
        kid=minted.kid,
        mac=keys.mac(minted.text, settings.KEY_PEPPERS[version]),
        pepper_version=version,
        user=by,
        membership=membership,
        name=name,
        scopes=wanted,
        created_at=now,
        expires_at=now + life,
    )
    record(
        by,
        "token.make",
        token,
        scopes=wanted,
        team=team.slug if team else "",
        expires=token.expires_at.isoformat(),
    )
    return token, minted.text


def recognise(text: str) -> ApiToken | None:
    """The live token of this text, None for anything else. Costs no query unless the text has a token's form.

    Its last use is remembered to USED_EVERY, so that a call does not write.
    """
    raw = text.encode("latin-1", "replace")
    kid = keys.parse(raw) if raw.startswith(KIND.encode()) else None
    if kid is None:
        return None
    token = ApiToken.objects.for_list().filter(kid=kid).first()
    pepper = settings.KEY_PEPPERS.get(token.pepper_version, "") if token else ""
    if not keys.verify(raw, token.mac if token else "", pepper) or token is None:
        return None
    if not token.is_live:
        return None
    _remember_use(token, raw)
    return token


@transaction.atomic
def revoke_token(by: User, token: ApiToken, reason: str = "") -> ApiToken:
    """End a token: the next call with it is refused. Raises NotAllowed, StaleState."""
    require(
        can_revoke_token(by, token),
        "Only its person, its team or an operator revokes a token.",
        ask=str(token.user),
    )
    return _end(by, token, reason)


@transaction.atomic
def revoke_leaked(by: User, leaked: bytes, reason: str) -> list[ApiToken]:
    """End the live tokens whose texts stand in `leaked`, and tell their people. Returns them."""
    texts = [text for text in keys.find_texts(leaked) if text.startswith(KIND.encode())]
    kids = [keys.parse(text) for text in texts]
    ended = []
    for token in ApiToken.objects.for_list().filter(kid__in=kids, state=ApiToken.State.ACTIVE):
        pepper = settings.KEY_PEPPERS.get(token.pepper_version, "")
        if any(keys.verify(text, token.mac, pepper) for text in texts):
            ended.append(_end(by, token, reason))
            _tell(token, f"{token} was revoked: make a new one", reason, "leaked")
    return ended


def end_orphans() -> int:
    """The sweep: a token ends for good when its person is deactivated or leaves its team. Returns how many.

    Such a token opens nothing from that moment on (`ApiToken.is_live`); this keeps it from living again, and tells the team.
    """
    system = User.objects.system("tokens")
    orphans = list(ApiToken.objects.for_list().orphaned()[:BATCH])
    for token in orphans:
        gone = "was deactivated" if not token.user.is_active else "left the team"
        reason = f"{token.user} {gone}."
        with transaction.atomic():
            _end(system, token, reason)
            _tell(token, f"The token {token.name} has ended", reason, "orphaned")
    return len(orphans)


def remind() -> int:
    """The sweep: tell people that a token ends soon, once for each of NOTICES. Returns how many are due."""
    due = 0
    for notice in NOTICES:
        for token in ApiToken.objects.for_list().ending_within(notice)[:BATCH]:
            title = f"The token {token.name} ends on {token.expires_at:%-d %B}"
            _tell(token, title, "Make a new one in time.", f"ends-{notice.days}")
            due += 1
    return due


def _remember_use(token: ApiToken, raw: bytes) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    current = settings.KEY_PEPPER_CURRENT
    if token.pepper_version != current:
        ApiToken.objects.filter(pk=token.pk, mac=token.mac).update(
            mac=keys.mac(raw, settings.KEY_PEPPERS[current]), pepper_version=current
        )


def _end(by: User, token: ApiToken, reason: str) -> ApiToken:
    transition(token, ApiToken.State.REVOKED, revoked_at=timezone.now(), revoked_by=by)
    record(by, "token.revoke", token, reason=reason)
    return token


def _tell(token: ApiToken, title: str, body: str, occasion: str) -> None:
    """Its person, and of a team token the whole team."""
    people = set(User.objects.on_teams([token.membership.team])) if token.membership else set()
    notify(
        people | {token.user},
        "security",
        title,
        body=body,
        url=token.get_absolute_url(),
        key=f"token-{occasion}:{token.pk}",
    )
