"""Uploads on their way: who may begin one, how many at once, and how much a person and a team may keep. Numbers: docs/portal-limits.md."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from catalog.models import Artifact, ModelVersion, RegisteredModel
from catalog.permissions import can_edit, can_edit_version
from marketplace.accounts.models import Team, User
from marketplace.core.errors import LengthRequired, QuotaFull, RuleError, TooLarge, TooManyAtOnce
from marketplace.core.guard import require
from publishing import room
from publishing.models import Upload, UploadSet

FIELD = "file"
FORM_BYTES = 64 * 1024  # of an upload's body that are not its file
LONGEST = timedelta(hours=2)  # from the first byte to the end of the inspection
FEWER = "Take a sample of the rows, or leave out columns."
SMALLER = "Leave out what the model does not need, or ask for a larger limit."


@transaction.atomic
def begin(by: User, version: ModelVersion, size: int) -> Upload:
    """Take a place for an upload of `size` bytes (-1: not said). Raises NotAllowed, RuleError, LengthRequired, TooLarge, InsufficientStorage,
    TooManyAtOnce, QuotaFull; the answer names the field, the limit and the remedy."""
    team = version.model.owner_team
    if not version.is_editable and can_edit(by, version.model):
        raise RuleError(
            f"{version} is {version.get_state_display().lower()}; it can no longer be edited.",
            remedy="Start a new version.",
        )
    require(can_edit_version(by, version), f"Only members of {team} edit it.", ask=str(team))
    return _begin(by, team, size, replaces=version)


@transaction.atomic
def begin_publication(by: User, model: RegisteredModel, number: str, size: int) -> Upload:
    """The same for a publication in one request: its version need not be there yet, and may be frozen already, for who sends it
    again is told that nothing changed."""
    team = model.owner_team
    require(can_edit(by, model), f"Only members of {team} publish it.", ask=str(team))
    return _begin(by, team, size, replaces=model.versions.filter(number=number).first())


@transaction.atomic
def begin_table(by: User, size: int) -> Upload:
    """The same for a table for a batch evaluation; its form says for which of the person's teams, so any of them stands for it."""
    team = by.teams().order_by("pk").first()
    require(
        team is not None,
        "Evaluations belong to a team, and you are on none.",
        ask="an administrator",
    )
    _require_size(size, settings.EVALUATION_MAX_BYTES, "A table", FEWER)
    room.require_room(size)
    _take_turns(by, team)
    _require_place(by, team)
    return Upload.objects.create(
        by=by, team=team, size=size, server=here(), expires_at=timezone.now() + LONGEST
    )


def _begin(by: User, team: Team, size: int, *, replaces: ModelVersion | None) -> Upload:
    _require_size(size, settings.UPLOAD_MAX_BYTES, "A package", SMALLER)
    room.require_room(size)
    _take_turns(by, team)
    _require_place(by, team)
    require_quota(by, team, size, replaces=replaces, coming=Upload.objects.under_way())
    return Upload.objects.create(
        by=by, team=team, size=size, server=here(), expires_at=timezone.now() + LONGEST
    )


def end(upload: int) -> None:
    """Give the place back. Safe to call twice."""
    Upload.objects.filter(pk=upload).delete()


def forget_those_of_this_server() -> int:
    """For the start of a process: what its predecessor was receiving is gone. Returns how many."""
    return Upload.objects.filter(Q(server=here()) | Q(expires_at__lt=timezone.now())).delete()[0]


def here() -> str:
    """The host and run folder of this process; at most one web process receives there."""
    return f"{socket.gethostname()}:{settings.RUN_DIR}"[-255:]


def require_quota(
    by: User,
    team: Team,
    size: int,
    *,
    replaces: ModelVersion | None,
    coming: UploadSet | None = None,
) -> None:
    """Raise QuotaFull unless `size` bytes, in the place of a version's files, fit into what the person and the team may keep.

    `coming` are the uploads on their way that count too.
    """
    kept = Artifact.objects.exclude(version=replaces) if replaces else Artifact.objects.all()
    coming = Upload.objects.none() if coming is None else coming
    person = _bytes(kept.filter(uploaded_by=by)) + _bytes(coming.filter(by=by))
    of_team = _bytes(kept.filter(version__model__owner_team=team)) + _bytes(
        coming.filter(team=team)
    )
    for whose, used, most in (
        ("You", person, settings.UPLOAD_PERSON_BYTES),
        (str(team), of_team, settings.UPLOAD_TEAM_BYTES),
    ):
        if used + size > most:
            verb = "keep" if whose == "You" else "keeps"
            raise QuotaFull(
                f"{whose} {verb} {filesizeformat(used)} of packages, and {filesizeformat(size)} more would pass the {filesizeformat(most)} allowed.",
                field=FIELD,
                limit=most,
                remedy="Replace drafts that are no longer needed by smaller ones, or ask for more room.",
                ask="the operators",
            )


@contextmanager
def place(upload: Upload | None) -> Iterator[None]:
    """The place is given back, whatever happens inside."""
    try:
        yield
    finally:
        if upload is not None:
            end(upload.pk)


def _require_size(size: int, most: int, what: str, remedy: str) -> None:
    if size < 0:
        raise LengthRequired(
            "An upload must say how large it is.",
            field=FIELD,
            limit=most,
            remedy="Send it with Content-Length.",
        )
    if size > most + FORM_BYTES:
        raise TooLarge(
            f"{what} has at most {filesizeformat(most)}; this one has {filesizeformat(size)}.",
            field=FIELD,
            limit=most,
            remedy=remedy,
            ask="the operators",
        )


def _take_turns(by: User, team: Team) -> None:
    """Two who count at once would both find the last place free."""
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def _require_place(by: User, team: Team) -> None:
    coming = Upload.objects.under_way()
    for whose, count, most in (
        ("You have", coming.filter(by=by).count(), settings.UPLOADS_PER_PERSON),
        (f"{team} has", coming.filter(team=team).count(), settings.UPLOADS_PER_TEAM),
    ):
        if count >= most:
            raise TooManyAtOnce(
                f"{whose} {count} uploads on their way, and {most} is the most at once.",
                field=FIELD,
                limit=most,
                remedy="Wait until one of them has ended, then send it again.",
            )


def _bytes(rows: "QuerySet[Artifact] | QuerySet[Upload]") -> int:
    return rows.aggregate(total=Sum("size"))["total"] or 0
