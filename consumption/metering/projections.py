"""What the catalog shows of usage: calls and consuming teams, written onto the rows of models (architecture: projections)."""

from datetime import UTC, date, timedelta

from django.db.models import Count, Sum
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.metering import stale_figures
from consumption.models import UsageDay


def project() -> None:
    """Write calls_30d, calls_14d and consumer_teams onto the catalog's rows of models that had calls since the last time."""
    stale_figures.write_all("usage", _project)


def _project(models: list[int]) -> None:
    today = timezone.now().astimezone(UTC).date()
    month = _by_model(models, today - timedelta(days=29))
    daily = _daily(models, today)
    for model in RegisteredModel.objects.filter(pk__in=models).only(
        "calls_30d", "calls_14d", "consumer_teams"
    ):
        calls, teams = month.get(model.pk, (0, 0))
        facts = {
            "calls_30d": calls,
            "calls_14d": [
                daily.get((model.pk, today - timedelta(days=back)), 0) for back in range(13, -1, -1)
            ],
            "consumer_teams": teams,
        }
        if any(getattr(model, name) != value for name, value in facts.items()):
            RegisteredModel.objects.filter(pk=model.pk).update(**facts)


def _by_model(models: list[int], since: date) -> dict[int, tuple[int, int]]:
    """{model id: (calls, teams that called)}."""
    rows = UsageDay.objects.filter(day__gte=since, subscription__model__in=models).values_list(
        "subscription__model_id"
    )
    summed = rows.annotate(total=Sum("calls"), teams=Count("team_id", distinct=True))
    return {model: (calls, teams) for model, calls, teams in summed}


def _daily(models: list[int], today: date) -> dict[tuple[int, date], int]:
    rows = UsageDay.objects.filter(
        day__gt=today - timedelta(days=14), subscription__model__in=models
    )
    summed = rows.values_list("subscription__model_id", "day").annotate(total=Sum("calls"))
    return {(model, day): calls for model, day, calls in summed}
