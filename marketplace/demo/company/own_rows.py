"""Rows of their own on which teams of the demo company let models answer: real runs, which the comparison shows (docs/comparison.md).

May run twice: a trial is kept once for each team and name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from catalog.models import ModelVersion
from consumption.evaluations import actions
from consumption.evaluations.mapping import Mapping
from consumption.models import BatchEvaluation
from publishing.batch import work

from . import benchmarks, clock, models
from .listing import Release
from .submissions import person

ROWS = 1_000
DAYS_AGO = 4
KEEP_DAYS = 30


@dataclass(frozen=True)
class Trial:
    """Who let which versions (slug, number) answer the same rows; the first one is what the others are compared with.

    Rows are of the first one's population, drawn with `seed`; `output` is what is compared with the truth.
    """

    by: str
    name: str
    versions: tuple[tuple[str, str], ...]
    output: str
    seed: int
    groups: tuple[str, ...] = ()


TRIALS = (
    Trial(
        "maya",
        "Mortgage applications of last quarter",
        (("income-verification", "1.4.2"), ("income-verification", "2.0.0")),
        "verified_income",
        7_201,
        ("age_band",),
    ),
    Trial(
        "wendy",
        "Clients of last year",
        (("client-attrition", "1.3.0"), ("retail-customer-churn", "2.2.0")),
        "probability_of_leaving",
        7_202,
    ),
)


def evaluate() -> None:
    """Each trial whose versions are all live, through the verbs and steps that the pages take."""
    for trial in TRIALS:
        versions = [
            version
            for slug, number in trial.versions
            for version in ModelVersion.objects.filter(model__slug=slug, number=number)
            if not actions.cannot_answer(version)
        ]
        known = BatchEvaluation.objects.filter(created_by__username=trial.by, name=trial.name)
        if len(versions) == len(trial.versions) and not known.exists():
            with transaction.atomic(), clock.at(clock.ago(days=DAYS_AGO)):
                _run(trial, versions)


def _run(trial: Trial, versions: list[ModelVersion]) -> None:
    by, columns = person(trial.by), rows(trial)
    evaluation = actions.create_evaluation(
        by,
        team=by.teams()[0],
        name=trial.name,
        data_class="internal",
        keep_days=KEEP_DAYS,
        versions=versions,
        file=SimpleUploadedFile("rows.csv", benchmarks.as_csv(columns)),
    )
    work.read(evaluation.pk)
    evaluation.refresh_from_db()
    actions.map_columns(by, evaluation, mapping(trial, versions), confirms_personal=True)
    work.check(evaluation.pk)
    evaluation.refresh_from_db()
    actions.start_evaluation(by, evaluation)
    work.run(evaluation.pk)


def mapping(trial: Trial, versions: list[ModelVersion]) -> Mapping:
    """Each input from the column of its name."""
    inputs = [spec["name"] for version in versions for spec in version.signature["inputs"]]
    return Mapping(
        inputs={name: name for name in inputs},
        label=benchmarks.LABEL,
        groups=trial.groups,
        outputs={str(version.pk): trial.output for version in versions},
    )


def rows(trial: Trial) -> dict[str, Any]:
    """Columns that all versions take, of the same rows: versions of one model draw alike from one seed."""
    drawn = [
        benchmarks.cells(release.recipe.sample(np.random.default_rng(trial.seed), ROWS))
        for release in map(_release, trial.versions)
        if release.recipe
    ]
    columns: dict[str, Any] = {}
    for cells in reversed(drawn):
        columns |= cells
    return columns


def _release(version: tuple[str, str]) -> Release:
    slug, number = version
    return next(one for one in models.listing(slug).releases if one.number == number)
