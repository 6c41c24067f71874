"""What the gateway's processes report about themselves, summed over those that are alive.

They leave their counters in a folder of this machine; where the portal runs elsewhere, it asks the gateway's internal port.
"""

import urllib.request
from dataclasses import dataclass, field

from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from hosting.gateway import metrics

TIMEOUT_S = 1.0
LIMITS = {"rate": "Rate", "quota": "Monthly quota", "concurrency": "Calls at once"}


@dataclass(frozen=True)
class Report:
    """Counters since the processes began, by name without prefix, summed; `least` has the smallest of each instead."""

    processes: int
    sums: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)

    def count(self, name):
        """A counter as a whole number; 0 when no process tells it."""
        return int(self.sums.get(name, 0))

    @property
    def in_flight(self):
        return self.count("in_flight")

    @property
    def connections(self):
        return self.count("connections")

    @property
    def degraded(self):
        """Decisions that were made without the store that usually decides."""
        return self.count("degraded_decisions_total") + self.count("stale_key_answers_total")

    @property
    def refused(self):
        """[(limit, calls it refused)]"""
        return [(words, self.count(f"refused_{name}_total")) for name, words in LIMITS.items()]

    @property
    def is_redis_up(self):
        """As every process sees it."""
        return bool(self.least.get("redis_up", 1))

    @property
    def is_postgres_up(self):
        return bool(self.least.get("postgres_up", 1))


def report():
    """The Report of all processes that wrote in the last seconds; `processes` 0 when none did."""
    samples = [sample for family in text_string_to_metric_families(_text()) for sample in family.samples]
    workers = {sample.labels["worker"] for sample in samples if "worker" in sample.labels}
    sums, least = {}, {}
    for sample in samples:
        if sample.labels.keys() == {"worker"}:
            name = sample.name.removeprefix("gateway_")
            sums[name] = sums.get(name, 0) + sample.value
            least[name] = min(least.get(name, sample.value), sample.value)
    return Report(len(workers), sums, least)


def _text():
    """The metrics of all processes; nothing when they cannot be reached."""
    try:
        if not settings.GATEWAY_METRICS_URL:
            return metrics.joined(settings.GATEWAY_METRICS_DIR)
        with urllib.request.urlopen(settings.GATEWAY_METRICS_URL, timeout=TIMEOUT_S) as answer:
            return answer.read().decode()
    except (OSError, ValueError):
        return ""
