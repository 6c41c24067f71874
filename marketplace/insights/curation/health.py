"""The health score of a model, 0..100, in five parts with their facts (docs/curation.md, "Health").

The nightly sweep writes it for every published model: a few queries for each batch of models, one row written where it changed.
A card is read and judged again only where something changed from which its completeness follows.
"""

import inspect
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any

from django.db.models import (
    Count,
    F,
    Func,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
)
from django.db.models.functions import Cast
from django.utils import timezone

from catalog.models import Alias, ModelVersion, RegisteredModel
from consumption.models import Discussion, UsageDay
from governance import cards, policies, tiering
from governance.models import Evaluation, GateResult, TierAssessment
from hosting.service_levels import ENOUGH_CALLS
from marketplace.core.templatetags.formatting import quantity
from marketplace.insights.curation.fact import in_service
from marketplace.insights.curation.findings.use import day_of
from marketplace.insights.models import HealthScore

BATCH = 500  # models
DATA_DAYS = 30  # before it says nothing
FULL_DAYS, NO_DAYS = 182, 730  # an age with all points, and the first without any
WAITS_DAYS = 14  # an issue may wait so long before it costs a point
ERROR_LIMIT = Decimal(5)  # percent of failed calls that leave no point
PRIOR_RATING = Decimal("3.5")
Verdict = GateResult.Verdict
RESULTS: dict[str, int] = {Verdict.PASS: 10, Verdict.INCONCLUSIVE: 5}
SAID: dict[str, str] = {
    Verdict.PASS: "It passed the evaluation",
    Verdict.INCONCLUSIVE: "The evaluation was not conclusive",
    Verdict.FAIL: "It did not pass the evaluation",
}


@dataclass(frozen=True)
class CardScore:
    """How complete a card is, in percent, by the rules in force. key: a digest of all that this follows from."""

    key: str
    score: int
    needed: int
    ok: bool


@dataclass
class Known:
    """What is known of one model for its score."""

    model: RegisteredModel
    version: ModelVersion
    card: CardScore
    first_published: date
    published_at: datetime
    evaluated_on: date | None = None
    verdict: str = ""
    calls: int = 0
    failed: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Part:
    """One part of the score. points: of `of`, whole. facts: sentences."""

    name: str
    points: int
    of: int
    facts: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "points": self.points, "of": self.of, "facts": self.facts}


def write(today: date) -> int:
    """Score every model in service anew; models that are no longer in service lose theirs. Returns how many rows changed."""
    changed, last = 0, 0
    while ids := list(
        in_service().filter(pk__gt=last).values_list("pk", flat=True).order_by("pk")[:BATCH]
    ):
        changed += _write_batch(ids, today)
        last = ids[-1]
    HealthScore.objects.exclude(model__in=in_service().order_by()).delete()
    return changed


def _write_batch(ids: list[int], today: date) -> int:
    before = HealthScore.objects.in_bulk(ids)
    new, changed = [], []
    for known in known_of(ids, today, before):
        row = score_of(known, today)
        old = before.get(known.model.pk)
        if old is None:
            new.append(row)
        elif _facts(old) != _facts(row):
            changed.append(row)
    HealthScore.objects.bulk_create(new)
    HealthScore.objects.bulk_update(changed, [*FIELDS, "changed_at"])
    return len(new) + len(changed)


FIELDS = ["score", "parts", "card_key", "card_score", "card_needed", "card_passes", "known_from"]


def _facts(row: HealthScore) -> list[Any]:
    return [getattr(row, name) for name in FIELDS]


def score_of(known: Known, today: date) -> HealthScore:
    """The row of a model, not saved."""
    parts = parts_of(known, today)
    known_from = known.first_published + timedelta(days=DATA_DAYS)
    return HealthScore(
        model=known.model,
        score=sum(part.points for part in parts) if known_from <= today else None,
        parts=[part.as_json() for part in parts],
        card_key=known.card.key,
        card_score=known.card.score,
        card_needed=known.card.needed,
        card_passes=known.card.ok,
        known_from=known_from,
        changed_at=timezone.now(),
    )


# ── The parts ─────────────────────────────────────────────────────────────


def parts_of(known: Known, today: date) -> list[Part]:
    return [
        documentation(known),
        evaluation(known, today),
        operations(known),
        freshness(known, today),
        feedback(known),
    ]


def documentation(known: Known) -> Part:
    """25 × the share of the card that is complete."""
    said = f"The card of {known.version.number} is {known.card.score} % complete."
    return Part("Documentation", round(25 * known.card.score / 100), 25, [said])


def evaluation(known: Known, today: date) -> Part:
    """15 for an independent evaluation that is not old, 10 for its result."""
    if known.evaluated_on is None:
        return Part("Evaluation, current", 0, 25, ["Not evaluated independently yet."])
    current = _aged(15, known.evaluated_on, today)
    result = RESULTS.get(known.verdict, 0)
    said = SAID.get(known.verdict, "The evaluation gate has no result")
    facts = [
        f"Evaluated independently on {known.evaluated_on:%-d %b %Y}: {current} of 15.",
        f"{said}: {result} of 10.",
    ]
    return Part("Evaluation, current", current + result, 25, facts)


def operations(known: Known) -> Part:
    """10 for the promised availability, 5 for the promised time, 5 for few failed calls; 30 days."""
    if known.calls < ENOUGH_CALLS:
        said = f"{quantity(known.calls, 'call,calls')} in 30 days are too few to say more."
        return Part("Operations", 20, 20, [said, "Nothing is held against it."])
    availability, slow = known.model.measured_availability, known.model.measured_p95_ms
    parts = [
        _availability(known.version.sla.get("availability"), availability),
        _time(known.version.sla.get("p95_ms"), slow),
        _errors(known),
    ]
    return Part("Operations", sum(points for points, _ in parts), 20, [said for _, said in parts])


def _availability(promised: Any, measured: Decimal | None) -> tuple[int, str]:
    limit = _number(promised)
    if limit is None or measured is None:
        return 10, "No availability is promised, or measured: 10 of 10."
    points = 10
    if measured < limit:
        points = round(
            max(Decimal(0), 10 * (1 - (limit - measured) / max(100 - limit, Decimal(1))))
        )
    return points, f"Availability {measured} %, promised {limit} %: {points} of 10."


def _time(promised: Any, measured: int | None) -> tuple[int, str]:
    limit = _number(promised)
    if limit is None or measured is None:
        return 5, "No answer time is promised, or measured: 5 of 5."
    points = 5 if measured <= limit else 0
    return points, f"95 % of answers within {measured} ms, promised {limit:f} ms: {points} of 5."


def _errors(known: Known) -> tuple[int, str]:
    share = Decimal(100 * known.failed) / known.calls
    points = round(5 * (1 - min(share / ERROR_LIMIT, Decimal(1))))
    return points, f"{share:.2f} % of {known.calls:,} calls failed: {points} of 5."


def freshness(known: Known, today: date) -> Part:
    """15 until 182 days after the newest publication, falling to 0 at two years."""
    published = day_of(known.published_at)
    said = f"Newest version published on {published:%-d %b %Y}."
    return Part("Freshness", _aged(15, published, today), 15, [said])


def feedback(known: Known) -> Part:
    """10 for the rating, 3.5 without one; 5 less one for each issue that waits."""
    mean = known.model.rating_mean
    rated = round(10 * ((mean or PRIOR_RATING) - 1) / 4)
    answered = max(0, 5 - known.waiting)
    said = (
        f"Rated {mean} of 5 by {quantity(known.model.rating_count, 'team,teams')}: {rated} of 10."
        if mean is not None
        else f"Not rated yet, counted as {PRIOR_RATING}: {rated} of 10."
    )
    waits = quantity(known.waiting, "issue waits,issues wait")
    facts = [said, f"{waits} longer than {WAITS_DAYS} days: {answered} of 5."]
    return Part("Feedback", rated + answered, 15, facts)


def _aged(most: int, since: date, today: date) -> int:
    """All points up to FULL_DAYS, none from NO_DAYS on, a straight line between."""
    days = (today - since).days
    share = (NO_DAYS - days) / (NO_DAYS - FULL_DAYS)
    return round(most * min(1.0, max(0.0, share)))


def _number(value: Any) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))


# ── What is known ─────────────────────────────────────────────────────────


def known_of(ids: Sequence[int], today: date, before: Mapping[int, HealthScore]) -> Iterator[Known]:
    """What is known of these models, those without a stable version left out. As many queries for one as for many.

    before: {model id: the row of the last run}.
    """
    first = _first_publications(ids)
    evaluated = _evaluations(ids)
    verdicts, calls, waiting = _verdicts(ids), _calls(ids, today), _waiting(ids, today)
    versions = list(_stable(ids))
    completeness = _completeness(versions, before)
    for version in versions:
        yield Known(
            model=version.model,
            version=version,
            card=completeness[version.pk],
            first_published=first[version.model_id],
            published_at=version.model.last_published_at or version.created_at,
            evaluated_on=evaluated.get(version.pk),
            verdict=verdicts.get(version.pk, ""),
            calls=calls.get(version.model_id, (0, 0))[0],
            failed=calls.get(version.model_id, (0, 0))[1],
            waiting=waiting.get(version.model_id, 0),
        )


def _stable(ids: Sequence[int]) -> QuerySet[ModelVersion]:
    """The stable versions, with the columns that a score asks about; of card and risk answers only what tells a change."""
    named = Alias.objects.filter(model__in=ids, name=Alias.STABLE).values("version")
    newest = TierAssessment.objects.filter(version=OuterRef("pk")).order_by("-at", "-id")
    versions: QuerySet[ModelVersion] = ModelVersion.objects.filter(
        pk__in=named, published_at__isnull=False
    ).select_related("model")
    return (
        versions.annotate(
            card_md5=Func(Cast("card__data", TextField()), function="md5"),
            assessment=Subquery(newest.values("pk")[:1]),
        )
        .only("number", "sla", "risk_tier", "created_at", *(f"model__{name}" for name in OF_MODEL))
        .order_by("model_id")
    )


OF_MODEL = (
    "last_published_at",
    "measured_availability",
    "measured_p95_ms",
    "rating_mean",
    "rating_count",
)


def _completeness(
    versions: Sequence[Any], before: Mapping[int, HealthScore]
) -> dict[int, CardScore]:
    """{version id: how complete its card is}; judged again only where the key is another one."""
    rules = policies.in_force()
    judges = _digest(rules.texts["card_schema"], repr(rules.fields), *_code())
    keys = {
        version.pk: _digest(
            judges, version.pk, version.risk_tier, version.card_md5, version.assessment
        )
        for version in versions
    }
    scores = {}
    for version in versions:
        old = before.get(version.model_id)
        if old is not None and old.card_key == keys[version.pk]:
            scores[version.pk] = CardScore(
                old.card_key, old.card_score, old.card_needed, old.card_passes
            )
    for version in _with_cards(keys.keys() - scores.keys()):
        assessments = version.assessments.all()
        answers = assessments[0].answers if assessments else {}
        card = rules.completeness(
            policies.card_data(version, answers),
            version.risk_tier or "low",
            tiering.conditions(answers),
        )
        scores[version.pk] = CardScore(keys[version.pk], card.score, card.needed, card.ok)
    return scores


@cache
def _code() -> tuple[str, str]:
    """What judges: another release may judge differently."""
    return inspect.getsource(cards), inspect.getsource(tiering)


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _with_cards(versions: Collection[int]) -> QuerySet[ModelVersion]:
    joined = ModelVersion.objects.filter(pk__in=versions).select_related("model", "card")
    return joined.prefetch_related(
        Prefetch("assessments", TierAssessment.objects.order_by("-at", "-id"))
    )


def _first_publications(ids: Sequence[int]) -> dict[int, date]:
    published = ModelVersion.objects.filter(model__in=ids, published_at__isnull=False)
    rows = published.values_list("model").annotate(first=Min("published_at")).order_by()
    return {model: day_of(at) for model, at in rows}


def _evaluations(ids: Sequence[int]) -> dict[int, date]:
    figures = Evaluation.objects.filter(
        version__model__in=ids, kind=Evaluation.Kind.INDEPENDENT, slice=""
    )
    rows = figures.values_list("version").annotate(at=Max("at")).order_by()
    return {version: day_of(at) for version, at in rows}


def _verdicts(ids: Sequence[int]) -> dict[int, str]:
    results = GateResult.objects.filter(
        version__model__in=ids,
        gate="evaluation",
        manifest_sha256=F("version__manifest_sha256"),
    )
    newest = results.order_by("version_id", "-id").distinct("version_id")
    return dict(newest.values_list("version_id", "verdict"))


def _calls(ids: Sequence[int], today: date) -> dict[int, tuple[int, int]]:
    """{model id: (calls that say something about it, failed ones) in 30 days}."""
    days = UsageDay.objects.filter(
        day__gt=today - timedelta(days=DATA_DAYS), subscription__model__in=ids
    )
    rows = days.values_list("subscription__model").annotate(
        served=Sum(F("ok") + F("client_errors")), failed=Sum("upstream_errors")
    )
    return {model: (served + failed, failed) for model, served, failed in rows.order_by()}


def _waiting(ids: Sequence[int], today: date) -> dict[int, int]:
    issues = Discussion.objects.waiting().filter(
        Q(kind=Discussion.Kind.BUG) | Q(kind=Discussion.Kind.REQUEST),
        model__in=ids,
        opened_at__date__lt=today - timedelta(days=WAITS_DAYS),
    )
    return dict(issues.values_list("model").annotate(number=Count("pk")).order_by())
