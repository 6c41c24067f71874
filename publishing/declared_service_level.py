"""What a version promises, against what the version promises whose consumers would take it by themselves."""

from decimal import Decimal
from typing import Any

from catalog.models import ModelVersion

DEADLINE_S = 30  # what callers wait at most when nothing else is declared
# Key of a service level → what it is called, its unit, and whether more of it is better.
WORDS = {
    "availability": ("availability", "%", True),
    "p95_ms": ("p95 latency", " ms", False),
    "rps": ("throughput", " requests a second", True),
    "timeout_s": ("longest answer", " s", True),
}


def lowered(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What the new service level promises less of than the old one, in words."""
    return [
        f"{label} {new_value}{unit} instead of {old_value}{unit}"
        for name, (label, unit, more_is_better) in WORDS.items()
        if (old_value := _value(old, name)) is not None
        and (new_value := _value(new, name)) is not None
        and (new_value < old_value if more_is_better else new_value > old_value)
    ]


def problem(version: ModelVersion) -> str:
    """Why the version may not promise what it does, or "": consumers take patch and minor versions by themselves."""
    earlier = [
        other
        for other in version.model.versions.filter(
            major=version.major, state=ModelVersion.State.PUBLISHED
        )
        if other.precedence < version.precedence and not other.is_candidate
    ]
    previous = max(earlier, key=lambda other: other.precedence, default=None)
    less = lowered(previous.sla, version.sla) if previous else []
    if not less:
        return ""
    return (
        f"It promises less than {previous.number} ({', '.join(less)}), and consumers take it without being asked: "
        f"promise as much, or make it {version.major + 1}.0.0."
    )


def _value(sla: dict[str, Any], name: str) -> Decimal | None:
    value = sla.get(name) or (DEADLINE_S if name == "timeout_s" else None)
    return None if value is None else Decimal(str(value))
