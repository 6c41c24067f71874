"""The Prometheus exporter of the gateway: a prometheus_client collector over the files of all workers."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from hosting.gateway.metering import metrics

# Name of a family without its prefix: its help text. Names that end in _total are counters, the rest are gauges.
HELP = {
    "calls_total": "Metered calls, by version and outcome",
    "rejections_total": "Calls rejected before the model was asked, by version and limit",
    "rejections_last_hour": "Calls rejected in the last sixty minutes, by version and limit",
    "rejections_rate_total": "Calls rejected by the rate of their plan",
    "rejections_quota_total": "Calls rejected by the monthly quota of their plan",
    "rejections_concurrency_total": "Calls rejected by the concurrency of their plan",
    "rejections_upstream_total": "Calls rejected because the model was full",
    "rejections_load_total": "Calls shed because the process was too busy",
    "rejections_delayed": "Rejections that wait to be sent, so that clients do not retry at the same moment",
    "event_loop_lag_seconds": "How late the event loop serves a timer, smoothed",
    "decisions_total": "Admissions: ok, over_limit, error (undecided, 503), failure_mode_allowed (without Redis)",
    "degraded_decisions_total": "Admissions decided without Redis",
    "stale_key_answers_total": "Keys used that Postgres could not confirm in time",
    "answers_total": "Answers of any kind, by status",
    "call_seconds": "Duration of metered calls as the caller sees it",
    "version_in_flight": "Calls that a version is answering now",
    "in_flight": "Metered calls that are being answered now",
    "connections": "Open connections of callers",
    "connections_rejected_total": "Connections rejected because there were too many",
    "connections_closed_slow_total": "Connections closed because the caller was too slow",
    "requests_rejected_framing_total": "Requests rejected because their framing is ambiguous",
    "body_bytes_held": "Bytes of request bodies in memory",
    "upstream_connections_idle": "Idle connections to models",
    "upstream_connections_opened_total": "Connections opened to models",
    "upstream_retries_total": "Calls sent to a model a second time",
    "retries_total": "Calls sent a second time, by version",
    "retries_denied_total": "Calls not sent a second time because the retry budget was used up, by version",
    "breaker_open": "1 while the circuit breaker of a version is open",
    "breaker_opened_total": "How often the circuit breaker of a version opened",
    "breaker_rejections_total": "Calls rejected by the open circuit breaker of their version",
    "key_loads_total": "Loads of key records from Postgres",
    "keys": "Key records in memory",
    "models": "Model records in memory",
    "model_loads_total": "Loads of model records from Postgres",
    "change_polls_total": "Times that Postgres was asked for changes",
    "changes_total": "Changed records that Postgres reported",
    "redis_up": "Whether Redis answers this process",
    "redis_breaker_opened_total": "How often the circuit breaker of Redis opened",
    "postgres_up": "Whether Postgres answers this process",
    "redis_unavailable_since_seconds": "Since when Redis does not answer this process, seconds since 1970; 0 while it does",
    "postgres_unavailable_since_seconds": "Since when Postgres does not answer this process, seconds since 1970; 0 while it does",
    "clock_skew_seconds": "This machine's clock minus Postgres' clock",
    "disk_free_bytes": "Free bytes on the disk of the usage journal",
    "environments_open": "Environments that are served as the disk fills: 3 all, 1 production only, 0 none",
    "tasks": "Tasks in the event loop",
    "start_time_seconds": "When this process began, seconds since 1970",
}
PREFIX = "gateway_"
HISTOGRAM = "call_seconds"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class GatewayCollector(Collector):
    """The samples of any number of workers, grouped by family under help and type."""

    def __init__(self, samples: str) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for family in text_string_to_metric_families(self._samples):
            for sample in family.samples:
                name = _family_of(sample.name)
                metric = families.get(name)
                if metric is None:
                    metric = families[name] = _metric(name)
                metric.samples.append(sample)
        return [families[name] for name in sorted(families)]


def _family_of(sample_name: str) -> str:
    name = sample_name.removeprefix(PREFIX)
    return HISTOGRAM if name.startswith(f"{HISTOGRAM}_") else name


def _metric(name: str) -> Metric:
    """Prometheus names a counter's family without `_total`; generate_latest adds it again."""
    help_text = HELP.get(name, name.replace("_", " "))
    if name == HISTOGRAM:
        return Metric(PREFIX + name, help_text, "histogram")
    if name.endswith("_total"):
        return Metric(PREFIX + name.removesuffix("_total"), help_text, "counter")
    return Metric(PREFIX + name, help_text, "gauge")


def exposition(samples: str) -> bytes:
    """The samples of all workers in the Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(GatewayCollector(samples))
    return generate_latest(registry)


def exposition_of(folder: Path) -> bytes:
    """The samples that the living workers of this machine published."""
    return exposition(metrics.joined(folder))
