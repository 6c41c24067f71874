"""Verbs of people: add one before the first sign-in, correct, deactivate, bring back (docs/people.md, "People")."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from governance.actions import end_role
from governance.actions.assignment import hand_over_absent
from marketplace.accounts.models import Membership, RoleGrant, User
from marketplace.audit.actions import record
from marketplace.audit.models import AuditEvent
from marketplace.core import text
from marketplace.core.background import enqueue
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify
from marketplace.organisation.permissions import ADMINISTRATORS, can_administer
from marketplace.organisation.turns import wait_for_turn

USERNAME_MAX = 60  # characters
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
READERS = "it stays on the record, and auditors read it"
FACTS = ("display_name", "job_title", "email")


@transaction.atomic
def add_person(
    by: User, *, email: str, display_name: str, job_title: str = "", username: str = ""
) -> User:
    """Add a person before their first sign-in. Returns the User, who has no password yet; see `invite`.

    username  by which they sign in; "": made from the e-mail address. Raises NotAllowed, Invalid naming the field.
    """
    require(can_administer(by), *ADMINISTRATORS)
    wait_for_turn()
    email = free_email(email)
    username = _free_username(username) if username else _username_of(email)
    person = User(username=username, email=email, display_name=_line("display_name", display_name))
    if not person.display_name:
        raise Invalid("Write the person's name.", field="display_name")
    person.job_title = _line("job_title", job_title)
    person.set_unusable_password()
    person.save(force_insert=True)
    record(by, "person.add", person, email=email)
    return person


@transaction.atomic
def change_person(by: User, person: User, **facts: str) -> User:
    """Correct the FACTS of a person; how they sign in stays. Returns the User. Raises NotAllowed, Invalid."""
    require(can_administer(by), *ADMINISTRATORS)
    _require_person(person)
    wait_for_turn()
    person = User.objects.select_for_update().get(pk=person.pk)
    if "email" in facts:
        facts["email"] = free_email(facts["email"], but=person)
        _require_same_reader(person, facts["email"])
    for name in {"display_name", "job_title"} & set(facts):
        facts[name] = _line(name, facts[name])
    changed = {name: value for name, value in facts.items() if getattr(person, name) != value}
    if changed:
        before = {name: getattr(person, name) for name in changed}
        for name, value in changed.items():
            setattr(person, name, value)
        person.save(update_fields=list(changed))
        record(by, "person.change", person, before=before, after=changed)
    return person


@transaction.atomic
def deactivate(by: User, person: User, reason: str) -> User:
    """End what a person may do: sessions and tokens at once, roles for good, open reviews go to others. Returns the User.

    Memberships stay, so that it is known whom to ask and who comes back; while the person is deactivated they give no right.
    Raises NotAllowed, Invalid, RuleError for the last administrator.
    """
    require(can_administer(by), *ADMINISTRATORS)
    require(by.pk != person.pk, "Nobody deactivates themself.", ask="another administrator")
    require_reason(reason, READERS)
    _require_person(person)
    wait_for_turn()
    person = User.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        raise RuleError(f"{person} is deactivated already.", remedy="Reload the page.")
    for grant in person.grants.filter(revoked_at=None):
        end_role(by, grant, reason)
    _set_active(person, False)
    event = record(by, "person.deactivate", person, reason=reason.strip())
    hand_over_absent(timezone.localdate())
    enqueue("tokens.sweep")
    _tell_colleagues(by, person, event, f"{person} is deactivated")
    return person


@transaction.atomic
def reactivate(by: User, person: User, reason: str) -> User:
    """Let a person sign in again, on the teams of before. Roles and tokens do not come back. Returns the User.

    Raises NotAllowed, Invalid, RuleError.
    """
    require(can_administer(by), *ADMINISTRATORS)
    require_reason(reason, READERS)
    _require_person(person)
    person = User.objects.select_for_update().get(pk=person.pk)
    if person.is_active:
        raise RuleError(f"{person} is active.", remedy="Reload the page.")
    _set_active(person, True)
    event = record(by, "person.reactivate", person, reason=reason.strip())
    _tell_colleagues(by, person, event, f"{person} is back")
    return person


def free_email(email: str, but: User | None = None) -> str:
    """The address as it is kept: lower case, one person's. Raises Invalid."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid("Write an e-mail address.", field="email") from None
    others = User.objects.exclude(pk=but.pk) if but else User.objects.all()
    if other := others.filter(email__iexact=email).first():
        raise Invalid(f"{other} ({other.username}) has this address.", field="email")
    return email


def _require_same_reader(person: User, email: str) -> None:
    """Who gets a person's letters can choose their password: no administrator alone decides that it is somebody else."""
    if email != person.email.lower() and person.has_usable_password():
        raise RuleError(
            f"{person} has a password; whoever reads another address could choose a new one.",
            field="email",
            remedy="Add them anew with that address, and deactivate this account.",
        )


def _username_of(email: str) -> str:
    """From the part before the @; with a number behind it when another person has it."""
    stem = re.sub(r"[^a-z0-9._-]", "", email.partition("@")[0].lower()).lstrip("._-")
    stem = stem[: USERNAME_MAX - 5] or "person"
    taken = set(User.objects.filter(username__istartswith=stem).values_list("username", flat=True))
    taken = {name.lower() for name in taken}
    number = next(
        number for number in range(1, len(taken) + 2) if _numbered(stem, number) not in taken
    )
    return _numbered(stem, number)


def _numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}{number}"


def _free_username(username: str) -> str:
    username = username.strip().lower()
    if len(username) > USERNAME_MAX or not USERNAME.fullmatch(username):
        raise Invalid(
            f"Use at most {USERNAME_MAX} of a–z, 0–9, dot, hyphen and underscore.", field="username"
        )
    if User.objects.filter(username__iexact=username).exists():
        raise Invalid("Another person signs in with this name.", field="username")
    return username


def _line(field: str, value: str) -> str:
    """One line as it is kept. Raises Invalid."""
    value = text.composed(value).strip()
    try:
        text.one_line(value)
    except ValidationError as problem:
        raise Invalid(str(problem.message), field=field) from None
    return value


def _require_person(person: User) -> None:
    if person.is_system:
        raise RuleError(
            f"{person} is part of the marketplace, not a person.", remedy="Choose a person."
        )


def _set_active(person: User, is_active: bool) -> None:
    """Both ways all sessions end: an old one does not live again with the person."""
    person.is_active = is_active
    person.session_epoch += 1
    User.objects.filter(pk=person.pk).update(
        is_active=is_active, session_epoch=F("session_epoch") + 1
    )


def _tell_colleagues(by: User, person: User, event: AuditEvent, title: str) -> None:
    """The leads of the person's teams; of a team that has none, the administrators; and the person."""
    teams = [
        membership.team
        for membership in Membership.objects.filter(user=person, left_at=None).select_related(
            "team"
        )
    ]
    people = {*User.objects.leading(*teams), person}
    if any(not User.objects.leading(team).exists() for team in teams):
        people |= {*User.objects.holding(RoleGrant.Role.ADMIN)}
    notify(
        people - {by},
        "team",
        title,
        body=event.reason,
        url=teams[0].get_absolute_url() if teams else "",
        key=f"person-active:{event.pk}",
    )
