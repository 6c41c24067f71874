"""What one screening found, before it is kept as evidence."""

from dataclasses import dataclass, field
from typing import Any

from governance.models import GateResult

Verdict = GateResult.Verdict
Severity = GateResult.Severity


@dataclass(frozen=True)
class Found:
    """severity and remedy: "" for what governance.gates declares."""

    gate: str
    verdict: str
    summary: str
    severity: str = ""
    remedy: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)


def listed(texts: list[str], most: int = 5) -> str:
    """The first texts as one, and how many are left out."""
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more
