"""Consumption in the REST API."""

from consumption.api.access import Applications, Keys, Plans, Subscriptions
from consumption.api.changes import Changes
from consumption.api.evaluations import BatchEvaluations
from consumption.api.tries import Tries
from consumption.api.usage import Rejections, Statements, Usage

__all__ = [
    "Applications",
    "BatchEvaluations",
    "Changes",
    "Keys",
    "Plans",
    "Rejections",
    "Statements",
    "Subscriptions",
    "Tries",
    "Usage",
]
