"""The one window to the ORM: reads Postgres in threads and returns immutable records for the request path."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from itertools import groupby, permutations
from operator import attrgetter
from typing import Any

from django.db import connection
from django.db.models import F

from catalog import compatibility
from catalog.models import ModelVersion
from consumption.keys import networks
from consumption.keys.actions import rehash_key, revoke_leaked
from consumption.metering.usage_journal import ENVIRONMENTS
from consumption.models import ApiKey
from hosting import credentials
from hosting.gateway import addresses, config
from hosting.gateway.auth.change_feed import Changes, FeedPosition
from hosting.gateway.auth.resolve import COLD_START_S, Model, Version, tensors
from hosting.gateway.records import ApiKeyRecord
from hosting.model_server.columns import Signature
from hosting.models import RUNNING, DeploymentState, Upstream
from marketplace.accounts.models import User
from marketplace.core import egress

log = logging.getLogger(__name__)
CONFIG = config.from_environment()
LEAKED = "The key was sent in an address, where logs keep it."
PLATFORMS = {"onnx": "onnx_onnxv1", "mlflow": "mlflow", "external": "external"}


def database_time_us() -> int:
    """Postgres' clock, microseconds since 1970."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(cursor.fetchone()[0])


def api_keys(kids: list[str]) -> list[ApiKeyRecord]:
    """The records of the keys with these kids; absent ones are absent."""
    rows = ApiKey.objects.filter(kid__in=kids).values(
        "kid",
        "pk",
        "mac",
        "pepper_version",
        "state",
        "expires_at",
        "epoch",
        "subscription_id",
        "networks",
        model=F("subscription__model_id"),
        subscription_state=F("subscription__state"),
        application=F("subscription__application_id"),
        team=F("subscription__application__team_id"),
        environment=F("subscription__application__environment"),
        policy=F("subscription__version_policy"),
        pin=F("subscription__pinned_version_id"),
        major=F("subscription__pinned_version__major"),
        minor=F("subscription__pinned_version__minor"),
        patch=F("subscription__pinned_version__patch"),
        candidate=F("subscription__pinned_version__candidate"),
        held=F("subscription__held_version_id"),
        held_major=F("subscription__held_version__major"),
        held_minor=F("subscription__held_version__minor"),
        held_patch=F("subscription__held_version__patch"),
        held_candidate=F("subscription__held_version__candidate"),
        plan=F("subscription__plan"),
        rate=F("subscription__plan__rate_per_second"),
        burst=F("subscription__plan__burst"),
        concurrency=F("subscription__plan__concurrency"),
        quota=F("subscription__plan__monthly_quota"),
    )
    return [_api_key(dict(row)) for row in rows]


def _api_key(row: dict[str, Any]) -> ApiKeyRecord:
    return ApiKeyRecord(
        kid=row["kid"],
        key_id=row["pk"],
        mac=row["mac"],
        pepper_version=row["pepper_version"],
        is_live=row["state"] in (ApiKey.State.ACTIVE, ApiKey.State.ROTATING),
        expires_at=row["expires_at"].timestamp(),
        epoch=row["epoch"],
        subscription_id=row["subscription_id"],
        subscription_state=row["subscription_state"],
        application_id=row["application"],
        team_id=row["team"],
        model_id=row["model"],
        plan_id=row["plan"],
        environment=ENVIRONMENTS.index(row["environment"]),
        policy=row["policy"],
        pinned_id=row["pin"],
        pinned=(row["major"], row["minor"], row["patch"], row["candidate"]),
        rate=row["rate"],
        burst=row["burst"],
        concurrency=row["concurrency"],
        quota=row["quota"],
        networks=networks.parse(row["networks"]),
        held=_held(row),
    )


def _held(row: dict[str, Any]) -> tuple[int, int, int, int] | None:
    if row["held"] is None:
        return None
    return row["held_major"], row["held_minor"], row["held_patch"], row["held_candidate"]


def rehash(key_id: int, old: str, mac: str, pepper_version: int) -> None:
    """Store a key under the current pepper from now on."""
    rehash_key(
        User.objects.system("gateway"), key_id, old=old, mac=mac, pepper_version=pepper_version
    )


def revoke_leaked_key(text: bytes) -> None:
    """Revoke a live key that was seen where keys must not be, and notify its team and security."""
    revoke_leaked(User.objects.system("gateway"), text, LEAKED)


# The changes that the snapshot of the last poll could not see: a transaction that commits late is in no snapshot before.
# Reads by the index on transaction.
POLL = """
SELECT poll.server, poll.snapshot::text, poll.at, change.kind, change.name
FROM (SELECT pg_postmaster_start_time() AS server, pg_current_snapshot() AS snapshot, statement_timestamp() AS at) AS poll
LEFT JOIN hosting_change AS change ON change.transaction >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
  AND NOT pg_visible_in_snapshot(change.transaction, %(seen)s::pg_snapshot)
LIMIT %(most)s
"""
MAX_CHANGES = 5_000  # of one poll; above it, loading each record on its next use is cheaper
EMPTY_SNAPSHOT = "1:1:"
MAX_GAP = timedelta(minutes=30)  # changes are kept for longer: hosting.change_log.KEPT


def changes_since(position: FeedPosition | None) -> Changes:
    """What changed since a position. The first poll returns a position only."""
    seen = position.snapshot if position else EMPTY_SNAPSHOT
    with connection.cursor() as cursor:
        cursor.execute(POLL, {"seen": seen, "most": MAX_CHANGES + 1 if position else 1})
        rows = cursor.fetchall()
    now = FeedPosition(*rows[0][:3])
    is_complete = position is not None and _reaches(position, now) and len(rows) <= MAX_CHANGES
    names: dict[str, set[str]] = {}
    for *_, kind, name in rows if is_complete else ():
        if kind is not None:
            names.setdefault(kind, set()).add(name)
    return Changes(now, names, is_complete)


def _reaches(then: FeedPosition, now: FeedPosition) -> bool:
    """Whether the recorded changes reach back to a position. A failover may lose transactions that were seen; old changes are deleted."""
    return then.server == now.server and timedelta(0) <= now.at - then.at < MAX_GAP


def models(model_ids: list[int]) -> dict[int, Model]:
    """The records of these models, by id; those without a version that a key could name are absent. Retired versions have no tensors."""
    rows = ModelVersion.objects.filter(model__in=model_ids, state__in=ModelVersion.LISTED).order_by(
        "model_id", "-major", "-minor", "-patch"
    )
    rows = rows.select_related("model__owner_team", "successor__model", "upstream", "deployment")
    rows = rows.defer(*_UNREAD)
    return {
        model_id: _model(model_id, list(versions))
        for model_id, versions in groupby(rows, attrgetter("model_id"))
    }


_LARGE = ("signature", "example", "manifest", "changelog")
_UNREAD = (
    *(name for name in _LARGE if name != "signature"),
    *(f"successor__{name}" for name in _LARGE),
    "model__description",
    "model__limitations",
    "successor__model__description",
    "successor__model__limitations",
)


def _model(model_id: int, rows: Sequence[ModelVersion]) -> Model:
    slug = rows[0].model.slug
    contracts, breaking = _contracts(rows)
    versions = tuple(
        _version(slug, version, getattr(version, "upstream", None), contract)
        for version, contract in zip(rows, contracts, strict=True)
    )
    by_number = {version.number: version for version in versions}
    return Model(model_id, slug, versions, by_number, breaking)


def _contracts(rows: Sequence[ModelVersion]) -> tuple[list[int], frozenset[tuple[int, int]]]:
    """(the contract of each version as a number, pairs of contracts of a major line that break each other)."""
    distinct: list[ModelVersion] = []
    numbers = []
    for row in rows:
        number = next((n for n, other in enumerate(distinct) if _is_same(other, row)), None)
        if number is None:
            number = len(distinct)
            distinct.append(row)
        numbers.append(number)
    pairs = permutations(enumerate(distinct), 2)
    breaking = frozenset(
        (old, new)
        for (old, one), (new, other) in pairs
        if one.major == other.major and compatibility.breaks(one, other)
    )
    return numbers, breaking


def _is_same(one: ModelVersion, other: ModelVersion) -> bool:
    return (one.major, one.signature, one.sla) == (other.major, other.signature, other.sla)


def _version(slug: str, version: ModelVersion, upstream: Upstream | None, contract: int) -> Version:
    is_retired = version.state == ModelVersion.State.RETIRED
    origin, infer, rows, ready = _route(version, upstream)
    is_external = bool(upstream and upstream.kind == Upstream.Kind.EXTERNAL)
    return Version(
        id=version.pk,
        number=version.number,
        precedence=version.precedence,
        is_candidate=version.is_candidate,
        is_deprecated=version.state == ModelVersion.State.DEPRECATED,
        is_suspended=version.suspended_at is not None,
        is_retired=is_retired,
        successor=version.successor.number if version.successor else "",
        successor_model=version.successor.model.slug if version.successor else "",
        origin=origin,
        is_external=is_external,
        request_head=infer,
        ready_head=ready,
        answer_head=_answer_head(slug, version),
        platform=PLATFORMS.get(version.kind, version.kind),
        tensors=tensors({} if is_retired else version.signature),
        first_byte_s=version.answers_within_s or CONFIG.first_byte_s,
        contract=contract,
        published_at=version.published_at.timestamp() if version.published_at else 0.0,
        is_followed=version.is_followed,
        is_asleep=upstream is not None
        and _state(version) in (DeploymentState.SCALED_TO_ZERO, DeploymentState.STARTING),
        cold_start_s=version.cold_start_s or COLD_START_S,
        approved_until=version.approved_until.timestamp() if version.approved_until else None,
        rows_head=rows,
        signature=Signature.of(version.signature)
        if is_external and origin and version.signature
        else None,
        brownouts=tuple(
            (datetime.fromisoformat(since).timestamp(), datetime.fromisoformat(until).timestamp())
            for since, until in version.brownouts
        ),
        suspension=_suspension(version) if version.suspended_at else "",
    )


def _suspension(version: ModelVersion) -> str:
    """What consumers read of it, and whom they ask."""
    reason = version.suspension_reason.rstrip(". ")
    return f"{reason}. {version.model.owner_team} can help: {version.model.support_contact}."


def _route(
    version: ModelVersion, upstream: Upstream | None
) -> tuple[addresses.Origin | None, bytes, bytes, bytes]:
    """The origin, and the head of an infer, of a rows and of a ready request; no origin when the version must not be called."""
    if upstream is None or not _may_answer(version, upstream):
        return None, b"", b"", b""
    is_external = upstream.kind == Upstream.Kind.EXTERNAL
    try:
        if is_external:
            egress.check_url(upstream.base_url)
        origin, prefix = addresses.parse(upstream.base_url, is_external)
        secret = _secret(upstream)
    except (ValueError, egress.EgressDenied, credentials.Unreadable) as error:
        _log_once(version.pk, str(error))
        return None, b"", b"", b""
    fixed = f"host: {addresses.host_header(origin)}\r\n{secret}"
    infer = f"POST {prefix}/infer HTTP/1.1\r\n{fixed}"
    rows = infer if is_external else f"POST {prefix}/rows HTTP/1.1\r\n{fixed}"
    ready = f"GET {prefix}/ready HTTP/1.1\r\n{fixed}\r\n"
    return origin, infer.encode(), rows.encode(), ready.encode()


@lru_cache(1000)
def _log_once(version_pk: int, reason: str) -> None:
    """Once for each reason, not at each load."""
    log.error("version %s has an unusable upstream: %s", version_pk, reason)


def _secret(upstream: Upstream) -> str:
    """The Authorization header of an external endpoint as a line, "" without one. Raises Unreadable."""
    value = credentials.authorization(upstream)
    return f"authorization: {value}\r\n" if value else ""


def callable_address(origin: addresses.Origin) -> str:
    """The address of an external host to connect to, after the egress policy has checked all its addresses. Raises OSError."""
    try:
        return egress.resolve(origin.host, origin.port)
    except egress.EgressDenied as refusal:
        log.warning("an external upstream is not called: %s", refusal)
        raise OSError(str(refusal)) from refusal


def _may_answer(version: ModelVersion, upstream: Upstream) -> bool:
    if upstream.kind == Upstream.Kind.EXTERNAL or upstream.is_ready:
        return True
    return _state(version) in RUNNING


def _state(version: ModelVersion) -> str:
    """The state of its deployment, "" when the engine has none."""
    deployment = getattr(version, "deployment", None)
    return deployment.state if deployment is not None else ""


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _answer_head(slug: str, version: ModelVersion) -> bytes:
    """Headers that name the version and announce its deprecation (RFC 9745) and sunset (RFC 8594)."""
    lines = [f"x-model-version: {version.number}"]
    if version.suspends_at:
        lines.append(f"x-model-suspends: {_http_date(version.suspends_at)}")
    if version.state == ModelVersion.State.DEPRECATED:
        guide = f"/models/{slug}/versions/{version.number}/migration/"
        links = [f'<{guide}>; rel="deprecation"; type="text/html"']
        if version.deprecated_at:
            lines.append(f"deprecation: @{int(version.deprecated_at.timestamp())}")
        if version.sunset_at:
            lines.append(f"sunset: {_http_date(version.sunset_at)}")
            links.append('</docs/lifecycle/>; rel="sunset"; type="text/html"')
        if (successor := version.successor) is not None:
            address = f"/v2/models/{successor.model.slug}/versions/{successor.number}"
            links.append(f'<{address}>; rel="successor-version"')
        lines.append(f"link: {', '.join(links)}")
    return "".join(f"{line}\r\n" for line in lines).encode()
