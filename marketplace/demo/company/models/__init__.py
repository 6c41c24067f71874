"""The models of the demo company, in the order in which they are trained and published.

The story's hero comes first, so that the example call works while the rest is still being built.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..listing import Listing, Release
from . import credit, customers, insurance, later, lending, mortgage, wealth

GOES_LIVE = ("published", "deprecated", "suspended")
LISTINGS: tuple[Listing, ...] = tuple(
    later.with_later(one)
    for one in (
        *lending.LISTINGS,
        *mortgage.LISTINGS,
        *wealth.LISTINGS,
        *insurance.LISTINGS,
        *customers.LISTINGS,
        *credit.LISTINGS,
    )
)


def listing(slug: str) -> Listing:
    return next(one for one in LISTINGS if one.slug == slug)


def releases() -> Iterator[tuple[Listing, Release]]:
    for one in LISTINGS:
        for release in one.releases:
            yield one, release


def is_rest(one: Listing, release: Release) -> bool:
    """Nothing callable comes of it or after it: it may be built when everything else answers."""
    after = one.releases[one.releases.index(release) :]
    return not any(later.fate in GOES_LIVE for later in after)


def to_build() -> list[tuple[Listing, Release]]:
    """All releases: those that consumers call and what came before them, then the rest."""
    return sorted(releases(), key=lambda pair: is_rest(*pair))


def key(one: Listing, release: Release) -> str:
    """Names a trained version in the cache, for example `affordability-1.2.0`."""
    return f"{one.slug}-{release.number}"
