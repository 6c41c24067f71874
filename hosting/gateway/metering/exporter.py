"""The workers' lines as Prometheus wants them: each family together, under what it means and what kind it is."""

from collections.abc import Iterator

# family without its prefix → what it counts. Names that end in _total are counters, the rest are gauges.
WORDS = {
    "calls_total": "Metered calls, by version and how they ended",
    "refused_total": "Calls refused before the model was asked, by version and limit",
    "refused_last_hour": "Calls refused in the last sixty minutes, by version and limit",
    "refused_rate_total": "Calls refused by the rate of their plan",
    "refused_quota_total": "Calls refused by the monthly quota of their plan",
    "refused_concurrency_total": "Calls refused by the calls at once of their plan",
    "refused_upstream_total": "Calls refused because the model was full",
    "refused_load_total": "Calls refused because the process was too busy",
    "lag_seconds": "How late the process' loop serves a timer, smoothed",
    "turned_away_waiting": "Calls refused that are not told yet, so that who asks again at once leaves room for answers",
    "decisions_total": "Admissions: ok, over_limit, error (undecided, 503), failure_mode_allowed (without Redis)",
    "degraded_decisions_total": "Decisions made without Redis",
    "stale_key_answers_total": "Keys used that Postgres could not confirm in time",
    "answers_total": "Answers of any kind, by status",
    "call_seconds": "Duration of metered calls as the caller sees it",
    "version_in_flight": "Calls that a version is answering now",
    "in_flight": "Metered calls that are being answered now",
    "connections": "Open connections of callers",
    "connections_turned_away_total": "Connections refused because there were too many",
    "connections_closed_slow_total": "Connections closed because the caller was too slow",
    "requests_refused_framing_total": "Requests refused because their framing is not clear",
    "body_bytes_held": "Bytes of request bodies in memory",
    "upstream_connections_idle": "Open connections to models that wait for a call",
    "upstream_connections_opened_total": "Connections opened to models",
    "upstream_retries_total": "Calls sent to a model a second time",
    "retries_total": "Calls sent a second time, by version",
    "retries_denied_total": "Calls not sent a second time because the retries were used up, by version",
    "breaker_open": "1 while a version is not asked since it failed call after call",
    "breaker_opened_total": "How often a version was given a pause",
    "breaker_refused_total": "Calls refused because their version has a pause",
    "key_loads_total": "Keys read from Postgres",
    "keys": "Keys in memory",
    "models": "Models whose records are held",
    "model_loads_total": "Times that records of models were read from Postgres",
    "change_looks_total": "Times that Postgres was asked what changed",
    "changes_total": "Records that Postgres told to have changed",
    "redis_up": "Does Redis answer this process?",
    "redis_trips_total": "How often Redis was given up",
    "postgres_up": "Does Postgres answer this process?",
    "redis_away_since_seconds": "Since when Redis does not answer this process, seconds since 1970; 0 while it does",
    "postgres_away_since_seconds": "Since when Postgres does not answer this process, seconds since 1970; 0 while it does",
    "clock_skew_seconds": "This machine's clock minus Postgres' clock",
    "disk_free_bytes": "Room on the journal's disk",
    "environments_open": "Kinds of calls that are taken as the disk fills: 2 all, 1 production only, 0 none",
    "tasks": "Tasks in the process' loop",
    "start_time_seconds": "When this process began, seconds since 1970",
}
PREFIX = "gateway_"
HISTOGRAM = "call_seconds"


def document(lines: str) -> str:
    """`lines` of any number of workers, grouped by family, with HELP and TYPE."""
    families: dict[str, list[str]] = {}
    for line in lines.splitlines():
        if line:
            families.setdefault(_family(line), []).append(line)
    return "".join(
        f"{line}\n" for name, told in sorted(families.items()) for line in _told(name, told)
    )


def _family(line: str) -> str:
    name = line.partition("{")[0].removeprefix(PREFIX)
    return HISTOGRAM if name.startswith(f"{HISTOGRAM}_") else name


def _told(name: str, lines: list[str]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {WORDS.get(name, name.replace('_', ' '))}"
    yield f"# TYPE {PREFIX}{name} {_kind(name)}"
    yield from lines


def _kind(name: str) -> str:
    if name == HISTOGRAM:
        return "histogram"
    return "counter" if name.endswith("_total") else "gauge"
