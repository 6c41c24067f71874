"""Is the new version worse for those who have it? From counted calls of both sides; pure (docs/updates.md, "The guard")."""

from dataclasses import asdict, dataclass
from typing import Any

FACTOR = 2.0  # shares of failed and of refused calls
P95_FACTOR = 1.5
FEWEST = 5  # so many bad calls before a share of them says anything
LEAST_SHARE = 0.01  # of failed or of refused calls that is worth a roll-back
LEAST_US = 10_000  # by which the p95 is longer: below, a machine's noise is larger


@dataclass(frozen=True)
class Side:
    """Calls of one side. failed: answered with 5xx; refused: with 4xx; p95_us: of those that were answered; None without any."""

    calls: int = 0
    failed: int = 0
    refused: int = 0
    p95_us: int | None = None

    def share(self, part: int) -> float:
        return part / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Evidence:
    """What was counted. is_earlier: the old version's side are the same applications' calls before they got the new one."""

    canary: Side
    old: Side
    is_earlier: bool = False

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def read(data: dict[str, Any]) -> Evidence | None:
    """Of a stored row; None where nothing was counted yet."""
    if not data:
        return None
    return Evidence(Side(**data["canary"]), Side(**data["old"]), data["is_earlier"])


def worse(evidence: Evidence, calls: int) -> str:
    """The sentence why the new version is worse; "" while it is not.

    calls  so many are judged at least. Failures are judged earlier, where all calls up to that number could not make up for them:
           a version that fails always is refused by the gateway's breaker, and would never reach the number.
    """
    canary, old = evidence.canary, evidence.old
    for name, bad, before in (
        ("failed", canary.failed, old.failed),
        ("were refused (4xx)", canary.refused, old.refused),
    ):
        allowed = max(FACTOR * old.share(before), LEAST_SHARE)
        of = max(canary.calls, calls)
        if bad >= FEWEST and bad / of > allowed:
            return (
                f"{bad} of {canary.calls} calls {name}, {_percent(canary.share(bad))}; "
                f"{_percent(old.share(before))} on the version before."
            )
    if canary.calls < calls or canary.p95_us is None or old.p95_us is None:
        return ""
    longest = max(P95_FACTOR * old.p95_us, old.p95_us + LEAST_US)
    if canary.p95_us > longest:
        return (
            f"95 % of the calls were answered within {_ms(canary.p95_us)}; "
            f"within {_ms(old.p95_us)} by the version before."
        )
    return ""


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _ms(us: int) -> str:
    return f"{us / 1000:,.0f} ms"
