"""Consumption in the REST API."""

from consumption.api.access import Applications, Keys, Plans, Subscriptions
from consumption.api.changes import Changes
from consumption.api.usage import Refusals, Statements, Usage

__all__ = [
    "Applications",
    "Changes",
    "Keys",
    "Plans",
    "Refusals",
    "Statements",
    "Subscriptions",
    "Usage",
]
