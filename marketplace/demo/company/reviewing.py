"""Decides the reviews of the demo's submissions as the right people, as far as the story goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from catalog.models import ModelVersion
from governance import actions as governance
from governance import checklists
from governance.models import Review
from governance.policies import checklist_of
from marketplace.accounts.models import User
from publishing import execution_gates

from . import benchmarks, clock, turns
from .listing import Listing, Release
from .submissions import person

STATE = ModelVersion.State
APPROVED, REJECTED = Review.State.APPROVED, Review.State.REJECTED
REVIEWERS = {
    "curation": "mona",
    "evaluation": "eva",
    "fairness": "faye",
    "security": "sam",
    "legal": "leo",
}
FIRST_DECISION, NEXT_DECISION, LAST_DECISION = 20, 9, 90  # hours after submission
FINAL = {"low": "mona", "medium": "rita", "high": "ralf"}


def reviewed(
    version: ModelVersion, listing: Listing, release: Release, facts: dict[str, Any] | None
) -> ModelVersion:
    """Checks run, and every decision made that the release's fate asks for. Returns the version as it stands then."""
    execution_gates.run_open(version)
    version = governance.check(version)
    if version.state != STATE.IN_REVIEW:
        return version
    submission = timezone.now()
    with clock.at(submission + timedelta(hours=FIRST_DECISION / 2)):
        looks = is_decided("evaluation", release.fate) or release.fate == "changes:evaluation"
        benchmarks.measured(version, listing, release, looks)
    for place, review in enumerate(version.reviews.filter(state=Review.State.OPEN)):
        if is_decided(review.kind, release.fate):
            reason = REASONS[review.kind](version, listing, facts)
            with clock.at(submission + timedelta(hours=FIRST_DECISION + place * NEXT_DECISION)):
                approve(person(REVIEWERS[review.kind]), review, reason)
    turns.talk(version)
    with clock.at(submission + timedelta(hours=LAST_DECISION)):
        finish(version, listing, release, facts)
    version.refresh_from_db()
    return version


def is_decided(kind: str, fate: str) -> bool:
    """Which reviews before the final one are decided: what waits for a curator has been looked at by nobody."""
    if kind == "final" or fate == "waiting:curation":
        return False
    if fate == "withdrawn":
        return kind == "curation"
    if fate == "rejected":
        return kind != "fairness"
    if fate == "waiting:evaluation":
        return kind not in ("evaluation", "fairness")  # both rest on the run
    return fate.partition(":")[2] != kind


def finish(
    version: ModelVersion, listing: Listing, release: Release, facts: dict[str, Any] | None
) -> None:
    what, _, kind = release.fate.partition(":")
    if what == "changes":
        turns.sends_back(version, kind, REVIEWERS[kind])
    if what == "withdrawn":
        turns.takes_back(version, listing)
    if kind or what == "withdrawn":
        return
    final = version.reviews.filter(kind=Review.Kind.FINAL, state=Review.State.OPEN).first()
    if final is None:
        return
    by = person(FINAL[version.risk_tier])
    if release.fate == "rejected":
        governance.decide(by, final, REJECTED, rejection(version), no_conflict=True)
    else:
        approve(by, final, final_reason(listing, facts))


def approve(by: User, review: Review, reason: str) -> None:
    """Every point of the checklist holds."""
    checklist = {point.id: {"answer": checklists.Answer.YES} for point in checklist_of(review)}
    governance.decide(
        by,
        review,
        APPROVED,
        reason,
        no_conflict=True,
        checklist=checklist,
        conditions=turns.conditions(review.version, review.kind),
    )


def rejection(version: ModelVersion) -> str:
    """Names the figures that the independent run measured."""
    rate = dict(version.evaluations.filter(metric="selection_rate").values_list("slice", "value"))
    ratio = version.evaluations.get(metric="selection_rate_ratio", slice="sex").value
    return (
        f"Rejected for bias: {rate['sex: female']:.0%} of women and {rate['sex: male']:.0%} of men would be offered a line, a ratio of "
        f"{ratio:.2f} where at least 0.80 is required. Career gaps and weekly hours stand in for sex. "
        "Train on repayment instead of past decisions, leave these two inputs out, and submit a new version."
    )


def curation_reason(version: ModelVersion, listing: Listing, facts: dict[str, Any] | None) -> str:
    if listing.slug in ("client-attrition", "retail-customer-churn"):
        return "Clear and complete. It serves nearly the same purpose as the other churn model; both entries say so, and a conflict case follows."
    return "The card is complete and clear; the example request runs, and no listed model does the same for the same users."


def evaluation_reason(version: ModelVersion, listing: Listing, facts: dict[str, Any] | None) -> str:
    """What the gate of the independent run found; the vendor's endpoint was tried by hand."""
    if facts is None:
        return "Called the endpoint through the protocol with fifty transactions; the categories are sensible, and errors are plain."
    found = " ".join(
        version.gate_results.filter(gate__in=("evaluation", "champion")).values_list(
            "summary", flat=True
        )
    )
    return f"Measured on rows that the team cannot read: {found} The protocol is sound."


def fairness_reason(version: ModelVersion, listing: Listing, facts: dict[str, Any] | None) -> str:
    found = version.gate_results.filter(gate="fairness").first()
    if found is None:
        return "No person is affected one by one, and no group attribute reaches the model: nothing to compare."
    return f"Measured by the marketplace: {found.summary}"


def security_reason(version: ModelVersion, listing: Listing, facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "The endpoint is called through the gateway only, descriptions are masked, and the contract forbids keeping requests."
    return f"Standard operators only, {facts['onnx_bytes'] // 1024 + 1} KB, nothing executable; the threats named on the card are the right ones."


def legal_reason(version: ModelVersion, listing: Listing, facts: dict[str, Any] | None) -> str:
    return f"Basis: {listing.card['basis'].lower()}. Restriction noted: {listing.card['restrictions'].rstrip('.').lower()}."


REASONS = {
    "curation": curation_reason,
    "evaluation": evaluation_reason,
    "fairness": fairness_reason,
    "security": security_reason,
    "legal": legal_reason,
}


def final_reason(listing: Listing, facts: dict[str, Any] | None) -> str:
    return f"All reviews considered. Approved for the intended use on the card; {listing.owner.capitalize()} reports changes of data or use."
