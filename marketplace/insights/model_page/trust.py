"""The trust label: eight points that are computed, each with the page of its evidence (docs/model-page.md, "Trust")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from catalog.models import ModelVersion
from consumption.metering.consumers import Consumers
from consumption.subscribing.answering import Answering, in_words
from governance.headlines import Headline
from governance.models import GateResult
from hosting.service_levels import Promise
from marketplace.core.templatetags.formatting import listed, number, quantity

FRESH = timedelta(days=182)
EVALUATED = timedelta(days=365)
SECURITY = ("integrity", "safety", "secrets", "dependencies", "refusals")
SILVER, BRONZE = 6, 4  # points of eight
REQUIRED_FOR_SILVER = ("Independent evaluation", "Security")
Verdict = GateResult.Verdict
PASSED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


@dataclass(frozen=True)
class Point:
    """One of the eight. needs: what would meet it, as the end of a sentence; "" when it is met. tab: the URL name of the evidence."""

    name: str
    said: str
    tab: str
    needs: str = ""

    @property
    def is_met(self) -> bool:
        return not self.needs


@dataclass(frozen=True)
class Trust:
    """The points, and the level that follows from them: Gold, Silver, Bronze, or "" below these."""

    points: list[Point]

    @property
    def met(self) -> int:
        return sum(point.is_met for point in self.points)

    @property
    def level(self) -> str:
        if self.met == len(self.points):
            return "Gold"
        required = [point for point in self.points if point.name in REQUIRED_FOR_SILVER]
        if self.met >= SILVER and all(point.is_met for point in required):
            return "Silver"
        return "Bronze" if self.met >= BRONZE else ""

    @property
    def next(self) -> str:
        """What the next level needs, in a sentence; "" on Gold."""
        missing = [point for point in self.points if not point.is_met]
        if not missing:
            return ""
        if self.level == "Silver":
            return f"Gold needs {listed([point.needs for point in missing])}."
        required = [point for point in missing if point.name in REQUIRED_FOR_SILVER]
        if self.level == "Bronze":
            others = [point for point in missing if point not in required]
            asked = [*required, *others[: max(0, SILVER - self.met - len(required))]]
            return f"Silver needs {listed([point.needs for point in asked])}."
        return f"Bronze needs {quantity(BRONZE - self.met, 'more point,more points')}; the nearest is {missing[0].needs}."


@dataclass(frozen=True)
class Facts:
    """What the points are computed from. touches_people: by its risk answers. owner_is_there: active, and on the owner team."""

    version: ModelVersion
    gates: Sequence[GateResult]
    headline: Headline | None
    promises: Sequence[Promise]
    calls: int
    consumers: Consumers
    answering: Answering
    touches_people: bool
    owner_is_there: bool


def trust(facts: Facts) -> Trust:
    """The Trust of a version that was submitted. Asks nothing of the database."""
    gates = {result.gate: result for result in facts.gates}
    return Trust(
        [
            card_point(gates.get("documentation")),
            evaluation_point(facts.headline),
            fairness_point(gates.get("fairness"), facts.touches_people),
            security_point([gates[name] for name in SECURITY if name in gates]),
            service_point(facts.promises, facts.calls),
            owner_point(facts),
            use_point(facts.consumers),
            freshness_point(facts.version),
        ]
    )


def card_point(result: GateResult | None) -> Point:
    name, tab = "Model card", "governance:card"
    if result and result.verdict in PASSED:
        return Point(name, "complete", tab)
    score = result.metrics.get("score") if result else None
    said = "not checked" if score is None else f"{score} % complete"
    return Point(name, said, tab, "a complete model card")


def evaluation_point(headline: Headline | None) -> Point:
    name, tab = "Independent evaluation", "governance:evidence"
    if headline is None or not headline.is_independent:
        return Point(name, "none yet", tab, "an independent evaluation")
    age = timezone.now() - headline.figure.at
    said = _age(age)
    return Point(name, said, tab, "" if age <= EVALUATED else "a newer independent evaluation")


def fairness_point(result: GateResult | None, touches_people: bool) -> Point:
    name, tab = "Fairness", "governance:evidence"
    if result is None:
        if touches_people:
            return Point(name, "not tested", tab, "a fairness test of its answers about people")
        return Point(name, "not about people", tab)
    if result.verdict in PASSED:
        return Point(name, "groups alike" if result.verdict == Verdict.PASS else "not asked", tab)
    if result.verdict == Verdict.FAIL:
        return Point(name, "1 finding", tab, "the fairness finding closed")
    return Point(name, "not conclusive", tab, "a fairness test with enough rows of each group")


def security_point(results: list[GateResult]) -> Point:
    name, tab = "Security", "governance:evidence"
    if not results:
        return Point(name, "not checked", tab, "the security checks")
    found = sum(result.verdict not in PASSED for result in results)
    if not found:
        return Point(name, "no finding", tab)
    said = quantity(found, "finding,findings")
    return Point(name, said, tab, f"{said} of the security checks closed")


def service_point(promises: Sequence[Promise], calls: int) -> Point:
    name, tab = "Service level", "hosting:deployment"
    if not promises:
        return Point(name, "nothing promised", tab, "a promised service level")
    if any(promise.verdict == Promise.BROKEN for promise in promises):
        return Point(name, "missed, 30 days", tab, "its promised service level met for 30 days")
    if any(promise.verdict == Promise.KEPT for promise in promises):
        return Point(name, "met, 30 days", tab)
    return Point(
        name, f"too few calls ({number(calls)})", tab, "enough calls to measure its service"
    )


def owner_point(facts: Facts) -> Point:
    name, tab, answering = "Owner", "consumption:plans", facts.answering
    if not facts.owner_is_there:
        return Point(name, "not on its team", tab, "an accountable owner on its team")
    if answering.is_late and answering.waiting:
        return Point(
            name,
            f"a request waits {answering.waiting.days} days",
            tab,
            "requests answered in 5 days",
        )
    if answering.median is None:
        return Point(name, "named, nobody waits", tab)
    return Point(name, f"answers in {in_words(answering.median)}", tab)


def use_point(consumers: Consumers) -> Point:
    name, tab = "In use", "consumption:model_usage"
    if not consumers.outside:
        return Point(name, "by no other team", tab, "another team that uses it")
    return Point(name, f"in {quantity(consumers.units, 'unit,units')}", tab)


def freshness_point(version: ModelVersion) -> Point:
    name, tab = "Fresh", "catalog:versions"
    if version.state not in ModelVersion.LIVE or version.published_at is None:
        return Point(name, "not published", tab, "its publication")
    age = timezone.now() - version.published_at
    if version.is_review_overdue:
        return Point(name, "review overdue", tab, "its approval renewed")
    return Point(name, _age(age), tab, "" if age <= FRESH else "an update in the last six months")


def _age(age: timedelta) -> str:
    return "today" if age.days < 1 else f"{quantity(age.days, 'day,days')} old"
