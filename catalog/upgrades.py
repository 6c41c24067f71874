"""Which versions a subscription is moved onto without being asked. Pure; gateway and pages use the same rule.

docs/governance.md, "Automatic updates": newer versions of the same number parts, in the order in which they were published,
each only if it breaks nothing of what the subscription could be answered by before it.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from catalog.compatibility import breaks as versions_break

# How many leading parts of a version's number stay, by Subscription.Policy.
SAME_PARTS = {"pin_exact": 4, "auto_patch": 2, "auto_minor": 1}


class Following(Protocol):
    """A version as this rule needs it: catalog.models.ModelVersion, or the gateway's record of one.

    precedence    what semantic versioning compares.
    published_at  any time that can be compared; None counts as before all others.
    is_followed   False while only a share of those on lower minor versions has got it, and for ever after it was rolled back.
    """

    @property
    def precedence(self) -> tuple[int, ...]: ...
    @property
    def is_candidate(self) -> bool: ...
    @property
    def published_at(self) -> Any: ...
    @property
    def is_followed(self) -> bool: ...


V = TypeVar("V", bound=Following)


def followed(
    policy: str,
    pinned: V,
    versions: Iterable[V],
    breaks: Callable[[V, V], bool] = versions_break,
) -> list[V]:
    """`pinned` and the published ones among `versions` that its subscriptions follow by themselves, as they came out.

    policy  a Subscription.Policy value.
    breaks  breaks(old, new): would a caller of the old one fail on the new one?
    """
    same = SAME_PARTS[policy]
    newer = [
        version
        for version in versions
        if version.precedence[:same] == pinned.precedence[:same]
        and version.precedence > pinned.precedence
        and not version.is_candidate
    ]
    reached = [pinned]
    for version in sorted(newer, key=_in_order_of_publication):
        if not any(breaks(earlier, version) for earlier in reached):
            reached.append(version)
    return reached


def reached(versions: list[V], held: tuple[int, ...] | None) -> list[V]:
    """Those of `followed` that may answer a subscription today.

    held  the precedence of the version at which it is held: no higher one answers. A minor update that is not everybody's yet
          answers the subscriptions that are held at it, and nobody else.
    """
    line = versions[0].precedence[:2]
    return [
        version
        for version in versions
        if (held is None or version.precedence <= held)
        and (version.is_followed or version.precedence[:2] == line or version.precedence == held)
    ]


def held_back(
    policy: str, pinned: V, versions: Iterable[V], breaks: Callable[[V, V], bool] = versions_break
) -> list[V]:
    """The versions that the number alone would let a subscription follow, and a breaking finding does not."""
    versions = list(versions)
    reached = followed(policy, pinned, versions, breaks)
    by_number = followed(policy, pinned, versions, lambda old, new: False)
    return [version for version in by_number if version not in reached]


def _in_order_of_publication(version: Following) -> tuple[Any, ...]:
    published = version.published_at
    return (published is not None, published or 0, version.precedence)
