"""Verbs of quality reviews: complete one, say that a finding is mended, confirm it (docs/quality-reviews.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import Invalid
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.insights.models import QualityFinding, QualityReview
from marketplace.insights.quality.checklist import ANSWERS, BY_ID, NO, POINTS
from marketplace.insights.quality.permissions import can_mend, can_review_quality
from marketplace.insights.quality.schedule import write_watch
from marketplace.notices.actions import notify

MOST_FINDINGS = 20
LONGEST = timedelta(days=365)
OTHERS = Refusal(
    "Marketplace managers and evaluators who are not on the model's team review it.",
    ask="another marketplace manager",
)


@dataclass(frozen=True)
class Found:
    """One finding as it is written: severity, what it is, by when it is mended."""

    severity: str
    text: str
    due_on: date


@transaction.atomic
def complete(
    by: User,
    review: QualityReview,
    *,
    answers: Mapping[str, Mapping[str, str]],
    findings: Sequence[Found] = (),
    note: str = "",
) -> QualityReview:
    """Answer the checklist and write down what was found. Raises NotAllowed, Invalid, RuleError.

    answers  point id → {"answer": yes, no or n/a, "note": text}; a point that is answered with no takes a finding.
    """
    review = _locked(review)
    require(can_review_quality(by, review.model), *OTHERS)
    require_state(review, QualityReview.State.OPEN)
    kept = _checked(answers)
    if any(given["answer"] == NO for given in kept.values()) and not findings:
        raise Invalid("A point is answered with no: write down what was found.", field="findings")
    _require_findings(findings)
    transition(
        review,
        QualityReview.State.DONE,
        answers=kept,
        note=note.strip(),
        done_by=by,
        done_at=timezone.now(),
    )
    QualityFinding.objects.bulk_create(
        QualityFinding(
            review=review, severity=found.severity, text=found.text.strip(), due_on=found.due_on
        )
        for found in findings
    )
    record(by, "quality_review.complete", review, findings=len(findings))
    if findings:
        _tell(review, findings)
    return review


def _checked(answers: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    if unknown := set(answers) - set(BY_ID):
        raise Invalid(f"There is no point {sorted(unknown)[0]}.", field="answers")
    allowed = {value for value, _ in ANSWERS}
    kept = {}
    for point in POINTS:
        given = answers.get(point.id, {})
        if given.get("answer") not in allowed:
            raise Invalid(f"Answer: {point.asks}", field=f"answers.{point.id}")
        note = str(given.get("note", ""))
        require_fields(QualityReview, note=note)
        kept[point.id] = {"answer": given["answer"], "note": note.strip()}
    return kept


def _require_findings(findings: Sequence[Found]) -> None:
    if len(findings) > MOST_FINDINGS:
        raise Invalid(f"Write down at most {MOST_FINDINGS} findings.", field="findings")
    today = timezone.localdate()
    for place, found in enumerate(findings):
        where = f"findings.{place}"
        require_fields(QualityFinding, text=found.text)
        if found.severity not in QualityFinding.Severity.values:
            raise Invalid("A finding is minor or major.", field=f"{where}.severity")
        if len(found.text.strip()) < 20:
            raise Invalid("Say in at least 20 characters what was found.", field=f"{where}.text")
        if not today < found.due_on <= today + LONGEST:
            raise Invalid("Choose a day within the next year.", field=f"{where}.due_on")


@transaction.atomic
def report_mended(by: User, finding: QualityFinding, text: str) -> QualityFinding:
    """Say for the publisher what was done; a reviewer confirms. Raises NotAllowed, Invalid, RuleError."""
    finding = _locked_finding(finding)
    require(
        can_mend(by, finding.review.model),
        f"{finding.review.model.owner_team} mends it.",
        ask=str(finding.review.model.owner_team),
    )
    require_reason(text, "the reviewer confirms by it")
    transition(finding, QualityFinding.State.REPORTED, mended=text.strip(), mended_by=by)
    record(by, "quality_finding.report", finding, reason=text.strip())
    if finding.review.done_by is not None:
        notify(
            [finding.review.done_by],
            "finding",
            f"Said to be mended: {finding}",
            body=finding.mended,
            url=finding.review.get_absolute_url(),
            key=f"finding-mended:{finding.pk}:{timezone.now():%Y%m%d%H%M%S}",
        )
    return finding


@transaction.atomic
def confirm_mended(by: User, finding: QualityFinding, *, is_mended: bool) -> QualityFinding:
    """Close a finding, or send it back. Raises NotAllowed, RuleError."""
    finding = _locked_finding(finding)
    require(can_review_quality(by, finding.review.model), *OTHERS)
    if is_mended:
        transition(finding, QualityFinding.State.CLOSED, closed_by=by, closed_at=timezone.now())
    else:
        transition(finding, QualityFinding.State.OPEN)
    record(by, "quality_finding.close" if is_mended else "quality_finding.send_back", finding)
    write_watch(model=finding.review.model)
    return finding


def _tell(review: QualityReview, findings: Sequence[Found]) -> None:
    notify(
        User.objects.on_teams([review.model.owner_team]),
        "finding",
        f"{review}: {len(findings)} to mend",
        body="\n".join(f"By {found.due_on:%-d %b %Y}: {found.text}" for found in findings),
        url=review.get_absolute_url(),
        key=f"finding-quality:{review.pk}",
        teams=[review.model.owner_team],
    )


def _locked(review: QualityReview) -> QualityReview:
    rows = QualityReview.objects.select_for_update(of=("self",)).select_related("model__owner_team")
    return rows.get(pk=review.pk)


def _locked_finding(finding: QualityFinding) -> QualityFinding:
    rows = QualityFinding.objects.select_for_update(of=("self",)).select_related(
        "review__model__owner_team", "review__done_by"
    )
    return rows.get(pk=finding.pk)
