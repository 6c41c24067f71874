"""Consumption in the REST API, from its rooms."""

from consumption.acceptance.api import AcceptanceExamples, AcceptanceRuns
from consumption.budgets.api import Budgets
from consumption.changes.api import Changes
from consumption.dashboards.api import (
    Adoption,
    Calls,
    Failures,
    Limits,
    ReceivedLevels,
    UsageFigures,
)
from consumption.dashboards.usage_api import Rejections, Usage
from consumption.deadlines.api import Deadlines
from consumption.deadlines.calendar_api import Calendar
from consumption.evaluations.api import BatchEvaluations
from consumption.feedback.api.discussions import Discussions
from consumption.feedback.api.outcomes import Feedback
from consumption.feedback.api.ratings import LiveQuality, Ratings
from consumption.moving.api import Moves
from consumption.playground.api import Tries
from consumption.rollouts.api import Rollouts
from consumption.statements.api import ClosedMonths, Disputes, Statements
from consumption.statements.finance_api import Charging, SharedCosts
from consumption.subscribing.api.access import Applications, Keys, Plans, Subscriptions
from consumption.subscribing.api.use_reviews import UseReviews
from consumption.webhooks.api import WebhookDeliveries, Webhooks

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
