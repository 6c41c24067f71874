"""Consumption in the REST API."""

from consumption.api.acceptance import AcceptanceExamples, AcceptanceRuns
from consumption.api.access import Applications, Keys, Plans, Subscriptions
from consumption.api.budgets import Budgets
from consumption.api.calendar import Calendar
from consumption.api.changes import Changes
from consumption.api.dashboards import (
    Adoption,
    Calls,
    Failures,
    Limits,
    ReceivedLevels,
    UsageFigures,
)
from consumption.api.deadlines import Deadlines
from consumption.api.discussions import Discussions
from consumption.api.evaluations import BatchEvaluations
from consumption.api.finance import Charging, SharedCosts
from consumption.api.moves import Moves
from consumption.api.outcomes import Feedback
from consumption.api.ratings import LiveQuality, Ratings
from consumption.api.rollouts import Rollouts
from consumption.api.statements import ClosedMonths, Disputes, Statements
from consumption.api.tries import Tries
from consumption.api.usage import Rejections, Usage
from consumption.api.use_reviews import UseReviews
from consumption.api.webhooks import WebhookDeliveries, Webhooks

__all__ = [
    "Adoption",
    "AcceptanceExamples",
    "AcceptanceRuns",
    "Calendar",
    "WebhookDeliveries",
    "Webhooks",
    "Applications",
    "BatchEvaluations",
    "Calls",
    "Budgets",
    "Changes",
    "Deadlines",
    "Charging",
    "ClosedMonths",
    "Discussions",
    "Failures",
    "Disputes",
    "Feedback",
    "Keys",
    "Limits",
    "LiveQuality",
    "Moves",
    "Rollouts",
    "Plans",
    "Ratings",
    "ReceivedLevels",
    "Rejections",
    "SharedCosts",
    "Statements",
    "Subscriptions",
    "Tries",
    "Usage",
    "UsageFigures",
    "UseReviews",
]
