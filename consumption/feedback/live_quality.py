"""How good a model is on real calls: predictions against what consumers reported (docs/feedback.md, "Outcomes")."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, F, FloatField, Q, QuerySet
from django.db.models.functions import Abs, Cast
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import OutcomeReport
from consumption.permissions import can_see_model_usage
from marketplace.accounts.models import User

WINDOW = timedelta(days=90)
LEAST = 30  # outcomes with a prediction: fewer say nothing of quality
Z = 1.959964  # of a 95 % interval
VERSION, OUTPUT = "version__number", "output"
TEAM = "subscription__application__team__name"
ERROR = Cast(F("predicted_number"), FloatField()) - Cast(F("actual_number"), FloatField())


@dataclass(frozen=True)
class Quality:
    """The outcomes of one version and output, of one consumer team or of all ("").

    n         outcomes with a prediction; `without` have none.
    error     mean absolute error, `bias` mean of predicted − actual: in the output's unit; None for labels.
    right     share of labels that were right, 0..1, with its Wilson 95 % interval `low` to `high`; None for numbers.
    """

    version: str
    output: str
    team: str
    n: int
    without: int
    error: float | None
    bias: float | None
    right: float | None
    low: float | None
    high: float | None

    @property
    def is_enough(self) -> bool:
        return self.n >= LEAST


def of(model: RegisteredModel) -> list[Quality]:
    """Over all consumers, a row a version and output, the newest version first."""
    return _rows(_recent(model), VERSION, OUTPUT)


def by_team(user: User, model: RegisteredModel) -> list[Quality]:
    """A row a consumer team: all of them for the publisher and those who oversee, else the person's own teams."""
    reports = _recent(model)
    if not can_see_model_usage(user, model):
        reports = reports.filter(subscription__application__team__in=user.teams())
    return _rows(reports, VERSION, OUTPUT, TEAM)


def _recent(model: RegisteredModel) -> "QuerySet[OutcomeReport]":
    since = timezone.now() - WINDOW
    return OutcomeReport.objects.filter(version__model=model, called_at__gte=since)


def _rows(reports: "QuerySet[OutcomeReport]", *groups: str) -> list[Quality]:
    has_number, has_label = Q(predicted_number__isnull=False), ~Q(predicted_label="")
    counted = reports.values(*groups).annotate(
        rows=Count("pk"),
        numbers=Count("pk", has_number),
        labels=Count("pk", has_label),
        error=Avg(Abs(ERROR), filter=has_number),
        bias=Avg(ERROR, filter=has_number),
        right=Count("pk", has_label & Q(predicted_label=F("actual_label"))),
    )
    ordered = counted.order_by("-version__major", "-version__minor", "-version__patch", *groups)
    return [_quality(row) for row in ordered]


def _quality(row: dict[str, Any]) -> Quality:
    n, labels = row["numbers"] + row["labels"], row["labels"]
    low, high = wilson(row["right"], labels) if labels else (None, None)
    return Quality(
        version=row[VERSION],
        output=row[OUTPUT],
        team=row.get(TEAM, ""),
        n=n,
        without=row["rows"] - n,
        error=row["error"],
        bias=row["bias"],
        right=row["right"] / labels if labels else None,
        low=low,
        high=high,
    )


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` > 0 (Wilson, 1927)."""
    share, square = successes / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    spread = math.sqrt(share * (1 - share) / n + square / (4 * n * n)) * Z / (1 + square / n)
    low = (
        0.0 if successes == 0 else middle - spread
    )  # exactly: rounding would miss the share itself
    return low, 1.0 if successes == n else middle + spread
