"""Which version answers? From the record of a model and its versions; no I/O."""

import json
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from catalog import upgrades
from hosting.gateway import problems
from hosting.gateway.addresses import Origin
from hosting.gateway.records import ApiKeyRecord
from hosting.model_server.columns import Signature

REVIEW_OVERDUE = (
    b"x-model-review: overdue\r\n"  # the approval has ended (docs/governance.md, "Re-review")
)
COLD_START_S = 10.0  # of a version whose cold start was never measured


class Availability(Enum):
    """Whether a version can be called."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    BROWNOUT = "brownout"
    NOT_RUNNING = "not running"


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the gateway needs it. `answer_head`, `request_head` and `rows_head` are ready-made header bytes.

    `tensors`: its inputs and outputs as the protocol's metadata has them, members of a JSON object; "" of a retired version.
    `contract`: equal for versions whose callers rely on the same; `published_at` in seconds since 1970, 0 when unknown.
    `is_followed`: as catalog/upgrades.py has it.
    `signature`: of an external endpoint, for which the gateway itself makes tensors of rows; None of all others.
    `is_asleep`: it has no replica at the moment and its next call wakes it, which takes `cold_start_s`.
    `successor`: the number of the version that takes over, of the model with the slug `successor_model`; "" without one.
    `suspension`: why it is suspended and who can help; "" of all others.
    `brownouts`: announced refusals to come, as (from, until) in seconds since 1970, in order.
    """

    id: int
    number: str
    precedence: tuple[int, int, int, int]
    is_candidate: bool
    is_deprecated: bool
    is_suspended: bool
    is_retired: bool
    successor: str
    successor_model: str
    origin: Origin | None
    is_external: bool
    request_head: bytes
    ready_head: bytes
    answer_head: bytes
    platform: str
    tensors: str
    first_byte_s: float
    contract: int = 0
    published_at: float = 0.0
    is_followed: bool = True
    is_asleep: bool = False
    cold_start_s: float = COLD_START_S
    approved_until: float | None = None
    rows_head: bytes = b""
    signature: Signature | None = field(default=None, compare=False, repr=False)
    brownouts: tuple[tuple[float, float], ...] = ()
    suspension: str = ""

    def head_at(self, now: float) -> bytes:
        """Header lines of every answer of this version at `now` (seconds since 1970)."""
        if self.approved_until is not None and now >= self.approved_until:
            return self.answer_head + REVIEW_OVERDUE
        return self.answer_head

    def is_running(self, now: float) -> bool:
        """Whether it can be called at `now` (seconds since 1970)."""
        return not (
            self.is_retired
            or self.is_suspended
            or self.origin is None
            or (self.brownouts and self.brownout_end(now))
        )

    def is_deployed(self) -> bool:
        """Whether calls are sent to it, apart from brownouts: nobody is moved to another version by one."""
        return not (self.is_retired or self.is_suspended or self.origin is None)

    def brownout_end(self, now: float) -> float:
        """When the brownout of `now` ends; 0 when there is none. Both in seconds since 1970."""
        return next((until for since, until in self.brownouts if since <= now < until), 0.0)

    def availability(self, now: float) -> Availability:
        """Whether it can be called at `now` (seconds since 1970), and if not, why."""
        if self.is_retired:
            return Availability.RETIRED
        if self.is_suspended:
            return Availability.SUSPENDED
        if self.origin is None:
            return Availability.NOT_RUNNING
        return Availability.BROWNOUT if self.brownout_end(now) else Availability.RUNNING


@dataclass(slots=True)
class Model:
    """A model with its live and retired versions, newest first. Who has a subscription may call it.

    `breaking` holds pairs of contracts: a caller of the first may fail on the second, so that nobody is moved there.
    `resolved` caches what each version policy resolved to. Only the model cache writes the last two fields: when the load
    began (monotonic), and whether the record was used since it was last spared from eviction.
    """

    id: int
    slug: str
    versions: tuple[Version, ...]
    by_number: dict[str, Version] = field(default_factory=dict, repr=False)
    breaking: frozenset[tuple[int, int]] = frozenset()
    resolved: dict[tuple[str, int, tuple[int, ...] | None], Version] = field(
        default_factory=dict, compare=False, repr=False
    )
    loaded_at: float = field(default=0.0, compare=False)
    was_used: bool = field(default=True, compare=False)


def empty_model(model_id: int) -> Model:
    """A model of which nothing can be called: it goes by no name."""
    return Model(model_id, "", ())


def check_model(model: Model, record: ApiKeyRecord, slug: str) -> None:
    """Raises Problem unless the model is the one that was named and the key's subscription to it is active.

    The subscription is the right to call: when fewer people may see a model, those who have a subscription go on calling it.
    """
    if model.slug != slug:
        raise problems.no_such_model()
    if record.subscription_state != "active":
        raise problems.subscription_not_active(record.subscription_state)


def version_for(model: Model, record: ApiKeyRecord, slug: str, number: str, now: float) -> Version:
    """The version that answers a call: the named one, or what the subscription's policy resolves to. Raises Problem."""
    if model.slug != slug or record.subscription_state != "active":
        check_model(model, record, slug)
    if not number:
        cached = model.resolved.get((record.policy, record.pinned_id, record.held))
        if cached is not None and cached.is_running(now):
            return cached
        version = version_by_policy(model, record, now)
    elif (named := model.by_number.get(number)) is not None:
        version = named
    else:
        raise problems.no_such_version(number)
    if not version.is_running(now):
        raise not_available(model, version, now)
    return version


def not_available(model: Model, version: Version, now: float) -> problems.Problem:
    """Why a version does not answer."""
    availability = version.availability(now)
    if availability is Availability.RETIRED:
        return problems.version_gone(
            model.slug, version.number, version.successor_model, version.successor
        )
    if availability is Availability.BROWNOUT:
        left = version.brownout_end(now) - now
        return problems.brownout(model.slug, version.number, left, version.answer_head)
    if availability is Availability.SUSPENDED:
        return problems.version_suspended(model.slug, version.number, version.suspension)
    return problems.not_running(version.number)


def version_by_policy(model: Model, record: ApiKeyRecord, now: float) -> Version:
    """What an unversioned call means for this subscription. Raises Problem."""
    key = (record.policy, record.pinned_id, record.held)
    version = model.resolved.get(key)
    if version is None or not version.is_running(now):
        version = model.resolved[key] = _choose(model, record)
    return version


def _choose(model: Model, record: ApiKeyRecord) -> Version:
    pinned = next((version for version in model.versions if version.id == record.pinned_id), None)
    if pinned is None:
        raise problems.no_such_version(".".join(map(str, record.pinned[:3])))
    followed = upgrades.followed(
        record.policy,
        pinned,
        model.versions,
        lambda old, new: (old.contract, new.contract) in model.breaking,
    )
    reached = upgrades.reached(followed, record.held)
    running = [version for version in reached if version.is_deployed()]
    current = [version for version in running if not version.is_deprecated]
    return max(current or running or [pinned], key=lambda version: version.precedence)


def callable_numbers(model: Model, now: float) -> list[str]:
    """The versions that a key of this model may name, oldest first."""
    return [
        version.number
        for version in reversed(model.versions)
        if version.availability(now) not in (Availability.RETIRED, Availability.SUSPENDED)
    ]


def metadata(model: Model, version: Version, now: float) -> bytes:
    """The protocol's model metadata as JSON; of a version that its next call wakes, also how many seconds that call may wait."""
    document: dict[str, Any] = {
        "name": model.slug,
        "versions": callable_numbers(model, now),
        "platform": version.platform,
    }
    if version.is_asleep:
        document["parameters"] = {"cold_start_s": math.ceil(version.cold_start_s)}
    return f"{json.dumps(document)[:-1]}, {version.tensors}}}".encode()


def tensors(signature: dict[str, Any]) -> str:
    """A signature's inputs and outputs as members of a JSON object: name, datatype and shape of each."""
    sides = {
        side: [
            {"name": t["name"], "datatype": t["datatype"], "shape": t["shape"]}
            for t in signature.get(side, [])
        ]
        for side in ("inputs", "outputs")
    }
    return json.dumps(sides)[1:-1]
