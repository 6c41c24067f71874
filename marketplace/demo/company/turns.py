"""Turns of the demo's story besides a yes: a check that a waiver opens, a condition, a question, what is sent or taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from catalog.models import ModelVersion
from governance import actions as governance
from governance.models import Review, WaiverState
from publishing import actions as publishing
from publishing import execution_gates

from . import clock
from .listing import Listing, Release
from .submissions import person


@dataclass(frozen=True)
class DemoWaiver:
    """A check that does not pass and is opened for a time. `days_left`: from today."""

    gate: str
    reason: str
    instead: str
    granted: str
    days_left: int


@dataclass(frozen=True)
class DemoCondition:
    """What an approval of this kind demands, of whom, so many days after it."""

    kind: str
    text: str
    owner: str
    days: int


WAIVERS = {
    ("retail-customer-churn", "2.2.0"): DemoWaiver(
        "licences",
        "Tenure is grouped by a published table that may not be used in business without a contract. The contract is agreed and begins next month.",
        "Until it begins, nothing that the table says is shown or passed on; the publisher of the table knows of the use and agrees in writing.",
        "The publisher's letter is on file with Legal. Without the contract the check closes again on the last day.",
        6,
    )
}
CONDITIONS = {
    ("credit-line-preapproval", "2.0.0"): DemoCondition(
        "fairness",
        "Report the selection rates of women and men of the first two mailings, and act if their ratio falls below 0.85.",
        "goran",
        50,
    )
}
# (slug, number) → what the question is about, who asks it, what, who answers, what.
THREADS = {
    ("thin-file-score", "1.0.0"): (
        "card:fairness.groups",
        "faye",
        "Newcomers are the people this score is for. Why is country of birth, or at least years in the country, not among the groups?",
        "dana",
        "We may not ask for it. Months of records come closest; we can measure by it until Thursday.",
    )
}


@contextmanager
def waived(version: ModelVersion, listing: Listing, release: Release) -> Iterator[None]:
    """What follows is about a version that is submitted and stays so; where the story has a waiver, a day later, opened by it."""
    plan = WAIVERS.get((listing.slug, release.number))
    if plan is None:
        yield
        return
    execution_gates.run_open(version)
    version = governance.check(version)
    by = person(listing.submitter)
    ends_on = timezone.localdate() + timedelta(days=release.days_ago + plan.days_left)
    with clock.at(clock.ago(hours=-3)):
        waiver = governance.ask_waiver(by, version, plan.gate, plan.reason, plan.instead, ends_on)
    with clock.at(clock.ago(hours=-21)):
        governance.decide_waiver(
            person("rita"), waiver, WaiverState.GRANTED, plan.granted, no_conflict=True
        )
    with clock.at(clock.ago(hours=-24)):
        publishing.submit(by, version)
        yield


def conditions(version: ModelVersion, kind: str) -> list[dict[str, Any]]:
    """What an approval of this kind demands, as governance.decide takes it."""
    plan = CONDITIONS.get((version.model.slug, version.number))
    if plan is None or plan.kind != kind:
        return []
    due_on = timezone.localdate() + timedelta(days=plan.days)
    return [{"text": plan.text, "owner": person(plan.owner), "due_on": due_on}]


def talk(version: ModelVersion) -> None:
    """A question that somebody asked about the submission, and its answer; nobody has resolved it."""
    told = THREADS.get((version.model.slug, version.number))
    if told is None:
        return
    anchor, reviewer, question, member, answer = told
    with clock.at(clock.ago(days=-1)):
        thread = governance.open_thread(person(reviewer), version, anchor, question)
    with clock.at(clock.ago(days=-2)):
        governance.reply(person(member), thread, answer)


def sends_back(version: ModelVersion, kind: str, by: str) -> None:
    """With what the independent run found beside the version in use."""
    found = version.gate_results.filter(gate="champion").latest("pk")
    reason = f"Measured on rows that the team cannot read: {found.summary} It is to be clearly no worse: retrain it, or keep the one in use."
    review = version.reviews.get(kind=kind, state=Review.State.OPEN)
    governance.decide(person(by), review, Review.State.CHANGES_REQUESTED, reason, no_conflict=True)


def takes_back(version: ModelVersion, listing: Listing) -> None:
    with clock.at(clock.ago(days=-2)):
        publishing.withdraw(
            person(listing.submitter),
            version,
            "The claims of April were counted twice in the training data; a corrected version follows.",
        )
