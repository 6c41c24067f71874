"""Every bound of the gateway in one place: seconds and bytes. `GATEWAY_<NAME>` in the environment overrides one."""

import os
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client, an upstream and a dependency may cost."""

    header_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 15.0
    write_s: float = 30.0
    header_bytes: int = 32 * 1024
    header_count: int = 100
    carried_bytes: int = (
        8 * 1024
    )  # of the headers that a model gets: an engine's ingress refuses more than about 15 KiB
    url_bytes: int = 4096
    body_bytes: int = 16 * 1024 * 1024
    bodies_bytes: int = 512 * 1024 * 1024
    connections_per_address: int = 64
    connections: int = 4096
    pipelined: int = 16
    failures_per_minute: int = 20
    doubtful_looks_per_second: int = 20

    connect_s: float = 1.0
    first_byte_s: float = 30.0
    upstream_idle_s: float = 15.0
    total_s: float = 300.0
    keep_upstream_s: float = 4.0
    response_bytes: int = 32 * 1024 * 1024
    response_header_bytes: int = 16 * 1024
    response_header_count: int = 100
    upstream_concurrency: int = 256
    retry_pause_s: float = 0.2
    retry_share: float = 0.1
    retry_floor: int = 10
    breaker_failures: int = 5
    breaker_s: float = 2.0
    slot_wait_s: float = 0.1
    in_flight: int = 2048
    busy_lag_s: float = 0.1
    shed_wait_s: float = 0.25
    refusals_a_second: int = 1000

    redis_s: float = 0.05
    redis_probe_s: float = 0.5
    database_s: float = 2.0
    database_probe_s: float = 1.0
    key_fresh_s: float = 5.0
    key_stale_s: float = 120.0
    key_records: int = 20_000
    unknown_keys: int = 10_000
    unknown_key_s: float = 10.0
    changes_s: float = 1.0
    model_records: int = 10_000
    lease_life_s: float = 1.0
    quota_idle_s: float = 5.0
    drain_s: float = 30.0


def from_environment() -> Limits:
    """The limits with what the environment says. Raises ValueError, with the name, when that is no number."""
    defaults, told = Limits(), {}
    for field in fields(Limits):
        name = f"GATEWAY_{field.name.upper()}"
        if name in os.environ:
            told[field.name] = _number(name, os.environ[name], type(getattr(defaults, field.name)))
    return Limits(**told)


def _number(name: str, text: str, kind: type[int | float]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(
            f"{name} is '{text}', not {'a whole number' if kind is int else 'a number'}"
        ) from None
