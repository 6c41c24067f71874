"""What the gateway's processes report about themselves, summed over those that are alive.

They leave their counters in a folder of this machine; where the portal runs elsewhere, it asks the gateway's internal port.
"""

import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from consumption.metering import rejections
from hosting.gateway.metering import metrics

TIMEOUT_S = 1.0
DECISIONS = {
    "failure_mode_allowed": "admitted without Redis",
    "error": "answered 503, since nobody could decide",
}
SHUT = ("breaker_open", "version")


@dataclass(frozen=True)
class Worker:
    """One process: its number, when it began, and what it sees."""

    name: str
    started_at: datetime | None
    in_flight: int
    is_redis_up: bool
    is_postgres_up: bool
    redis_away_since: datetime | None
    postgres_away_since: datetime | None

    @property
    def missing(self):
        """The stores it does without, as a sentence goes on: ", without Redis, without Postgres"; empty when none."""
        reachable = {"Redis": self.is_redis_up, "Postgres": self.is_postgres_up}
        return "".join(f", without {store}" for store, is_up in reachable.items() if not is_up)


@dataclass(frozen=True)
class RecentRejections:
    """Calls that one limit rejected in the last hour."""

    limit: str
    count: int

    @property
    def name(self):
        return rejections.LIMITS[self.limit].name

    @property
    def reason(self):
        """The end of a sentence that begins "12 calls were refused …"."""
        return rejections.LIMITS[self.limit].reason


@dataclass(frozen=True)
class Report:
    """Counters since the processes began, by name without prefix, summed; `least` and `most` have the extremes instead.

    `labelled` is {(name, label): {value of the label: sum}} of families with one label beside the worker's number;
    `rejected_last_hour` is {version id: {limit: calls rejected in the last hour}}.
    """

    workers: list[Worker] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    labelled: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    rejected_last_hour: dict[int, dict[str, int]] = field(default_factory=dict)

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
    def degraded_kinds(self):
        """[(what was decided without the store, how often)], those that happened."""
        decisions = self.labelled.get(("decisions_total", "decision"), {})
        kinds = [(words, int(decisions.get(name, 0))) for name, words in DECISIONS.items()]
        kinds.append(
            (
                "answered with a key that Postgres could not confirm",
                self.count("stale_key_answers_total"),
            )
        )
        return [(words, count) for words, count in kinds if count]

    @property
    def refused(self):
        """[(limit, calls it refused)]"""
        return [
            (rejections.LIMITS[limit].name, self.count(f"rejections_{limit}_total"))
            for limit in metrics.LIMITS.values()
        ]

    def recent_rejections(self, version_id):
        """[RecentRejections] of one version, most first; limits that refused nothing are absent."""
        counts = self.rejected_last_hour.get(version_id, {})
        return [
            RecentRejections(limit, count)
            for limit, count in sorted(counts.items(), key=lambda pair: -pair[1])
            if count
        ]

    @property
    def shed(self):
        """Calls that were turned away in the last hour because the gateway itself was too busy."""
        return sum(counts.get("load", 0) for counts in self.rejected_last_hour.values())

    @property
    def open_breakers(self):
        """Ids of versions that a process has stopped asking for a while, since they failed call after call."""
        return {int(version) for version, count in self.labelled.get(SHUT, {}).items() if count}

    @property
    def since(self):
        """When the oldest process began to count; None when none says."""
        return min(
            (worker.started_at for worker in self.workers if worker.started_at), default=None
        )

    @property
    def redis_away_since(self):
        """When the first of the processes that miss Redis began to; None when none does, or none says."""
        return min(
            (worker.redis_away_since for worker in self.workers if worker.redis_away_since),
            default=None,
        )

    @property
    def postgres_away_since(self):
        return min(
            (worker.postgres_away_since for worker in self.workers if worker.postgres_away_since),
            default=None,
        )

    @property
    def skew_s(self):
        """The largest difference between a gateway machine's clock and Postgres' clock, seconds."""
        return max(
            abs(self.most.get("clock_skew_seconds", 0)),
            abs(self.least.get("clock_skew_seconds", 0)),
        )

    @property
    def is_redis_up(self):
        """As every process sees it."""
        return bool(self.least.get("redis_up", 1))

    @property
    def is_postgres_up(self):
        return bool(self.least.get("postgres_up", 1))


def report():
    """The Report of all processes that wrote in the last seconds; no workers when none did."""
    by_worker, labelled, rejected_last_hour = {}, {}, {}
    for sample in (
        sample for family in text_string_to_metric_families(_text()) for sample in family.samples
    ):
        name, labels = sample.name.removeprefix("gateway_"), dict(sample.labels)
        worker = labels.pop("worker", None)
        if worker is None:
            continue
        values = by_worker.setdefault(worker, {})
        if not labels:
            values[name] = sample.value
        elif name == "rejections_last_hour":
            _add(rejected_last_hour, int(labels["version"]), labels["limit"], int(sample.value))
        elif len(labels) == 1:
            [(label, value)] = labels.items()
            _add(labelled, (name, label), value, sample.value)
    workers = [
        Worker(
            name,
            _moment(values.get("start_time_seconds")),
            int(values.get("in_flight", 0)),
            bool(values.get("redis_up", 1)),
            bool(values.get("postgres_up", 1)),
            _moment(values.get("redis_unavailable_since_seconds")),
            _moment(values.get("postgres_unavailable_since_seconds")),
        )
        for name, values in sorted(by_worker.items())
    ]
    return Report(workers, *_extremes(by_worker.values()), labelled, rejected_last_hour)


def _add(table, row, column, count):
    found = table.setdefault(row, {})
    found[column] = found.get(column, 0) + count


def _extremes(workers):
    """Of what several processes tell, by name: the sums, the least and the most."""
    values = {}
    for worker_values in workers:
        for name, value in worker_values.items():
            values.setdefault(name, []).append(value)
    return [{name: of(series) for name, series in values.items()} for of in (sum, min, max)]


def last_report():
    """When a process of the gateway last wrote on this machine; None when none ever did or none writes here."""
    try:
        newest = max(
            (path.stat().st_mtime for path in settings.GATEWAY_METRICS_DIR.glob("*.prom")),
            default=None,
        )
    except OSError:
        return None
    return datetime.fromtimestamp(newest, UTC) if newest else None


def _moment(seconds):
    """Seconds since 1970 as a datetime; None for none."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _text():
    """The metrics of all processes; nothing when they cannot be reached."""
    try:
        if not settings.GATEWAY_METRICS_URL:
            return metrics.joined(settings.GATEWAY_METRICS_DIR)
        with urllib.request.urlopen(settings.GATEWAY_METRICS_URL, timeout=TIMEOUT_S) as answer:
            return answer.read().decode()
    except (OSError, ValueError):
        return ""
