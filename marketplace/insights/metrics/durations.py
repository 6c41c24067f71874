"""Statistics of durations in whole days: percentiles, and the median where some have not ended yet."""

from collections import Counter
from collections.abc import Sequence


def percentile(days: Sequence[int], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the days lie, between two days linearly; None without any."""
    if not days:
        return None
    ordered = sorted(days)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def median(days: Sequence[int]) -> float | None:
    return percentile(days, 0.5)


def survival_median(ended: Sequence[int], going_on: Sequence[int]) -> int | None:
    """The median by Kaplan and Meier: the first day on which at most half are left, what goes on counted until today.

    None when more than half are left after the longest. Source: Kaplan and Meier, "Nonparametric estimation from incomplete
    observations", Journal of the American Statistical Association 53 (1958); docs/metrics.md, "Time to integrate".
    """
    deaths, censored = Counter(ended), Counter(going_on)
    at_risk, left = len(ended) + len(going_on), 1.0
    for day in sorted(deaths.keys() | censored.keys()):
        if deaths[day]:
            left *= 1 - deaths[day] / at_risk
            if left <= 0.5:
                return day
        at_risk -= deaths[day] + censored[day]
    return None
