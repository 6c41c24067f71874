"""What a model of the demo company is: plain data that training, cards and the build read.

Nothing here imports Django or scikit-learn, so the listings can be read before either is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

Task = Literal["binary", "multiclass", "regression"]
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Column:
    """One input feature. `datatype` is Open Inference: FP32, INT64, BOOL or BYTES (text)."""

    name: str
    datatype: str
    description: str
    unit: str = ""
    enum: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """One answer of the model: which graph output it comes from and which column of it."""

    name: str
    tensor: str
    description: str
    column: int | None = None
    datatype: str = "FP32"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    width: int | None = None


@dataclass(frozen=True)
class Sample:
    """Generated rows: inputs by column name, the target, and the groups that fairness is measured over.

    Group columns are never model inputs unless a column of the same name says so.
    """

    inputs: Values
    target: np.ndarray
    groups: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Estimator:
    """Which learner, in words that also describe it: boosting, forest, linear or words (bag of words)."""

    kind: Literal["boosting", "forest", "linear", "words"]
    trees: int = 60
    depth: int = 3

    @property
    def title(self) -> str:
        return {
            "boosting": f"gradient-boosted decision trees ({self.trees} trees, depth {self.depth})",
            "forest": f"random forest ({self.trees} trees, depth up to {self.depth})",
            "linear": "regularised linear model on standardised features",
            "words": "TF-IDF bag of words with multinomial logistic regression",
        }[self.kind]


@dataclass(frozen=True)
class Recipe:
    """Everything that makes one trained version. Same recipe, same seed, same model."""

    task: Task
    columns: tuple[Column, ...]
    outputs: tuple[Output, ...]
    sample: Callable[[np.random.Generator, int], Sample]
    estimator: Estimator
    rows: int = 4000
    seed: int = 20260101
    threshold: float = 0.5
    favourable: Literal["high", "low"] = "high"
    baseline_column: str = ""


@dataclass(frozen=True)
class Release:
    """One version and what happened to it in the company's story.

    `fate`: published, deprecated, suspended, rejected, refused, held (by the contract check), withdrawn, waiting:<review kind>, or
    changes:<review kind> that asked for them.
    `days_ago`: when it was submitted, as demo data.
    """

    number: str
    fate: str
    days_ago: int
    recipe: Recipe | None
    changelog: str
    successor: str = ""


@dataclass(frozen=True)
class DemoPlan:
    """How often, how much and for what price one may call; `price` holds further fields of a price (consumption.plans.pricing)."""

    name: str
    rate_per_second: int
    burst: int
    concurrency: int
    monthly_quota: int
    approval: str = "automatic"
    price_micros_per_1000: int = 0
    price: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """One registered model: what people read in the catalog, its card texts and its versions.

    `benchmark`: makes the rows that governance measures on, where the team's own truth will not do.
    """

    slug: str
    name: str
    team: str
    owner: str
    domain: str
    capability: str
    summary: str
    description: str
    limitations: str
    tags: tuple[str, ...]
    card: dict[str, Any]
    tiering: dict[str, int]  # question → points of the answer
    releases: tuple[Release, ...]
    plans: tuple[DemoPlan, ...]
    sla: dict[str, Any]
    affects_people: bool = False
    credit: bool = False
    submitted_by: str = ""
    collaborators: tuple[str, ...] = ()
    benchmark: Callable[[np.random.Generator, int], Sample] | None = None

    @property
    def model_type(self) -> str:
        """The slug of the kind of task it learnt."""
        recipe = next((release.recipe for release in self.releases if release.recipe), None)
        if recipe is None or recipe.task == "multiclass":
            text = recipe is not None and recipe.estimator.kind == "words"
            return "text-classification" if text else "multiclass-classification"
        return "binary-classification" if recipe.task == "binary" else "regression"

    @property
    def submitter(self) -> str:
        return self.submitted_by or self.owner


def standard_plans(*, owner_approval: bool, price: float) -> tuple[DemoPlan, ...]:
    """A free trial for building, and a paid plan for production. `price` in dollars per 1 000 calls."""
    approval = "owner" if owner_approval else "automatic"
    micros = round(price * 1_000_000)
    return (
        DemoPlan("Trial", 5, 10, 2, 5_000),
        DemoPlan("Standard", 50, 100, 8, 500_000, approval, micros),
    )


def volume_plans() -> tuple[DemoPlan, ...]:
    """A trial, and a price that falls with the calls of the month."""
    trial, standard = standard_plans(owner_approval=False, price=0.8)
    steps = [[1_000, 0], [20_000, 1_200_000], [None, 800_000]]
    price = {"price_kind": "graduated", "price_steps": steps}
    return trial, replace(standard, price=price)


def bundle_plans() -> tuple[DemoPlan, ...]:
    """A trial, a plan per call, and one with calls included in a monthly fee."""
    trial, standard = standard_plans(owner_approval=False, price=6.0)
    price = {
        "price_kind": "included",
        "monthly_fee_micros": 250_000_000,
        "included_calls": 50_000,
    }
    bundle = replace(standard, name="Bundle", price_micros_per_1000=4_000_000, price=price)
    return trial, standard, bundle


def cost_plus_plans(cost: float, markup: float) -> tuple[DemoPlan, ...]:
    """A trial, and what 1 000 calls cost the publisher (dollars) with a markup (percent)."""
    price_of_1000 = cost * (1 + markup / 100)
    trial, standard = standard_plans(owner_approval=False, price=price_of_1000)
    price = {
        "price_kind": "cost_plus",
        "unit_cost_micros_per_1000": round(cost * 1_000_000),
        "markup_basis_points": round(markup * 100),
    }
    return trial, replace(standard, price=price)


def standard_sla(availability: float = 99.5, p95_ms: int = 150, rps: int = 50) -> dict[str, Any]:
    """Availability in percent per month, p95 latency in milliseconds, throughput in requests per second."""
    return {
        "availability": availability,
        "p95_ms": p95_ms,
        "rps": rps,
        "support": "Mon–Fri 08:00–18:00",
    }
