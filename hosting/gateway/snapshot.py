"""The one window to the ORM: what Postgres says, read in threads, as immutable values for the request path."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created
from django.db.models import F, Prefetch, Q

from catalog.models import ModelVersion, RegisteredModel
from consumption import networks
from consumption.actions import rehash_key, revoke_leaked
from consumption.models import ApiKey
from consumption.spool import ENVIRONMENTS
from hosting import credentials, outbound
from hosting.gateway import addresses, limits
from hosting.gateway.authenticate import DatabaseAway, Subscriber
from hosting.gateway.resolve import Model, Snapshot, Version
from hosting.models import RUNNING, DeploymentState, Upstream
from marketplace.accounts.models import User

log = logging.getLogger(__name__)
LIMITS = limits.from_environment()
Answer = TypeVar("Answer")
LEAKED = "The key was sent in an address, where logs keep it."
PLATFORMS = {"onnx": "onnx_onnxv1", "mlflow": "mlflow", "external": "external"}


def tame_connections(silence_s: float = 30.0) -> None:
    """Gateway processes keep one plain connection a thread, with deadlines in the server, in the kernel and here.

    `silence_s`: a statement without an answer for so long is an OperationalError; a server or a proxy that hangs closes nothing.
    """
    database = settings.DATABASES["default"]
    options = database.setdefault("OPTIONS", {})
    options.pop("pool", None)
    options["connect_timeout"] = 2
    options["tcp_user_timeout"] = 2500
    options["options"] = "-c statement_timeout=2000 -c lock_timeout=1500"
    options["target_session_attrs"] = "read-write"
    database["CONN_MAX_AGE"] = None
    database["CONN_HEALTH_CHECKS"] = False
    connection_created.connect(partial(_wait_at_most, silence_s), dispatch_uid="silence", weak=False)


def _wait_at_most(seconds: float, connection: Any, **_: Any) -> None:
    raw = connection.connection
    raw.wait = partial(raw.wait, timeout=seconds)


class Database:
    """A few threads that talk to Postgres for one event loop, each answer within a deadline."""

    def __init__(self, threads: int, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="orm")

    async def run(self, work: Callable[..., Answer], *args: Any) -> Answer:
        """`work(*args)` in a thread, where it may run twice. Raises DatabaseAway when Postgres does not answer in time."""
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, _patiently, work, args), self.deadline_s)
        except (TimeoutError, OperationalError, InterfaceError) as error:
            raise DatabaseAway from error

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _patiently(work: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
    """A connection that died while idle costs one more try, never an error."""
    try:
        return _strictly(work, args)
    except (OperationalError, InterfaceError):
        return _strictly(work, args)


def _strictly(work: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
    try:
        return work(*args)
    except (OperationalError, InterfaceError):
        connection.close()
        raise


def database_time_us() -> int:
    """Postgres' clock, microseconds since 1970."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(cursor.fetchone()[0])


def subscribers(kids: list[str]) -> list[Subscriber]:
    """The key records of these kids; absent ones are absent."""
    rows = ApiKey.objects.filter(kid__in=kids).values(
        "kid", "pk", "mac", "pepper_version", "state", "expires_at", "epoch", "subscription_id", "networks",
        model=F("subscription__model_id"), standing=F("subscription__state"),
        application=F("subscription__application_id"), team=F("subscription__application__team_id"),
        unit=F("subscription__application__team__business_unit_id"),
        environment=F("subscription__application__environment"), policy=F("subscription__version_policy"),
        pin=F("subscription__pinned_version_id"), major=F("subscription__pinned_version__major"),
        minor=F("subscription__pinned_version__minor"), patch=F("subscription__pinned_version__patch"),
        rate=F("subscription__plan__rate_per_second"), burst=F("subscription__plan__burst"),
        concurrency=F("subscription__plan__concurrency"), quota=F("subscription__plan__monthly_quota"),
    )  # fmt: skip
    return [_subscriber(dict(row)) for row in rows]


def _subscriber(row: dict[str, Any]) -> Subscriber:
    return Subscriber(
        kid=row["kid"], key_id=row["pk"], mac=row["mac"], pepper_version=row["pepper_version"],
        is_live=row["state"] in (ApiKey.State.ACTIVE, ApiKey.State.ROTATING),
        expires_at=row["expires_at"].timestamp(), epoch=row["epoch"], subscription_id=row["subscription_id"],
        subscription_state=row["standing"], application_id=row["application"], team_id=row["team"],
        unit_id=row["unit"], model_id=row["model"], environment=ENVIRONMENTS.index(row["environment"]),
        policy=row["policy"], pinned_id=row["pin"], pinned=(row["major"], row["minor"], row["patch"]),
        rate=row["rate"], burst=row["burst"], concurrency=row["concurrency"], quota=row["quota"],
        networks=networks.parse(row["networks"]),
    )  # fmt: skip


def rehash(key_id: int, old: str, mac: str, pepper_version: int) -> None:
    """Keep a key under the current pepper from now on."""
    rehash_key(User.objects.system("gateway"), key_id, old=old, mac=mac, pepper_version=pepper_version)


def end_leaked(text: bytes) -> None:
    """End a live key that was seen where keys must not be; its team and security are told."""
    revoke_leaked(User.objects.system("gateway"), text, LEAKED)


def snapshot(previous: Snapshot | None) -> Snapshot:
    """All models that a key could name. Returns `previous` itself when nothing changed, so that its memory lives on."""
    fingerprint = hash(tuple(_fingerprint()))
    if previous is not None and previous.fingerprint == fingerprint:
        return previous
    versions = ModelVersion.objects.filter(_nameable()).select_related("successor").newest_first()
    models = RegisteredModel.objects.filter(_has_versions()).prefetch_related(
        Prefetch("versions", versions, to_attr="nameable")
    )
    upstreams = {upstream.version_id: upstream for upstream in Upstream.objects.select_related("version__deployment")}
    made = {model.slug: _model(model, upstreams) for model in models}
    return Snapshot(made, datetime.now(UTC).timestamp(), fingerprint, frozenset(model.id for model in made.values()))


def _nameable() -> Q:
    return Q(state__in=ModelVersion.LISTED)


def _has_versions() -> Q:
    return Q(pk__in=ModelVersion.objects.filter(_nameable()).values("model_id"))


def _fingerprint() -> list[tuple[Any, ...]]:
    """Cheap columns whose change means a new snapshot; signatures of listed versions never change."""
    versions = ModelVersion.objects.filter(_nameable()).order_by("pk").values_list(
        "pk", "state", "suspended_at", "deprecated_at", "sunset_at", "successor_id", "published_at",
        "upstream__base_url", "upstream__is_ready", "upstream__kind", "upstream__credential", "deployment__state",
        "model__slug",
    )  # fmt: skip
    return [tuple(map(_hashable, row)) for row in versions]


def _hashable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _model(model: RegisteredModel, upstreams: dict[int, Upstream]) -> Model:
    versions = tuple(_version(model.slug, version, upstreams.get(version.pk)) for version in model.nameable)  # type: ignore[attr-defined]
    return Model(model.pk, model.slug, versions, {version.number: version for version in versions})


def _version(slug: str, version: ModelVersion, upstream: Upstream | None) -> Version:
    origin, infer, ready = _route(version, upstream)
    return Version(
        id=version.pk,
        number=version.number,
        order=(version.major, version.minor, version.patch),
        is_deprecated=version.state == ModelVersion.State.DEPRECATED,
        is_suspended=version.suspended_at is not None,
        is_retired=version.state == ModelVersion.State.RETIRED,
        sunset_at=version.sunset_at.timestamp() if version.sunset_at else None,
        successor=version.successor.number if version.successor else "",
        origin=origin,
        is_external=bool(upstream and upstream.kind == Upstream.Kind.EXTERNAL),
        request_head=infer,
        ready_head=ready,
        answer_head=_answer_head(slug, version),
        platform=PLATFORMS.get(version.kind, version.kind),
        signature={side: version.signature.get(side, []) for side in ("inputs", "outputs")},
        first_byte_s=_first_byte(version),
        is_asleep=upstream is not None and _state(upstream) in (DeploymentState.SCALED_TO_ZERO, DeploymentState.STARTING),
    )


def _route(version: ModelVersion, upstream: Upstream | None) -> tuple[addresses.Origin | None, bytes, bytes]:
    """Origin and the first lines of an infer and a ready request; no origin when nothing should answer."""
    if upstream is None or not _may_answer(upstream):
        return None, b"", b""
    is_external = upstream.kind == Upstream.Kind.EXTERNAL
    try:
        if is_external:
            outbound.check_url(upstream.base_url)
        origin, prefix = addresses.parse(upstream.base_url, is_external)
        secret = _secret(upstream)
    except (ValueError, outbound.Refused, credentials.Unreadable) as error:
        _complain(version.pk, str(error))
        return None, b"", b""
    fixed = f"host: {addresses.host_header(origin)}\r\n{secret}"
    infer = f"POST {prefix}/infer HTTP/1.1\r\n{fixed}"
    ready = f"GET {prefix}/ready HTTP/1.1\r\n{fixed}\r\n"
    return origin, infer.encode(), ready.encode()


@lru_cache(1000)
def _complain(version_pk: int, why: str) -> None:
    """Once for each reason, not at each look."""
    log.error("version %s has an unusable upstream: %s", version_pk, why)


def _secret(upstream: Upstream) -> str:
    """The header line that an external endpoint wants, opened here and nowhere else. Raises Unreadable, ValueError."""
    if not upstream.credential:
        return ""
    text = credentials.open_sealed(upstream.credential, upstream.version_id)
    if not text.isprintable():
        raise ValueError("the stored credential is not one line of text")
    return f"authorization: {text if ' ' in text else f'Bearer {text}'}\r\n"


def callable_address(origin: addresses.Origin) -> str:
    """The one address of an external host that is connected to, after all of them were judged. Raises OSError."""
    try:
        return outbound.resolve(origin.host, origin.port)
    except outbound.Refused as refusal:
        log.warning("an external upstream is not called: %s", refusal)
        raise OSError(str(refusal)) from refusal


def _may_answer(upstream: Upstream) -> bool:
    if upstream.kind == Upstream.Kind.EXTERNAL or upstream.is_ready:
        return True
    return _state(upstream) in RUNNING


def _state(upstream: Upstream) -> str:
    """Of the version's deployment, "" when the engine has none."""
    deployment = getattr(upstream.version, "deployment", None)
    return deployment.state if deployment is not None else ""


def _first_byte(version: ModelVersion) -> float:
    return version.answers_within_s or LIMITS.first_byte_s


def _answer_head(slug: str, version: ModelVersion) -> bytes:
    """Headers that tell which version answered and whether it is on its way out (RFC 9745, RFC 8594)."""
    lines = [f"x-model-version: {version.number}"]
    if version.state == ModelVersion.State.DEPRECATED:
        links = [f'</models/{slug}>; rel="deprecation"; type="text/html"']
        if version.deprecated_at:
            lines.append(f"deprecation: @{int(version.deprecated_at.timestamp())}")
        if version.sunset_at:
            lines.append(f"sunset: {format_datetime(version.sunset_at.astimezone(UTC), usegmt=True)}")
            links.append(f'</models/{slug}>; rel="sunset"; type="text/html"')
        if version.successor:
            links.append(f'</v2/models/{slug}/versions/{version.successor.number}>; rel="successor-version"')
        lines.append(f"link: {', '.join(links)}")
    return "".join(f"{line}\r\n" for line in lines).encode()
