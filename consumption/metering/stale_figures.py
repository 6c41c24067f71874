"""The figures of models in the catalog (calls, teams, measured latency) are written anew when they change, and once a day.

The database marks a model with every change of its hours; a day that begins marks all models that have figures, because these
look back over days. Whoever writes figures takes marks and writes in one transaction, a batch at a time (docs/scale.md).
"""

from collections.abc import Callable
from datetime import UTC, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import FiguresDay, StaleFigures

BATCH = 200
KINDS = ("service", "usage")
HAVE_FIGURES = (
    Q(calls_30d__gt=0)
    | Q(consumer_teams__gt=0)
    | Q(measured_p95_ms__isnull=False)
    | Q(measured_availability__isnull=False)
)
# Marks of hours that are just being written stay for the next time.
TAKE = """
DELETE FROM consumption_stalefigures WHERE id = ANY(ARRAY(
  SELECT id FROM consumption_stalefigures WHERE figures = %s ORDER BY model_id LIMIT %s FOR UPDATE SKIP LOCKED
)) RETURNING model_id
"""


def write_all(figures: str, write: Callable[[list[int]], None]) -> None:
    """Call `write` with the ids of models whose `figures` (one of KINDS) wait, a batch at a time, until none does."""
    begin_day()
    while _write_batch(figures, write):
        pass


@transaction.atomic
def _write_batch(figures: str, write: Callable[[list[int]], None]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [figures, BATCH])
        models = sorted(model for (model,) in cursor.fetchall())
    if models:
        write(models)
    return len(models) == BATCH


@transaction.atomic
def begin_day() -> None:
    """Mark all models that have figures, once a day (UTC): yesterday's 30 days are not today's."""
    today = timezone.now().astimezone(UTC).date()
    if (
        FiguresDay.objects.filter(day=today).exists()
        or not FiguresDay.objects.get_or_create(day=today)[1]
    ):
        return
    FiguresDay.objects.filter(day__lt=today - timedelta(days=7)).delete()
    now = timezone.now()
    models = (
        RegisteredModel.objects.filter(HAVE_FIGURES).order_by("pk").values_list("pk", flat=True)
    )
    marks = (
        StaleFigures(model_id=model, figures=kind, at=now) for model in models for kind in KINDS
    )
    StaleFigures.objects.bulk_create(marks, ignore_conflicts=True, batch_size=2_000)
