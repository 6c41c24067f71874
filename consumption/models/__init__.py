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
from consumption.models.discussions import Discussion, DiscussionMessage, DiscussionState
from consumption.models.evaluations import (
    BatchEvaluation,
    BatchState,
    DataClass,
    DeletionReceipt,
    EvaluatedVersion,
    EvaluationKey,
)
from consumption.models.keys import ApiKey, KeyState, LeakReport
from consumption.models.outcomes import OutcomeReport
from consumption.models.ratings import Rating, RatingEdition
from consumption.models.sandbox import LatencyRun, LatencyState, SandboxCall, SandboxHour
from consumption.models.usage import (
    ChargedDay,
    FeeDay,
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
from consumption.pricing import PriceKind

__all__ = [
    "ApiKey",
    "Application",
    "BatchEvaluation",
    "BatchState",
    "ChangeState",
    "ChargedDay",
    "DataClass",
    "DeletionReceipt",
    "EvaluatedVersion",
    "EvaluationKey",
    "Discussion",
    "DiscussionMessage",
    "DiscussionState",
    "FeeDay",
    "FiguresDay",
    "JournalPosition",
    "KeyState",
    "LatencyRun",
    "LatencyState",
    "LeakReport",
    "OVERSEES",
    "Outcome",
    "OutcomeReport",
    "Plan",
    "PlanTerms",
    "PriceKind",
    "QuotaLease",
    "QuotaPeriod",
    "Rating",
    "RatingEdition",
    "RejectedHour",
    "SandboxCall",
    "SandboxHour",
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
