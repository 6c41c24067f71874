"""Invented people for the generators: the attributes that fairness is measured over, and a few shapes."""

from __future__ import annotations

import numpy as np

AGE_BANDS = ("under 35", "35 to 59", "60 and over")


def ages(rng: np.random.Generator, n: int, low: int = 20, high: int = 78) -> np.ndarray:
    """Years, bulging in the middle."""
    return np.clip(rng.normal(43, 14, n), low, high).round()


def age_band(age: np.ndarray) -> np.ndarray:
    return np.select([age < 35, age < 60], AGE_BANDS[:2], AGE_BANDS[2])


def sexes(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.5, "female", "male")


def incomes(rng: np.random.Generator, n: int, age: np.ndarray) -> np.ndarray:
    """Gross annual income in dollars: log-normal, rising to the fifties."""
    career = 0.35 * np.sin((np.clip(age, 20, 65) - 20) / 45 * np.pi)
    return np.clip(np.exp(rng.normal(10.75 + career, 0.42, n)), 14_000, 400_000).round(-2)


def happens(rng: np.random.Generator, log_odds: np.ndarray) -> np.ndarray:
    """0 or 1 with the given log-odds."""
    return (rng.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)


def counts(rng: np.random.Generator, n: int, mean: float | np.ndarray, most: int) -> np.ndarray:
    return np.minimum(rng.poisson(mean, n), most)
