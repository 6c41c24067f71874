"""What a search for findings yields: one thing that is so about a model, with the day since which it is so."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from catalog.models import ModelVersion, RegisteredModel


@dataclass(frozen=True)
class Fact:
    """model: its id. subject, step, since: as of CurationItem. evidence: plain JSON, dates as ISO texts, never counted in days."""

    model: int
    since: date
    evidence: dict[str, Any] = field(default_factory=dict)
    subject: str = ""
    step: int = 0


def in_service() -> QuerySet[RegisteredModel]:
    """Published models with a version that is not on its way out: what the desk looks after."""
    going_on = ModelVersion.objects.filter(
        model=OuterRef("pk"), state=ModelVersion.State.PUBLISHED
    ).order_by()
    models: QuerySet[RegisteredModel] = RegisteredModel.objects.published()
    return models.filter(Exists(going_on)).order_by("pk")
