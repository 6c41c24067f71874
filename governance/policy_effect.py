"""What a change of the rules would mean for the versions there are, by the same judgement as for real (governance.rules)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import F, Prefetch

from catalog.models import ModelVersion
from governance import gates, periods, policies, tiering
from governance.matrix import RULES_BY_KIND
from governance.models import GateResult, TierAssessment
from governance.rules import Rules

MOST = 1_000  # versions that are judged, the newest; more would make the page wait
State = ModelVersion.State
UNDER_REVIEW = (State.SUBMITTED, State.CHECKING, State.IN_REVIEW, State.APPROVED)


class Effect(StrEnum):
    TIER = "changes its tier"
    FAILS = "would fail"
    REVIEW = "needs another review"
    EASIER = "needs less"
    TIME = "other periods"


@dataclass(frozen=True)
class Consequence:
    effect: Effect
    says: str


@dataclass(frozen=True)
class Concerned:
    """A version that the change concerns, and how."""

    version: ModelVersion
    consequences: tuple[Consequence, ...]

    @property
    def when(self) -> str:
        """From when on the new rules count for it."""
        if self.version.is_editable:
            return "at its submission"
        return (
            "when it is submitted again"
            if self.version.state in UNDER_REVIEW
            else "at its next review"
        )


@dataclass(frozen=True)
class Preview:
    """What a change would mean. `judged` of `total` versions were looked at, the newest first."""

    concerned: tuple[Concerned, ...]
    judged: int
    total: int

    @property
    def counts(self) -> dict[str, int]:
        """Effect → number of versions."""
        found = Counter(
            effect
            for row in self.concerned
            for effect in {consequence.effect for consequence in row.consequences}
        )
        return {str(effect): found[effect] for effect in Effect if found[effect]}


@dataclass(frozen=True)
class Judgement:
    """What some rules say about a version."""

    tier: str
    score: int
    is_complete: bool
    needed: int
    reviews: dict[str, int]
    people: int
    blocking: frozenset[str]
    points: dict[str, frozenset[str]]
    days: dict[str, int]


def preview(before: Rules, after: Rules) -> Preview:
    """The versions in draft, under review or in use that other rules would judge otherwise."""
    versions = ModelVersion.objects.filter(
        state__in=(*ModelVersion.EDITABLE, *UNDER_REVIEW, *ModelVersion.LIVE)
    ).exclude(risk_tier__in=("", "prohibited"))
    rows = _with_evidence(versions.order_by("-pk"))
    concerned = tuple(
        Concerned(version, consequences)
        for version in rows
        if (consequences := tuple(compare(_judge(before, version), _judge(after, version))))
    )
    return Preview(concerned, len(rows), versions.count())


def compare(old: Judgement, new: Judgement) -> Iterator[Consequence]:
    """What differs between two judgements of one version."""
    if old.tier != new.tier:
        yield Consequence(Effect.TIER, f"{old.tier} risk becomes {new.tier}")
    if old.is_complete and not new.is_complete:
        yield Consequence(
            Effect.FAILS,
            f"card {new.score} % complete, {new.needed} % needed, or a starred field is missing",
        )
    for name in sorted(new.blocking - old.blocking):
        yield Consequence(Effect.FAILS, f"{gates.BY_NAME[name].label} blocks")
    for kind in new.reviews.keys() - old.reviews.keys():
        yield Consequence(Effect.REVIEW, f"{RULES_BY_KIND[kind].label} review")
    if new.people > old.people:
        yield Consequence(Effect.REVIEW, f"{new.people} people instead of {old.people}")
    yield from _points(old, new)
    yield from _easier(old, new)
    yield from _times(old, new)


def _points(old: Judgement, new: Judgement) -> Iterator[Consequence]:
    for kind in sorted(new.reviews.keys() & old.reviews.keys()):
        added = len(new.points[kind] - old.points[kind])
        if added:
            yield Consequence(
                Effect.REVIEW,
                f"{added} new in the checklist of {RULES_BY_KIND[kind].label.lower()}",
            )


def _easier(old: Judgement, new: Judgement) -> Iterator[Consequence]:
    if new.is_complete and not old.is_complete:
        yield Consequence(Effect.EASIER, "its card is complete enough")
    for name in sorted(old.blocking - new.blocking):
        yield Consequence(Effect.EASIER, f"{gates.BY_NAME[name].label} only warns")
    for kind in old.reviews.keys() - new.reviews.keys():
        yield Consequence(Effect.EASIER, f"no {RULES_BY_KIND[kind].label.lower()} review")
    if new.people < old.people:
        yield Consequence(Effect.EASIER, f"{new.people} people instead of {old.people}")


def _times(old: Judgement, new: Judgement) -> Iterator[Consequence]:
    for kind in sorted(new.reviews.keys() & old.reviews.keys()):
        if old.reviews[kind] != new.reviews[kind]:
            label = RULES_BY_KIND[kind].label.lower()
            yield Consequence(
                Effect.TIME,
                f"{label} within {new.reviews[kind]} business days instead of {old.reviews[kind]}",
            )
    for name, (label, _) in periods.BY_TIER.items():
        if old.days[name] != new.days[name]:
            yield Consequence(
                Effect.TIME, f"{label.lower()} {new.days[name]} days instead of {old.days[name]}"
            )


def _judge(rules: Rules, version: ModelVersion) -> Judgement:
    answers = version.assessments.all()[0].answers if version.assessments.all() else {}
    conditions = tiering.conditions(answers)
    tier = rules.assess(answers).tier if answers else version.risk_tier
    card = rules.completeness(policies.card_data(version, answers), tier, conditions)
    reviews = dict(rules.required_reviews(tier, conditions))
    return Judgement(
        tier=tier,
        score=card.score,
        is_complete=card.ok,
        needed=card.needed,
        reviews=reviews,
        people=rules.min_people(tier),
        blocking=frozenset(_blocking(rules, version, tier)),
        points={
            kind: frozenset(point.id for point in rules.checklist(kind, tier, conditions))
            for kind in reviews
        },
        days={name: rules.days(name, tier) for name in periods.BY_TIER},
    )


def _blocking(rules: Rules, version: ModelVersion, tier: str) -> Iterator[str]:
    """The checks whose newest result about the present bytes blocks. The card is judged anew, not by its old result."""
    for result in version.newest_results:  # type: ignore[attr-defined]
        is_known = result.gate in gates.BY_NAME and result.gate != "documentation"
        passed = result.verdict in (GateResult.Verdict.PASS, GateResult.Verdict.NOT_APPLICABLE)
        if (
            is_known
            and not passed
            and rules.severity_of(result.gate, tier, result.verdict) == gates.BLOCK
        ):
            yield result.gate


def _with_evidence(versions: Any) -> list[ModelVersion]:
    results = (
        GateResult.objects.filter(manifest_sha256=F("version__manifest_sha256"))
        .order_by("version_id", "gate", "-id")
        .distinct("version_id", "gate")
    )
    return list(
        versions.select_related("model__model_type", "model__owner_team", "card").prefetch_related(
            Prefetch("assessments", TierAssessment.objects.order_by("-at", "-id")),
            Prefetch("gate_results", results, to_attr="newest_results"),
        )[:MOST]
    )
