"""How many models, teams and units with models somebody sees (docs/catalog-growth.md).

The open part is kept in this process: until the database writes a listing (SearchDocument.written_at), and at most KEPT_S
seconds, as a transaction may commit after a later one. What only some may see is counted anew for each person.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import connection
from django.db.models import Max

from catalog.models import RegisteredModel, SearchDocument

KEPT_S = 30.0
COLUMNS = (
    "owner_team__business_unit_id",
    "owner_team_id",
)


@dataclass(frozen=True)
class Counts:
    """`total` models; `by` maps each of COLUMNS to a Counter of its values, without what is empty. `written_at`: of `last_written`."""

    total: int = 0
    by: dict[str, Counter] = field(
        default_factory=lambda: {column: Counter() for column in COLUMNS}
    )
    written_at: datetime | None = None

    def __add__(self, other):
        return Counts(
            self.total + other.total,
            {column: self.by[column] + other.by[column] for column in COLUMNS},
            self.written_at,
        )

    @property
    def teams(self):
        return len(self.by["owner_team_id"])


def last_written():
    """When the database wrote the words or the visibility of a listing last; None before the first. One look into an index."""
    return SearchDocument.objects.aggregate(newest=Max("written_at"))["newest"]


def seen_by(user):
    """The Counts of the published models that a person who is signed in may see."""
    return _open() + of(RegisteredModel.objects.visible_to(user).not_open())


def of(models):
    """The Counts of a RegisteredModel queryset. The rows are read once for all columns."""
    inner, parameters = models.order_by().values_list(*COLUMNS).query.sql_with_params()
    names = [f"c{place}" for place in range(len(COLUMNS))]
    sets = ", ".join(f"({name})" for name in names)
    sql = (
        f"SELECT {', '.join(names)}, {', '.join(f'grouping({name})' for name in names)}, count(*)"
        f" FROM ({inner}) AS m ({', '.join(names)}) GROUP BY GROUPING SETS ((), {sets})"
    )
    total, by = 0, {column: Counter() for column in COLUMNS}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for row in cursor.fetchall():
            grouped, count = row[len(COLUMNS) : -1], row[-1]
            if 0 not in grouped:
                total = count
            elif (value := row[grouped.index(0)]) not in (None, ""):
                by[COLUMNS[grouped.index(0)]][value] = count
    return Counts(total, by)


class _Kept:
    def __init__(self):
        self.written_at, self.at, self.counts = None, float("-inf"), Counts()
        self.lock = threading.Lock()


_kept = _Kept()


def _open():
    written_at = last_written()
    with _kept.lock:
        if _kept.written_at != written_at or time.monotonic() - _kept.at > KEPT_S:
            everybodys = RegisteredModel.objects.published().filter(
                visibility=RegisteredModel.Visibility.ENTERPRISE
            )
            counted = replace(of(everybodys), written_at=written_at)
            _kept.counts, _kept.written_at, _kept.at = counted, written_at, time.monotonic()
        return _kept.counts
