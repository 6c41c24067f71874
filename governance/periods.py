"""How long approvals, notices, waivers and conditions last, in days: data (docs/governance.md, "Periods"). Pure.

POLICY is the product's own text; governance changes the numbers in the product (governance.policies).
"""

from typing import Any

# name → (what it says, the numbers by risk tier)
BY_TIER: dict[str, tuple[str, dict[str, int]]] = {
    "valid_days": ("An approval holds", {"low": 730, "medium": 365, "high": 365}),
    "grace_days": (
        "New subscriptions are taken after an approval ended, for",
        {"low": 30, "medium": 0, "high": 0},
    ),
    "notice_days": (
        "Consumers get notice before a version ends, at least",
        {"low": 90, "medium": 120, "high": 180},
    ),
    "waiver_days": ("A waiver lasts at most", {"low": 90, "medium": 90, "high": 90}),
    "condition_days": (
        "A condition of an approval is due within",
        {"low": 365, "medium": 365, "high": 90},
    ),
}
CHANGE_NOTICE = "change_notice_days"
POLICY: dict[str, Any] = {
    "schema": "periods/1.0.0",
    "semver": "1.0.0",
    **{name: dict(days) for name, (_, days) in BY_TIER.items()},
}
