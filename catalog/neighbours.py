"""Models like a model, found ahead of time: its page only reads them (docs/catalog-growth.md)."""

import time

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from catalog import search
from catalog.models import Neighbour, RegisteredModel, SearchDocument

AT_ONCE = 100
KEPT = 12  # of each kind (for everybody, for some), so that enough are left for whoever may see few


def of(models, model, limit):
    """The `limit` best of `models` (what the person may see) that are like `model`, best first. At most 2 × KEPT are looked at."""
    scores = dict(Neighbour.objects.filter(model=model).values_list("other", "score"))
    return sorted(
        models.filter(pk__in=scores).order_by(), key=lambda other: (-scores[other.pk], other.name)
    )[:limit]


@transaction.atomic
def refresh(model_id):
    """Look for the neighbours of one model, and make it theirs. Safe to run twice; without effect when it is not due."""
    due = (
        SearchDocument.objects.select_for_update(skip_locked=True)
        .filter(model_id=model_id, is_neighbourhood_due=True)
        .first()
    )
    if due is None:
        return
    model = RegisteredModel.objects.get(pk=model_id)
    listed_it = search.sharing_words(
        RegisteredModel.objects.published().filter(neighbours__other=model), model
    )
    found = (
        {other.pk: other for other in (*_like(model), *listed_it)}
        if model.state == RegisteredModel.State.PUBLISHED
        else {}
    )
    Neighbour.objects.filter(Q(model=model) | Q(other=model)).delete()
    gist = search.gist(model)
    likeness = {pk: search.likeness(gist, search.gist(other))[0] for pk, other in found.items()}
    scores = {pk: score for pk, score in likeness.items() if score >= search.RELATED}
    pairs = [(model.pk, pk, score) for pk, score in scores.items()] + [
        (pk, model.pk, score) for pk, score in scores.items()
    ]
    rows = [Neighbour(model_id=one, other_id=other, score=score) for one, other, score in pairs]
    Neighbour.objects.bulk_create(rows, ignore_conflicts=True)
    _keep_best([model.pk, *scores])
    SearchDocument.objects.filter(pk=model_id).update(is_neighbourhood_due=False)


def refresh_due(seconds):
    """Refresh the models that are due, longest waiting first, for about so many seconds. Returns whether some are left."""
    end = time.monotonic() + seconds
    due = SearchDocument.objects.filter(is_neighbourhood_due=True).order_by("written_at")
    for model_id in due.values_list("model_id", flat=True)[:AT_ONCE]:
        refresh(model_id)
        if time.monotonic() > end:
            break
    return due.exists()


def _like(model):
    others = RegisteredModel.objects.published().exclude(pk=model.pk)
    for kind in (others.filter(_is_open()), others.exclude(_is_open())):
        yield from (
            alike.model for alike in search.similar_to(kind, model.name, model.summary, limit=KEPT)
        )


def _keep_best(model_ids):
    """Of each kind the best KEPT stay."""
    place = Window(
        RowNumber(),
        partition_by=["model", _is_open("other__")],
        order_by=[F("score").desc(), F("pk").asc()],
    )
    rows = Neighbour.objects.filter(model__in=model_ids).annotate(place=place)
    Neighbour.objects.filter(
        pk__in=list(rows.filter(place__gt=KEPT).values_list("pk", flat=True))
    ).delete()


def _is_open(path=""):
    return Q(**{f"{path}visibility": RegisteredModel.Visibility.ENTERPRISE})
