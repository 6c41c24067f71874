"""VALUE: what the marketplace is worth, with evidence. Looks over all apps; nothing looks up to it."""

from marketplace.insights.models.business_case import BusinessCase
from marketplace.insights.models.claims import ClaimKind, ClaimState, ValueClaim
from marketplace.insights.models.inventory import ProductionModel
from marketplace.insights.models.ledger import (
    SEES_ALL,
    CostSize,
    EffortKind,
    Grade,
    LineKind,
    PublishingEffort,
    ReuseEvent,
    SignedQuarter,
)
from marketplace.insights.models.metrics import MetricRow, MetricValue

__all__ = [
    "SEES_ALL",
    "BusinessCase",
    "ClaimKind",
    "ClaimState",
    "CostSize",
    "EffortKind",
    "Grade",
    "LineKind",
    "MetricRow",
    "MetricValue",
    "ProductionModel",
    "PublishingEffort",
    "ReuseEvent",
    "SignedQuarter",
    "ValueClaim",
]
