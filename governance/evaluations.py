"""Evaluation as data: figures with who measured them, on what, about which bytes (docs/evaluation.md)."""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from catalog.models import ModelVersion
from catalog.permissions import can_edit_version
from governance.comparisons import Comparison, comparisons_of
from governance.models import LARGEST_FIGURE, Evaluation
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require

# Declared figures of one version: ten metrics of twenty slices. A page shows them all.
MOST_DECLARED = 200
CONSUMER_SUITE = "Batch evaluation"
FIGURES = ("value", "low", "high", "threshold", "baseline")
DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Measurement:
    """Figures that somebody measured together: one suite on one data set, about the same bytes."""

    first: Evaluation  # says who, when, on what
    is_current: bool  # about the version's present files
    figures: list[
        Evaluation
    ]  # over all rows, or of a slice that a team named; the primary one first
    comparisons: list[Comparison]

    @property
    def is_measured(self) -> bool:
        """Did the marketplace measure it?"""
        return self.first.kind == Evaluation.Kind.INDEPENDENT


def artifact_digest(version: ModelVersion) -> str:
    """SHA-256 of what answers calls: the graph's bytes, or the address of an external endpoint; "" before an upload."""
    if version.kind == ModelVersion.Kind.EXTERNAL:
        return hashlib.sha256(version.external_url.encode()).hexdigest()
    entry = version.artifacts.filter(name=version.manifest.get("entry", "")).first()
    return entry.sha256 if entry else ""


def measurements_of(version: ModelVersion) -> list[Measurement]:
    """What was measured of a version, by the marketplace first; the newest first."""
    present, together = artifact_digest(version), dict[Any, list[Evaluation]]()
    for row in version.evaluations.all().for_page():
        day = row.at if row.kind == Evaluation.Kind.INDEPENDENT else row.at.date()
        key = (row.kind, row.suite, row.data, row.artifact_sha256, row.by_id, day)
        together.setdefault(key, []).append(row)
    return [_measurement(rows[::-1], present) for rows in together.values()]


def _measurement(rows: list[Evaluation], present: str) -> Measurement:
    """Of rows in the order in which they were measured."""
    first, whole, groups = rows[0], rows, list[Evaluation]()
    if first.kind == Evaluation.Kind.INDEPENDENT:
        whole, groups = [row for row in rows if not row.slice], [row for row in rows if row.slice]
    return Measurement(
        first, first.artifact_sha256 == present, whole, comparisons_of(whole, groups)
    )


@transaction.atomic
def declare(by: User, version: ModelVersion, **figure: Any) -> Evaluation:
    """Keep a figure that the owner team measured itself. The same figure twice is one row. Returns the Evaluation.

    Raises NotAllowed, Invalid naming the field, RuleError when the version has MOST_DECLARED of them.
    """
    version = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("model__owner_team")
        .get(pk=version.pk)
    )
    require(
        can_edit_version(by, version),
        f"Only {version.model.owner_team} declares figures, while the version is a draft.",
        ask=str(version.model.owner_team),
    )
    _require_figure(figure)
    artifact = artifact_digest(version)
    if not artifact:
        raise RuleError(
            "A figure is about a package, and this version has none.", remedy="Upload it first."
        )
    facts = figure | {"kind": Evaluation.Kind.DECLARED, "artifact_sha256": artifact}
    if same := version.evaluations.filter(**facts).first():
        return same
    if version.evaluations.filter(kind=Evaluation.Kind.DECLARED).count() >= MOST_DECLARED:
        raise RuleError(
            f"A version has at most {MOST_DECLARED} declared figures.",
            remedy="Remove one that nobody needs.",
        )
    evaluation = Evaluation.objects.create(version=version, by=by, **facts)
    record(
        by,
        "evaluation.declare",
        version,
        suite=evaluation.suite,
        metric=evaluation.metric,
        slice=evaluation.slice,
        value=repr(evaluation.value),
    )
    return evaluation


def keep_consumer_figures(
    by: User, version: ModelVersion, team: Team, figures: Iterable[dict[str, Any]]
) -> list[Evaluation]:
    """Keep what a consuming team measured on its own rows and shares: metric, value, low, high, n. In the caller's transaction.

    The caller has judged who may. Returns the Evaluations.
    """
    return Evaluation.objects.bulk_create(
        Evaluation(
            version=version,
            kind=Evaluation.Kind.CONSUMER,
            suite=CONSUMER_SUITE,
            data=f"Own rows of {team}, {team.business_unit}",
            artifact_sha256=artifact_digest(version),
            by=by,
            **figure,
        )
        for figure in figures
    )


def _require_figure(figure: dict[str, Any]) -> None:
    for name in FIGURES:
        value = figure.get(name)
        if value is not None and not (math.isfinite(value) and abs(value) <= LARGEST_FIGURE):
            raise Invalid(f"Give a number between ±{LARGEST_FIGURE:.0e}.", field=name)
    low, high = figure.get("low"), figure.get("high")
    if (low is None) != (high is None):
        missing = "low" if low is None else "high"
        raise Invalid("An interval has both ends; give this one too.", field=missing)
    if low is not None and high is not None and low > high:
        raise Invalid("The lower end is above the upper end.", field="low")
    if figure.get("n") == 0:
        raise Invalid("A figure is computed over at least one row.", field="n")
    if figure.get("data_sha256") and not DIGEST.fullmatch(figure["data_sha256"]):
        raise Invalid("A SHA-256 has 64 digits of 0–9 and a–f.", field="data_sha256")
