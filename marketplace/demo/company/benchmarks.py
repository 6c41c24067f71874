"""Benchmark data of model risk, and the runs that measure the demo's versions on it: really computed, by the marketplace's runner."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from catalog.models import ModelVersion, RegisteredModel
from governance import actions as governance
from governance import benchmarks, evaluation_runs
from governance.models import BenchmarkDataset
from publishing import evaluation

from .listing import Listing, Recipe, Release, Sample
from .submissions import person

ROWS = 3000
LABEL = "outcome"
EVALUATOR = "eva"


def measured(version: ModelVersion, listing: Listing, release: Release, is_looked_at: bool) -> None:
    """Keep the data for a version that was submitted, and run it once its evaluator looks at it. Endpoints outside have none."""
    if release.recipe is None:
        return
    keep_benchmark(version.model, listing, release.recipe)
    if not is_looked_at:
        return
    run = evaluation_runs.request(person(EVALUATOR), version)
    evaluation.run(run.pk)
    correct(version)


def correct(version: ModelVersion) -> None:
    """The evaluator judges a retrained version that answers unlike the one in use, and surely not worse, to be a correction."""
    found = {result.gate: result for result in governance.current_gates(version)}
    behaviour, champion = found.get("behaviour"), found.get("champion")
    if behaviour and champion and (behaviour.verdict, champion.verdict) == ("fail", "pass"):
        reason = f"The version in use had seen a part of these outcomes only and answers too coarsely. On the same rows: {champion.summary}"
        governance.record_correction(person(EVALUATOR), version, reason)


def keep_benchmark(model: RegisteredModel, listing: Listing, recipe: Recipe) -> None:
    """Upload the rows that versions of this recipe are measured on, unless they are there."""
    sample = (listing.benchmark or recipe.sample)(np.random.default_rng(recipe.seed + 2), ROWS)
    columns = cells(sample)
    known = BenchmarkDataset.objects.filter(model=model)
    if any(set(sample.inputs) <= set(dataset.columns) for dataset in known):
        return
    benchmarks.upload(
        person(EVALUATOR),
        file=io.BytesIO(as_csv(columns)),
        groups=list(sample.groups),
        name=f"{listing.name} {known.count() + 1}",
        capability=model.capability,
        model=model,
        task=recipe.task,
        label=LABEL,
        **answers(recipe),
    )


def answers(recipe: Recipe) -> dict[str, Any]:
    """What a yes means. Nothing for other tasks."""
    if recipe.task != "binary":
        return {}
    return {
        "positive": "1",
        "positive_is_favourable": recipe.favourable == "high",
        "cutoff": recipe.threshold,
    }


def cells(sample: Sample) -> dict[str, np.ndarray]:
    """Columns of the file: inputs, groups, and the truth."""
    truth = sample.target if sample.target.ndim == 1 else sample.target[:, 0]
    return sample.inputs | sample.groups | {LABEL: truth}


def as_csv(columns: dict[str, np.ndarray]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
    return text.getvalue().encode()
