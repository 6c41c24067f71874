"""Versions that came to nothing, or not yet: they learn what the version before them learnt, and differ where their story does."""

from __future__ import annotations

from dataclasses import replace

from ..listing import Listing, Recipe, Release


def with_later(listing: Listing) -> Listing:
    """The listing with the versions that follow its published one."""
    last = listing.releases[-1].recipe
    more = LATER.get(listing.slug)
    return replace(listing, releases=(*listing.releases, more(last))) if more and last else listing


def renamed(recipe: Recipe) -> Release:
    """Calls the answer by another name, and keeps the number of a small change: the contract check holds it back."""
    outputs = tuple(replace(output, name="monthly_headroom") for output in recipe.outputs)
    return Release(
        "1.3.0",
        "held",
        3,
        replace(recipe, outputs=outputs, seed=recipe.seed + 1),
        "Clearer name of the answer, and the living-cost tables of next year.",
    )


def sent_back(recipe: Recipe) -> Release:
    return Release(
        "1.4.0",
        "changes:evaluation",
        6,
        replace(recipe, seed=recipe.seed + 1),
        "Retrained with the complaints of the last quarter; same areas.",
    )


def taken_back(recipe: Recipe) -> Release:
    return Release(
        "1.2.0",
        "withdrawn",
        18,
        replace(recipe, seed=recipe.seed + 1),
        "Retrained with the claims of the spring.",
    )


LATER = {
    "affordability": renamed,
    "complaint-routing": sent_back,
    "motor-fraud": taken_back,
}
