"""Verbs on saved searches: keep one, give it up, tell whom a new model suits (docs/search.md, "Saved searches")."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min
from django.http import QueryDict
from django.utils import timezone

from catalog import search
from catalog.filters import ModelFilter, chips
from catalog.models import RegisteredModel, SavedSearch
from marketplace.accounts.models import User
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.notices.actions import notify

MOST = 50  # of a person
SETTLE = timedelta(seconds=60)  # after a publication: until then its vector may be missing
LONGEST_TEXT = 60  # characters of the words in a name


@transaction.atomic
def save(by: User, query: str, name: str = "") -> SavedSearch:
    """Keep a search of the catalog; the same search twice is one row. Raises Invalid naming the field, RuleError beyond MOST."""
    kept = _canonical(QueryDict(query[: 2 * SavedSearch.QUERY_MAX]))
    filterset = ModelFilter(kept, queryset=RegisteredModel.objects.visible_to(by).published())
    if filterset.sentences:
        raise Invalid(" ".join(filterset.sentences), field="query")
    text = kept.urlencode()
    if not text:
        raise Invalid("Search for something or choose a filter first.", field="query")
    if len(text) > SavedSearch.QUERY_MAX:
        raise Invalid("The search is too long to be kept.", field="query")
    if known := SavedSearch.objects.filter(person=by, query=text).first():
        return known
    User.objects.select_for_update().get(pk=by.pk)
    if SavedSearch.objects.filter(person=by).count() >= MOST:
        raise RuleError(f"One keeps at most {MOST} searches.", remedy="Delete one first.")
    saved, _ = SavedSearch.objects.get_or_create(
        person=by, query=text, defaults={"name": (name or _name_of(kept))[: SavedSearch.NAME_MAX]}
    )
    return saved


def forget(by: User, saved: SavedSearch) -> None:
    """Give up a search of one's own. Raises NotAllowed."""
    require(saved.person_id == by.pk, "Only who saved a search deletes it.", ask=str(saved.person))
    saved.delete()


def tell_due(seconds: float) -> None:
    """Look through what was published since each search was last checked, the longest ago first, for about so many seconds."""
    end, horizon = time.monotonic() + seconds, timezone.now() - SETTLE
    newest = (
        RegisteredModel.objects.published()
        .filter(last_published_at__lte=horizon)
        .aggregate(newest=Max("last_published_at"))["newest"]
    )
    if newest is None:
        return
    due = SavedSearch.objects.filter(checked_at__lt=newest).order_by("checked_at", "pk")
    for pk in list(due.values_list("pk", flat=True)[:MOST]):
        _tell(pk, horizon)
        if time.monotonic() > end:
            return


@transaction.atomic
def _tell(pk: int, horizon: datetime) -> None:
    saved = (
        SavedSearch.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("person")
        .filter(pk=pk)
        .first()
    )
    if saved is None:
        return
    for model in _fitting(saved, horizon):
        notify(
            [saved.person],
            "saved-search",
            f"New for “{saved.name}”: {model.name}",
            key=f"saved-search:{saved.pk}:{model.pk}",
            model=model.slug,
            body=model.summary,
            url=model.get_absolute_url(),
        )
    SavedSearch.objects.filter(pk=pk).update(checked_at=horizon)


def _fitting(saved: SavedSearch, horizon: datetime) -> Iterator[RegisteredModel]:
    """Good matches among the models whose first version was published since the search was checked, and that its person may see."""
    person = saved.person
    if not person.is_active:
        return
    published = RegisteredModel.objects.visible_to(person).published()
    new = list(
        published.filter(last_published_at__gt=saved.checked_at)
        .annotate(first=Min("versions__published_at"))
        .filter(first__gt=saved.checked_at, first__lte=horizon)
    )
    filterset = ModelFilter(QueryDict(saved.query), queryset=published)
    if not new or filterset.sentences:
        return
    found = search.find(person, filterset.asked)
    good = set(found.ids(found.good))
    yield from (model for model in new if model.pk in good)


def _canonical(data: QueryDict) -> QueryDict:
    """Known parameters only, without an order of the list, sorted, each value once."""
    kept = QueryDict(mutable=True)
    for name in sorted((ModelFilter.base_filters.keys() & data.keys()) - {"sort"}):
        values = sorted({value.strip() for value in data.getlist(name)} - {""})
        if values:
            kept.setlist(name, values)
    return kept


def _name_of(data: QueryDict) -> str:
    """The words that were asked, then the filters."""
    text = data.get("q", "")
    words = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    return ", ".join(part for part in (words, *(chip.label for chip in chips(data))) if part)
