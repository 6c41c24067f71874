"""Reading a registered version and handing it in, in the background: an import waits, is read, and ends with a sentence.

It acts for the person of its connection, on the connection's team alone, through the verbs that pipelines use.
"""

import logging
import re
import tempfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.utils import timezone
from rest_framework.serializers import Serializer, ValidationError

from catalog.actions import put_entry
from catalog.api import EntryAt
from catalog.models import ModelVersion, RegisteredModel
from marketplace.accounts.models import User
from marketplace.accounts.resources import checked
from marketplace.core import problem_json, sealing
from marketplace.core.background import enqueue
from marketplace.core.errors import BusinessAnswer, Invalid, RuleError
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify
from publishing import room, semver
from publishing.actions import Package, hand_in
from publishing.models import RegistryConnection, RegistryDelivery, RegistryImport
from publishing.publication_document import PublicationDocument, plain
from publishing.registry import reading
from publishing.registry.actions import IMPORT
from publishing.registry.reading import Registered, Said
from publishing.registry.server import NotRead, TrackingServer

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 5
BETWEEN_S = 60  # the first try and the second; then twice as long each time
ABANDONED = timedelta(minutes=20)  # a running import whose worker is gone
LOST = timedelta(minutes=1)  # a waiting one whose task is gone
KEPT = timedelta(days=90)  # a delivery
ROWS_A_SWEEP = 200
MOST_PROBLEMS = 50


def run(import_id: int) -> None:
    """Read a waiting import; what another worker has is left to it."""
    imported = RegistryImport.objects.for_list().filter(pk=import_id).first()
    if imported is None or imported.state != RegistryImport.State.WAITING:
        return
    try:
        transition(imported, RegistryImport.State.RUNNING, attempts=imported.attempts + 1)
    except StaleState:
        return
    try:
        version = _hand_in(imported)
    except NotRead as reason:
        _not_read(imported, reason)
    except ValidationError as refused:
        errors = list(problem_json.field_errors(refused.get_full_details()))
        _incomplete(imported, "What the run says cannot be used.", errors)
    except BusinessAnswer as refused:
        _incomplete(imported, refused.sentence, refused.problems, field=refused.field)
    except sealing.Unreadable:
        _end(
            imported,
            RegistryImport.State.FAILED,
            "The credential cannot be read. Connect the registry again.",
        )
    else:
        said = f"{version} is submitted."
        _end(imported, RegistryImport.State.SUBMITTED, said, version=version)


def sweep() -> None:
    """Imports whose worker or task was lost go on; deliveries are forgotten after 90 days."""
    now = timezone.now()
    for imported in RegistryImport.objects.filter(
        state=RegistryImport.State.RUNNING, state_since__lt=now - ABANDONED
    )[:ROWS_A_SWEEP]:
        _not_read(imported, NotRead("The worker that read it was stopped.", is_passing=True))
    waiting = RegistryImport.objects.filter(
        state=RegistryImport.State.WAITING, state_since__lt=now - LOST
    )
    for imported in waiting[:ROWS_A_SWEEP]:
        if imported.state_since + _pause(imported.attempts) <= now:
            enqueue(IMPORT, imported.pk)
    old = RegistryDelivery.objects.filter(received_at__lt=now - KEPT)[:ROWS_A_SWEEP]
    RegistryDelivery.objects.filter(pk__in=[delivery.pk for delivery in old]).delete()


def _hand_in(imported: RegistryImport) -> ModelVersion:
    """The version that was submitted. Raises NotRead, ValidationError, BusinessAnswer."""
    connection = imported.connection
    by = _person(connection)
    server = TrackingServer(connection.tracking_url, connection.credential_text())
    found = reading.registered(server, imported.registered_model, imported.registered_version)
    said = reading.said(server, found)
    model = _listing(by, imported, said)
    parts = plain(dict(_given(by, PublicationDocument, said.publication)))
    imported.model, imported.number = model, imported.number or _number(model, found)
    imported.save(update_fields=["model", "number"])
    with tempfile.TemporaryDirectory(dir=room.quarantine()) as folder:
        archive = reading.package(server, found, Path(folder))
        version, _ = hand_in(by, model, imported.number, parts, Package(archive, "model.zip"))
    return version


def _person(connection: RegistryConnection) -> User:
    """Whom the connection acts for, reaching its team alone. Raises RuleError when they are not on it any more."""
    person = connection.acts_for
    person.only_team_id = connection.team_id
    if not (person.is_active and person.is_on(connection.team)):
        raise RuleError(
            f"{person} is no longer on {connection.team}.",
            remedy="Somebody of the team rotates the secret and takes the connection over.",
        )
    return person


def _listing(by: User, imported: RegistryImport, said: Said) -> RegisteredModel:
    """The entry, registered or changed as the run says; the one that is there, where it says nothing. Raises ValidationError, RuleError."""
    team = imported.connection.team
    slug = imported.model.slug if imported.model else slug_of(imported.registered_model)
    if said.entry is not None:
        fields = _given(by, EntryAt, {"owner_team": team.slug} | said.entry)
        if fields["owner_team"] != team:
            raise Invalid(f"The connection publishes for {team} alone.", field="owner_team")
        return put_entry(by, slug, **fields)[0]
    model = RegisteredModel.objects.visible_to(by).filter(slug=slug, owner_team=team).first()
    if model is None:
        raise RuleError(
            f"There is no entry {slug} of {team}.",
            field="entry",
            remedy=f"Register it, or log {reading.ENTRY} into the run.",
        )
    return model


def slug_of(name: str) -> str:
    """The address of a registered model's entry: its name in lower case, with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")


def _number(model: RegisteredModel, found: Registered) -> str:
    """By the tag of the registered version; else 1.0.0, or the next minor after the highest there is."""
    if found.number:
        return str(semver.parse(found.number))
    highest = model.versions.newest_first().first()
    return str(semver.next_number(semver.parse(highest.number), "minor")) if highest else "1.0.0"


def _given(by: User, shape: type[Serializer[Any]], data: dict[str, Any]) -> dict[str, Any]:
    """The data, checked as the API checks it. Raises ValidationError."""
    given: dict[str, Any] = checked(shape(data=data, context={"request": SimpleNamespace(user=by)}))
    return given


def _not_read(imported: RegistryImport, reason: NotRead) -> None:
    if reason.is_passing and imported.attempts < MOST_ATTEMPTS:
        transition(imported, RegistryImport.State.WAITING, said=str(reason))
        enqueue(IMPORT, imported.pk, delay_s=int(_pause(imported.attempts).total_seconds()))
    else:
        _end(imported, RegistryImport.State.FAILED, str(reason))


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=BETWEEN_S * 2 ** (attempts - 1)) if attempts else timedelta()


def _incomplete(
    imported: RegistryImport, said: str, errors: list[dict[str, Any]], field: str | None = None
) -> None:
    problems = [
        {name: str(error.get(name) or "") for name in ("field", "message", "page")}
        for error in errors[:MOST_PROBLEMS]
    ]
    if not problems and field:
        problems = [{"field": field, "message": said, "page": ""}]
    model, number = imported.model, imported.number
    version = model.versions.filter(number=number).first() if model and number else None
    _end(imported, RegistryImport.State.INCOMPLETE, said, version=version, problems=problems)


def _end(imported: RegistryImport, state: str, said: str, **facts: Any) -> None:
    """Keep how it ended, and tell the team."""
    transition(imported, state, **{"said": said, "problems": []} | facts)
    team = imported.connection.team
    title = {
        RegistryImport.State.SUBMITTED: f"{imported} came from {imported.connection} and is submitted",
        RegistryImport.State.INCOMPLETE: f"{imported} came from {imported.connection} and lacks something",
    }.get(RegistryImport.State(state), f"{imported} could not be read from {imported.connection}")
    notify(
        User.objects.on_teams([team]),
        "pipeline",
        title,
        body=said,
        url=imported.connection.get_absolute_url(),
        key=f"registry-import:{imported.pk}:{imported.state_since.isoformat()}",
        teams=[team],
    )
