"""USERS: who may call what, and what they called."""

from consumption.models.access import (
    OVERSEES,
    Application,
    Plan,
    PlanTerms,
    Subscription,
    SubscriptionPlan,
    SubscriptionState,
)
from consumption.models.changes import ChangeState, ScheduledChange
from consumption.models.keys import ApiKey, KeyState, LeakReport
from consumption.models.usage import (
    FiguresDay,
    JournalPosition,
    Outcome,
    QuotaLease,
    QuotaPeriod,
    ReconciledDay,
    ReconciledUsage,
    RejectedHour,
    StaleFigures,
    StaleHour,
    UsageDay,
    UsageEvent,
    UsageHour,
)

__all__ = [
    "ApiKey",
    "Application",
    "ChangeState",
    "FiguresDay",
    "JournalPosition",
    "KeyState",
    "LeakReport",
    "OVERSEES",
    "Outcome",
    "Plan",
    "PlanTerms",
    "QuotaLease",
    "QuotaPeriod",
    "RejectedHour",
    "ScheduledChange",
    "StaleFigures",
    "ReconciledDay",
    "ReconciledUsage",
    "StaleHour",
    "Subscription",
    "SubscriptionPlan",
    "SubscriptionState",
    "UsageDay",
    "UsageEvent",
    "UsageHour",
]
