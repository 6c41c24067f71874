"""What a publisher sees of a model's use: who consumes it, which versions, what they say, and who still has to move (docs/dashboards.md, "For a publisher")."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Avg, Count, Max, Q, Sum

from catalog.models import ModelVersion, RegisteredModel
from consumption.affected import resolve_for
from consumption.metering import measures, usage
from consumption.metering.usage import Row, Scope, Window
from consumption.models import Discussion, Rating, Subscription
from marketplace.accounts.models import Team
from marketplace.core.plots import Series

DRAWN = 4  # versions of the chart that have a line of their own


@dataclass(frozen=True)
class ConsumerRow:
    """One open subscription: the version that answers it by its policy, and what it called in the window.

    last  the hour or day of its last call in the window; moves: whether its version ends, or it called one that does.
    """

    subscription: Subscription
    version: ModelVersion
    calls: int
    success_percent: float | None
    last: date | datetime | None
    moves: bool


@dataclass(frozen=True)
class VersionRow:
    """One version: calls in the window, how many subscriptions made them, and how many open ones it answers now.

    to_move  of a version that ends: the open subscriptions that it answers or that called it in the window.
    """

    version: ModelVersion
    calls: int
    percent: float
    callers: int
    follows: int
    to_move: int

    @property
    def ends(self) -> bool:
        return self.version.state in ModelVersion.ENDING


@dataclass(frozen=True)
class Feedback:
    """Discussions that wait for the owner by kind, all of them, and the ratings."""

    waiting: dict[str, int]
    discussions: int
    ratings: int
    mean: float | None

    @property
    def waits(self) -> int:
        return sum(self.waiting.values())


@dataclass(frozen=True)
class Adoption:
    """consumers most calls first, versions newest first; `series` are calls by version for each label, the rest together."""

    consumers: list[ConsumerRow]
    versions: list[VersionRow]
    labels: list[str]
    series: list[Series]
    feedback: Feedback

    @property
    def migrations(self) -> list[ConsumerRow]:
        """Who still has to move."""
        return [row for row in self.consumers if row.moves]


@dataclass
class _Called:
    calls: int = 0
    ok: int = 0
    last: date | datetime | None = None


def adoption(model: RegisteredModel, window: Window) -> Adoption:
    """The Adoption of a model. Six queries, however many consumers and versions there are."""
    versions = list(model.versions.filter(state__in=ModelVersion.LISTED).newest_first())
    for version in versions:
        version.model = model
    held = list(Subscription.objects.filter(model=model).granted().for_list())
    grouped = (
        usage.rows(usage.of_model(model), window)
        .order_by()
        .values_list("subscription_id", "version_id")
        .annotate(Sum("calls"), Sum("ok"), Max(window.field))
    )
    called = {(row[0], row[1]): _Called(*row[2:]) for row in grouped}
    answering = {one.pk: resolve_for(one, versions) for one in held}
    ending = {one.pk for one in versions if one.state in ModelVersion.ENDING}
    consumers = [_consumer(one, answering[one.pk], called, ending) for one in held]
    labels, series = _chart(model, window, versions)
    return Adoption(
        sorted(consumers, key=lambda row: (-row.calls, row.subscription.pk)),
        _version_rows(versions, called, answering, consumers),
        labels,
        series,
        _feedback(model),
    )


def _consumer(
    subscription: Subscription,
    version: ModelVersion,
    called: dict[tuple[int, int], _Called],
    ending: set[int],
) -> ConsumerRow:
    own = {pk: sums for (one, pk), sums in called.items() if one == subscription.pk}
    calls = sum(sums.calls for sums in own.values())
    totals = {measures.CALLS: calls, "ok": sum(sums.ok for sums in own.values())}
    return ConsumerRow(
        subscription,
        version,
        calls,
        measures.answered_percent(totals),
        max((sums.last for sums in own.values() if sums.last), default=None),
        version.pk in ending or bool(ending & own.keys()),
    )


def _version_rows(
    versions: list[ModelVersion],
    called: dict[tuple[int, int], _Called],
    answering: dict[int, ModelVersion],
    consumers: list[ConsumerRow],
) -> list[VersionRow]:
    callers: dict[int, set[int]] = defaultdict(set)
    calls: dict[int, int] = defaultdict(int)
    for (subscription, pk), sums in called.items():
        callers[pk].add(subscription)
        calls[pk] += sums.calls
    total = sum(calls.values())
    open_ones = {row.subscription.pk for row in consumers}
    rows = []
    for version in versions:
        follow = {one for one, answered in answering.items() if answered.pk == version.pk}
        ends = version.state in ModelVersion.ENDING
        rows.append(
            VersionRow(
                version,
                calls[version.pk],
                100 * calls[version.pk] / total if total else 0.0,
                len(callers[version.pk]),
                len(follow),
                len(follow | (callers[version.pk] & open_ones)) if ends else 0,
            )
        )
    return rows


def _chart(
    model: RegisteredModel, window: Window, versions: list[ModelVersion]
) -> tuple[list[str], list[Series]]:
    """Calls of each step by version: of those most called, then of the others together."""
    counted = usage.rows(usage.of_model(model), window).order_by()
    by_version: dict[int, dict[Any, int]] = defaultdict(dict)
    for start, version, calls in counted.values_list(window.field, "version_id").annotate(
        Sum("calls")
    ):
        by_version[version][start] = calls
    busiest = sorted(by_version, key=lambda pk: (-sum(by_version[pk].values()), pk))
    numbers = {one.pk: one.number for one in versions}
    starts = window.starts()
    series = [
        Series(
            numbers.get(pk, "no longer listed"), [by_version[pk].get(start, 0) for start in starts]
        )
        for pk in busiest[:DRAWN]
    ]
    if others := busiest[DRAWN:]:
        values = [sum(by_version[pk].get(start, 0) for pk in others) for start in starts]
        series.append(Series("Others", values, "neutral"))
    return window.labels(), series


def _feedback(model: RegisteredModel) -> Feedback:
    discussions = (
        Discussion.objects.filter(model=model)
        .order_by()
        .values_list("kind")
        .annotate(n=Count("pk"), waiting=Count("pk", Q(state__in=Discussion.WAITING)))
    )
    rows = list(discussions)
    rated = Rating.objects.filter(model=model).aggregate(n=Count("pk"), mean=Avg("stars"))
    labels = dict(Discussion.Kind.choices)
    return Feedback(
        {labels[kind]: waiting for kind, _, waiting in rows if waiting},
        sum(count for _, count, _ in rows),
        rated["n"],
        rated["mean"],
    )


@dataclass(frozen=True)
class OwnModelRow:
    """One of a publisher's models: its use in the window, what its users wait for, and how many of them still have to move."""

    model: RegisteredModel
    use: Row
    subscriptions: int
    waits: int
    to_move: int


def portfolio(teams: Iterable[Team], window: Window) -> list[OwnModelRow]:
    """An OwnModelRow for each published model of these teams, most calls first. Six queries for any number of them."""
    models = {
        one.pk: one for one in RegisteredModel.objects.filter(owner_team__in=teams).published()
    }
    scope = Scope(Q(version__model__in=list(models)))
    used = {row.key: row for row in usage.by(scope, window, "model")}
    waiting = Discussion.objects.waiting().filter(model__in=models).order_by()
    waits = dict(waiting.values_list("model_id").annotate(Count("pk")))
    held, to_move = _to_move(models, scope, window)
    rows = [
        OwnModelRow(
            model,
            used.get(pk) or Row(pk, model.name, ""),
            held[pk],
            waits.get(pk, 0),
            to_move[pk],
        )
        for pk, model in models.items()
    ]
    return sorted(rows, key=lambda row: (-row.use.counts["calls"], row.model.name, row.model.pk))


def _to_move(
    models: dict[int, RegisteredModel], scope: Scope, window: Window
) -> tuple[dict[int, int], dict[int, int]]:
    """({model id: open subscriptions}, {model id: those of them that an ending version answers, or that called one})."""
    versions: dict[int, list[ModelVersion]] = defaultdict(list)
    for version in ModelVersion.objects.filter(model__in=models, state__in=ModelVersion.LISTED):
        versions[version.model_id].append(version)
    ending = {
        one.pk for rows in versions.values() for one in rows if one.state in ModelVersion.ENDING
    }
    called_ending = set(
        usage.rows(scope, window)
        .filter(version__in=ending)
        .order_by()
        .values_list("subscription_id", flat=True)
        .distinct()
    )
    held: dict[int, int] = defaultdict(int)
    to_move: dict[int, int] = defaultdict(int)
    for one in (
        Subscription.objects.filter(model__in=models)
        .granted()
        .select_related("pinned_version", "held_version")
    ):
        held[one.model_id] += 1
        answered = resolve_for(one, versions[one.model_id])
        to_move[one.model_id] += answered.pk in ending or one.pk in called_ending
    return held, to_move
