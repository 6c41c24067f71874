"""Every bound of the gateway in one place: seconds, bytes and counts. `GATEWAY_<NAME>` in the environment overrides one.

docs/gateway.md says what each is for.
"""

import os
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """What a client, an upstream and a dependency may cost."""

    # clients
    header_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 15.0
    write_s: float = 30.0
    header_bytes: int = 32 * 1024
    header_count: int = 100
    forwarded_header_bytes: int = 8 * 1024  # an engine's ingress refuses more than about 15 KiB
    url_bytes: int = 4096
    body_bytes: int = 16 * 1024 * 1024
    bodies_bytes: int = 512 * 1024 * 1024
    connections_per_address: int = 64
    connections: int = 4096
    pipelined: int = 16
    failures_per_minute: int = 20
    suspect_lookups_per_second: int = 20

    # upstreams
    connect_s: float = 1.0
    first_byte_s: float = 30.0
    upstream_idle_s: float = 15.0
    total_s: float = 300.0
    keep_upstream_s: float = 4.0
    response_bytes: int = 32 * 1024 * 1024
    response_header_bytes: int = 16 * 1024
    response_header_count: int = 100
    upstream_concurrency: int = 256
    converted_rows: int = 2000
    converted_bytes: int = 256 * 1024
    converted_answer_bytes: int = 512 * 1024
    retry_pause_s: float = 0.2
    retry_share: float = 0.1
    retry_floor: int = 10
    breaker_failures: int = 5
    breaker_s: float = 2.0

    # load
    slot_wait_s: float = 0.1
    in_flight: int = 2048
    busy_lag_s: float = 0.1
    shed_wait_s: float = 0.25
    rejections_per_second: int = 1000

    # stores
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


def from_environment() -> GatewayConfig:
    """The configuration with the overrides of the environment. Raises ValueError, with the name, for a value that is no number."""
    defaults = GatewayConfig()
    overrides = {}
    for field in fields(GatewayConfig):
        name = f"GATEWAY_{field.name.upper()}"
        if name in os.environ:
            kind = type(getattr(defaults, field.name))
            overrides[field.name] = _number(name, os.environ[name], kind)
    return GatewayConfig(**overrides)


def _number(name: str, text: str, kind: type[int | float]) -> Any:
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name} is '{text}', not {expected}") from None
