"""Listings that may be a production model: by name, and by the similarity of the catalog. A person confirms (docs/inventory.md, "Matching")."""

from dataclasses import dataclass

from catalog import search
from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.core import names
from marketplace.insights.models import ProductionModel

MOST = 5


@dataclass(frozen=True)
class Suggestion:
    """A published model that may be the one in production. score: 0..1, of the catalog's similarity; 1 for the same name."""

    model: RegisteredModel
    score: float
    why: str


def for_entry(user: User, entry: ProductionModel) -> list[Suggestion]:
    """At most MOST published models that the person sees, the likeliest first. Empty for one that is matched."""
    seen = RegisteredModel.objects.visible_to(user).published()
    if entry.published_as_id and seen.filter(pk=entry.published_as_id).exists():
        return []
    keys = {names.fold(entry.name), names.fold(entry.registry_name)} - {""}
    named = seen.filter(name_key__in=keys).select_related("owner_team")[:MOST]
    found = {model.pk: Suggestion(model, 1.0, "It has the same name.") for model in named}
    for alike in search.similar_to(seen, entry.name, entry.description, MOST):
        shared = f"Both say {', '.join(alike.words[:4])}." if alike.words else "It means the same."
        found.setdefault(alike.model.pk, Suggestion(alike.model, alike.score, shared))
    return list(found.values())[:MOST]
