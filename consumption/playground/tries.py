"""The verb of the playground: send one request of a person to versions of models, through the gateway, in the sandbox."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from catalog.models import ModelVersion
from consumption.permissions import can_try
from consumption.playground import allowance, gateway_client, sandbox_pass
from consumption.playground.allowance import Allowance
from consumption.playground.gateway_client import RawReply, Reply
from consumption.playground.sandbox_pass import SandboxPass
from marketplace.accounts.models import User
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require

MOST_VERSIONS = 4
MOST_BODY_BYTES = 256 * 1024
AT_ONCE = 3  # tries that hold a worker of the portal, of eight
WAIT_S = 1.0
_places = threading.BoundedSemaphore(AT_ONCE)


class Busy(RuleError):
    """Too many people try something at this moment (503)."""

    status = 503
    slug = "playground-busy"
    title = "Too many people try something at this moment"


@dataclass(frozen=True)
class Asked:
    """A version and the request body that it is to answer."""

    version: ModelVersion
    body: dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """How one version answered: a reply, or the sentence why there is none."""

    version: ModelVersion
    reply: Reply | None
    why_not: str = ""


def try_versions(by: User, asked: Sequence[Asked]) -> tuple[list[Tried], Allowance]:
    """Ask each version, all at the same time, one call each. The versions come with their models.

    Raises NotAllowed, Invalid, Busy, NoneLeft.
    """
    for one in asked:
        require(
            can_try(by, one.version),
            "You may not try this version.",
            ask=str(one.version.model.owner_team),
        )
        if reason := why_not(one.version):
            raise RuleError(reason, field="versions", ask=one.version.model.support_contact)
    if not 0 < len(asked) <= MOST_VERSIONS:
        raise Invalid(f"Choose one to {MOST_VERSIONS} versions.", field="versions")
    if any(len(json.dumps(one.body)) > MOST_BODY_BYTES for one in asked):
        raise _too_large("body")
    with _place():
        left, now_s = allowance.take(by, len(asked))
        expires_at = now_s + sandbox_pass.LIFE_S
        passes = [
            pass_of(SandboxPass(by.pk, one.version.model_id, one.version.pk, expires_at))
            for one in asked
        ]
        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(_ask, asked, passes)), left


def forward(
    by: User, version: ModelVersion, method: str, verb: str, body: bytes, headers: dict[str, str]
) -> RawReply:
    """One request to a version as it came, for one of the person's calls of the hour. The version comes with its model.

    Raises NotAllowed, Invalid, Busy, NoneLeft; Late, TooLong, Unreachable.
    """
    require(
        can_try(by, version), "You may not try this version.", ask=str(version.model.owner_team)
    )
    if reason := why_not(version):
        raise RuleError(reason, ask=version.model.support_contact)
    if len(body) > MOST_BODY_BYTES:
        raise _too_large("body")
    with _place():
        _, now_s = allowance.take(by, 1)
        granted = SandboxPass(by.pk, version.model_id, version.pk, now_s + sandbox_pass.LIFE_S)
        return gateway_client.send(
            method, version.model.slug, version.number, verb, body, headers, pass_of(granted)
        )


@contextmanager
def _place() -> Iterator[None]:
    """One of the portal's workers that may wait for a model. Raises Busy."""
    if not _places.acquire(timeout=WAIT_S):
        raise Busy("Too many people try something at this moment.", remedy="Try again in a moment.")
    try:
        yield
    finally:
        _places.release()


def _too_large(field: str) -> Invalid:
    return Invalid(
        f"The request has more than {MOST_BODY_BYTES // 1024} KiB.",
        field=field,
        remedy="Send fewer rows; evaluate on a file for more.",
    )


def pass_of(granted: SandboxPass) -> str:
    """The text of a pass, signed with the current pepper."""
    pepper = settings.KEY_PEPPER_CURRENT
    return sandbox_pass.mint(granted, pepper, settings.KEY_PEPPERS[pepper])


def why_not(version: ModelVersion) -> str:
    """The sentence why nobody can try a version now; "" when it can be tried."""
    if version.suspended_at is not None:
        return f"Version {version.number} is suspended: {version.suspension_reason}".strip()
    if version.state == ModelVersion.State.RETIRED:
        return f"Version {version.number} is retired: it answers no calls any more."
    if version.state not in ModelVersion.LIVE:
        return f"Version {version.number} is not published yet, so the gateway does not know it."
    return ""


def _ask(asked: Asked, pass_text: str) -> Tried:
    """Runs in a thread of its own: no query."""
    version = asked.version
    try:
        reply = gateway_client.infer(version.model.slug, version.number, asked.body, pass_text)
    except tuple(_NO_REPLY) as error:
        return Tried(version, None, why_no_reply(error, version))
    return Tried(version, reply)


def why_no_reply(error: Exception, version: ModelVersion) -> str:
    """The sentence for Late, TooLong or Unreachable."""
    return _NO_REPLY[type(error)](version)


def _late(version: ModelVersion) -> str:
    waited = f"No answer within {gateway_client.DEADLINE_S:.0f} seconds"
    if version.cold_start_s:
        return f"{waited}: it was asleep and starts, which takes about {version.cold_start_s:.0f} s. Run it again."
    return f"{waited}. Slow answers cannot be tried here."


_NO_REPLY: dict[type[Exception], Callable[[ModelVersion], str]] = {
    gateway_client.Late: _late,
    gateway_client.TooLong: lambda _: "The answer is larger than 1 MiB. Send fewer rows.",
    gateway_client.Unreachable: lambda _: "The gateway does not answer. The operators see this.",
}
