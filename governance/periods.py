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
    "update_days": (
        "Consumers hear of an automatic minor update, in business days before it, at least",
        {"low": 5, "medium": 10, "high": 15},
    ),
}
CHANGE_NOTICE = "change_notice_days"
# What follows where nobody reviews a version again: name → (what it says, days, lowest, highest)
OVERDUE: dict[str, tuple[str, int, int, int]] = {
    "suspension_days": (
        "At high risk a version is suspended when its approval has ended for",
        30,
        7,
        180,
    ),
    "extension_days": ("The model risk officer puts that off once, by at most", 60, 0, 90),
}
# How an automatic minor update spreads, step by step, before everybody has it (docs/updates.md)
CANARY = "canary"
STEPS = (
    {"percent": 5, "hours": 24, "calls": 100, "days": 14},
    {"percent": 25, "hours": 24, "calls": 100, "days": 14},
)
# What each step has: name → (what it says, lowest, highest)
STEP: dict[str, tuple[str, int, int]] = {
    "percent": ("Of the applications that follow it have it, percent", 1, 99),
    "hours": ("The next step begins at the earliest after, hours", 1, 720),
    "calls": ("Calls of those that have it are judged, at least", 20, 10_000),
    "days": ("It is given up where they were fewer after, days", 1, 90),
}
POLICY: dict[str, Any] = {
    "schema": "periods/1.1.0",
    "semver": "1.1.0",
    **{name: dict(days) for name, (_, days) in BY_TIER.items()},
    **{name: number for name, (_, number, _, _) in OVERDUE.items()},
    CANARY: [dict(step) for step in STEPS],
}


def in_steps(text: dict[str, Any]) -> dict[str, Any]:
    """A text of periods/1.0.0 said its one step in four numbers (canary_percent, …): the same text, with that step in a list.

    Where the list is there, too, a later change said it, and the numbers mean nothing.
    """
    said = {name: text[f"{CANARY}_{name}"] for name in STEP if f"{CANARY}_{name}" in text}
    kept = {name: value for name, value in text.items() if not name.startswith(f"{CANARY}_")}
    return kept | {CANARY: kept.get(CANARY) or [dict(STEPS[0]) | said]} if said else text
