"""Models like a model, found ahead of time: its page only reads them (docs/catalog-growth.md)."""

import time

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from catalog import search
from catalog.models import Neighbour, RegisteredModel, SearchDocument

AT_ONCE = 100
KEPT = 12  # of each kind (for everybody, for some), so that enough are left for whoever may see few


def of(
    models: "QuerySet[RegisteredModel]", model: RegisteredModel, limit: int
) -> list[RegisteredModel]:
    """The `limit` best of `models` (what the person may see) that are like `model`, best first. At most 2 × KEPT are looked at."""
    scores = dict(Neighbour.objects.filter(model=model).values_list("other", "score"))
    return sorted(
        models.filter(pk__in=scores).order_by(), key=lambda other: (-scores[other.pk], other.name)
    )[:limit]


@transaction.atomic
def refresh(model_id: int) -> None:
    """Look for the neighbours of one model, and make it theirs. Safe to run twice; without effect when it is not due."""
    due = (
        SearchDocument.objects.select_for_update(skip_locked=True)
        .filter(model_id=model_id, is_neighbourhood_due=True)
        .first()
    )
    if due is None:
        return
    model = RegisteredModel.objects.get(pk=model_id)
    is_listed = model.state == RegisteredModel.State.PUBLISHED
    scores = _scores(model) if is_listed else {}
    Neighbour.objects.filter(Q(model=model) | Q(other=model)).delete()
    pairs = [(model.pk, pk, score) for pk, score in scores.items()] + [
        (pk, model.pk, score) for pk, score in scores.items()
    ]
    rows = [Neighbour(model_id=one, other_id=other, score=score) for one, other, score in pairs]
    Neighbour.objects.bulk_create(rows, ignore_conflicts=True)
    _keep_best([model.pk, *scores])
    SearchDocument.objects.filter(pk=model_id).update(is_neighbourhood_due=False, is_case_due=True)


def refresh_due(seconds: float) -> bool:
    """Refresh the models that are due, longest waiting first, for about so many seconds. Returns whether some are left."""
    end = time.monotonic() + seconds
    due = SearchDocument.objects.filter(is_neighbourhood_due=True).order_by("written_at")
    for model_id in due.values_list("model_id", flat=True)[:AT_ONCE]:
        refresh(model_id)
        if time.monotonic() > end:
            break
    return due.exists()


def _scores(model: RegisteredModel) -> dict[int, float]:
    """{id: score} of the best of each kind, and of those that had it among their best."""
    others = RegisteredModel.objects.published()
    best = {
        alike.model.pk: alike.score
        for kind in (others.filter(_is_open()), others.exclude(_is_open()))
        for alike in search.like(kind, model, KEPT)
    }
    return search.scores(others.filter(neighbours__other=model), model) | best


def _keep_best(model_ids: list[int]) -> None:
    """Of each kind the best KEPT stay."""
    place = Window(
        RowNumber(),
        partition_by=[F("model"), ExpressionWrapper(_is_open("other__"), BooleanField())],
        order_by=[F("score").desc(), F("pk").asc()],
    )
    rows = Neighbour.objects.filter(model__in=model_ids).annotate(place=place)
    Neighbour.objects.filter(
        pk__in=list(rows.filter(place__gt=KEPT).values_list("pk", flat=True))
    ).delete()


def _is_open(path: str = "") -> Q:
    return Q(**{f"{path}visibility": RegisteredModel.Visibility.ENTERPRISE})
