"""Verbs of model registries: connect, rotate, remove, receive an event, read a version once more (docs/pipeline.md, "MLflow")."""

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core import egress
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.core.webhooks import PREFIX
from publishing.models import (
    RegistryConnection,
    RegistryDelivery,
    RegistryImport,
    RegistryTrigger,
)
from publishing.permissions import can_connect_registry
from publishing.registry import events
from publishing.registry.events import Event

MOST_OF_A_TEAM = 10
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
CREDENTIAL_MAX = 500  # characters
IMPORT = "publishing.import_registered"


@transaction.atomic
def connect(
    by: User,
    team: Team,
    *,
    name: str,
    tracking_url: str,
    trigger: str = RegistryTrigger.ALIAS,
    marker: str = "",
    credential: str = "",
) -> tuple[RegistryConnection, str]:
    """Let a team's MLflow registry publish in its name. Returns (RegistryConnection, secret): the text exists only in this return value.

    credential  "user:password" or a bearer token of the tracking server, or "". Raises NotAllowed, Invalid, RuleError.
    """
    _require_member(by, team)
    _check(tracking_url, trigger, marker, credential)
    Team.objects.select_for_update().get(pk=team.pk)
    there = RegistryConnection.objects.filter(team=team, state=RegistryConnection.State.ACTIVE)
    if there.count() >= MOST_OF_A_TEAM:
        raise RuleError(
            f"A team connects at most {MOST_OF_A_TEAM} registries.", remedy="Remove one first."
        )
    connection = RegistryConnection(
        team=team,
        name=name,
        tracking_url=tracking_url.rstrip("/"),
        trigger=trigger,
        marker=marker if trigger != RegistryTrigger.CREATED else "",
        acts_for=by,
    )
    text = _new_secret()
    connection.secret = connection.seal(text)
    connection.credential = connection.seal(credential) if credential else None
    connection.save()
    record(by, "registry.connect", connection, team=team.slug, url=connection.tracking_url)
    return connection, text


@transaction.atomic
def rotate(
    by: User, connection: RegistryConnection, overlap: timedelta = OVERLAP
) -> tuple[RegistryConnection, str]:
    """A new secret, in this return value only; the old one verifies too for a day. From now on it acts for `by`. Raises NotAllowed."""
    _require_member(by, connection.team)
    held = RegistryConnection.objects.select_for_update().get(pk=connection.pk)
    text = _new_secret()
    held.old_secret, held.old_secret_until = held.secret, timezone.now() + overlap
    held.secret, held.acts_for = held.seal(text), by
    held.save(update_fields=["secret", "old_secret", "old_secret_until", "acts_for"])
    record(by, "registry.rotate", held, old_until=held.old_secret_until.isoformat())
    return held, text


@transaction.atomic
def remove(by: User, connection: RegistryConnection) -> RegistryConnection:
    """Nothing that this registry sends counts from now on; what it published stays. Raises NotAllowed, RuleError."""
    _require_member(by, connection.team)
    transition(connection, RegistryConnection.State.REMOVED, credential=None)
    record(by, "registry.remove", connection)
    return connection


@transaction.atomic
def receive(
    key: UUID, headers: Mapping[str, str], body: bytes
) -> tuple[RegistryDelivery, bool] | None:
    """Keep a signed event, once for each delivery, and let the version be read that it publishes. Returns (delivery, is it new?).

    None when no secret of a connection with this key signed it: nothing was done. Raises Invalid for a signed event that cannot
    be read.
    """
    active = RegistryConnection.objects.filter(state=RegistryConnection.State.ACTIVE)
    connection = active.filter(key=key).first()
    known = connection.secrets_at(timezone.now()) if connection else []
    delivery_id = events.signed_id(known, headers, body)
    if connection is None or delivery_id is None:
        return None
    event = events.read(body)
    delivery, is_new = RegistryDelivery.objects.get_or_create(
        connection=connection,
        delivery_id=delivery_id,
        defaults={
            "event": event.kind,
            "registered_model": event.name,
            "registered_version": event.version,
        },
    )
    if is_new and events.publishes(connection, event):
        delivery.imported = _wanted(connection, event)
        delivery.save(update_fields=["imported"])
    return delivery, is_new


@transaction.atomic
def read_again(by: User, imported: RegistryImport) -> RegistryImport:
    """Read a version once more, after what was missing is there. Raises NotAllowed, RuleError."""
    _require_member(by, imported.connection.team)
    require(
        imported.connection.state == RegistryConnection.State.ACTIVE,
        "The connection to this registry was removed.",
        ask=str(imported.connection.team),
    )
    _wait(imported)
    record(by, "registry.read_again", imported.connection, version=str(imported))
    return imported


def _wanted(connection: RegistryConnection, event: Event) -> RegistryImport:
    """The import of the event's version, waiting unless it is under way or done."""
    imported, is_new = RegistryImport.objects.get_or_create(
        connection=connection, registered_model=event.name, registered_version=event.version
    )
    if is_new:
        record(connection.acts_for, "registry.event", connection, version=str(imported))
        enqueue(IMPORT, imported.pk)
    elif imported.state in (RegistryImport.State.INCOMPLETE, RegistryImport.State.FAILED):
        _wait(imported)
    return imported


def _wait(imported: RegistryImport) -> None:
    transition(imported, RegistryImport.State.WAITING, attempts=0)
    enqueue(IMPORT, imported.pk)


def _require_member(by: User, team: Team) -> None:
    require(
        can_connect_registry(by, team),
        f"Only members of {team}, signed in, connect its registries.",
        ask=str(team),
    )


def _check(tracking_url: str, trigger: str, marker: str, credential: str) -> None:
    try:
        egress.check_destination(tracking_url)
    except egress.EgressDenied as refusal:
        raise Invalid(str(refusal), field="tracking_url") from None
    if "?" in tracking_url:
        raise Invalid("Enter the address of the server alone.", field="tracking_url")
    if trigger == RegistryTrigger.ALIAS and not marker:
        raise Invalid("Name the alias that publishes, such as production.", field="marker")
    if trigger == RegistryTrigger.TAG and not all(marker.partition("=")):
        raise Invalid("Write the tag as name=value.", field="marker")
    if len(credential) > CREDENTIAL_MAX or not (
        credential.isascii() and credential.isprintable() or not credential
    ):
        raise Invalid("Enter user:password or a token, in ASCII.", field="credential")


def _new_secret() -> str:
    """What MLflow signs with: it uses the text itself as the key."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
