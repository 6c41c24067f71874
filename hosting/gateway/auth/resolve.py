"""Which version answers? From the record of a model and its versions; no I/O."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from hosting.gateway import problems
from hosting.gateway.addresses import Origin
from hosting.gateway.auth.key_cache import Subscriber

RUNNING, SUSPENDED, GONE, NOT_RUNNING = "running", "suspended", "gone", "not_running"
COLD_START_S = 10.0  # of a version whose start was never measured


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the gateway needs it. `answer_head` and `request_head` are ready-made header bytes.

    `tensors`: its inputs and outputs as the protocol's metadata has them, members of a JSON object; "" of a retired version.
    `is_asleep`: it has no replica at the moment and its next call wakes it, which takes `cold_start_s`.
    """

    id: int
    number: str
    order: tuple[int, int, int, int]
    is_candidate: bool
    is_deprecated: bool
    is_suspended: bool
    is_retired: bool
    sunset_at: float | None
    successor: str
    origin: Origin | None
    is_external: bool
    request_head: bytes
    ready_head: bytes
    answer_head: bytes
    platform: str
    tensors: str
    first_byte_s: float
    is_asleep: bool = False
    cold_start_s: float = COLD_START_S

    def standing(self, now: float) -> str:
        """May it be called at `now` (seconds since 1970)?"""
        if self.is_retired or (self.sunset_at is not None and now >= self.sunset_at):
            return GONE
        if self.is_suspended:
            return SUSPENDED
        return RUNNING if self.origin else NOT_RUNNING


@dataclass(slots=True)
class Model:
    """A model with its live and retired versions, newest first. Who may call it is who has a subscription.

    `resolved` remembers what each policy came to. Only the cache of models touches the last two: when its load began
    (monotonic), and whether it was used since somebody else needed its room.
    """

    id: int
    slug: str
    versions: tuple[Version, ...]
    by_number: dict[str, Version] = field(default_factory=dict, repr=False)
    resolved: dict[tuple[str, int], Version] = field(
        default_factory=dict, compare=False, repr=False
    )
    loaded: float = field(default=0.0, compare=False)
    used: bool = field(default=True, compare=False)


def nothing(model_id: int) -> Model:
    """A model of which nothing can be called: it goes by no name."""
    return Model(model_id, "", ())


def check_model(model: Model, subscriber: Subscriber, slug: str) -> None:
    """Is it the model that was named, and is the key's subscription to it active? Raises Problem.

    The subscription is the right to call: a model that fewer may see goes on answering those who have one, until it ends.
    """
    if model.slug != slug:
        raise problems.no_such_model()
    if subscriber.subscription_state != "active":
        raise problems.subscription_not_active(subscriber.subscription_state)


def version_for(
    model: Model, subscriber: Subscriber, slug: str, number: str, now: float
) -> Version:
    """The version that answers a call: the named one, or what the subscription's policy comes to. Raises Problem."""
    check_model(model, subscriber, slug)
    if number:
        version = model.by_number.get(number)
        if version is None:
            raise problems.no_such_version(number)
    else:
        version = by_policy(model, subscriber, now)
    standing = version.standing(now)
    if standing is not RUNNING:
        raise refusal(model, version, standing)
    return version


def refusal(model: Model, version: Version, standing: str) -> problems.Problem:
    """Why a version does not answer, in words."""
    if standing is GONE:
        return problems.version_gone(model.slug, version.number, version.successor)
    if standing is SUSPENDED:
        return problems.version_suspended(version.number)
    return problems.not_running(version.number)


def by_policy(model: Model, subscriber: Subscriber, now: float) -> Version:
    """What an unversioned call means for this subscription. Raises Problem."""
    key = (subscriber.policy, subscriber.pinned_id)
    version = model.resolved.get(key)
    if version is None or version.standing(now) is not RUNNING:
        version = model.resolved[key] = _choose(model, subscriber, now)
    return version


def _choose(model: Model, subscriber: Subscriber, now: float) -> Version:
    pinned = next(
        (version for version in model.versions if version.id == subscriber.pinned_id), None
    )
    same = {"pin_exact": 4, "auto_patch": 2, "auto_minor": 1}[subscriber.policy]
    fitting = [
        version
        for version in model.versions
        if version.order[:same] == subscriber.pinned[:same]
        and version.order >= subscriber.pinned
        and _is_for_all(version, subscriber)
    ]
    running = [version for version in fitting if version.standing(now) is RUNNING]
    fresh = [version for version in running if not version.is_deprecated]
    if fresh or running:
        return max(fresh or running, key=lambda version: version.order)
    if pinned is None:
        raise problems.no_such_version(".".join(map(str, subscriber.pinned[:3])))
    return pinned


def _is_for_all(version: Version, subscriber: Subscriber) -> bool:
    """Nobody is moved onto a candidate: only who chose it calls it."""
    return not version.is_candidate or version.id == subscriber.pinned_id


def callable_numbers(model: Model, now: float) -> list[str]:
    """The versions that a key of this model may name, oldest first."""
    return [
        version.number
        for version in reversed(model.versions)
        if version.standing(now) in (RUNNING, NOT_RUNNING)
    ]


def metadata(model: Model, version: Version, now: float) -> bytes:
    """The protocol's model metadata as JSON; of a version that its next call wakes, how many seconds that call may wait."""
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
