"""VALUE: what the marketplace is worth, with evidence. Looks over all apps; nothing looks up to it."""

from marketplace.insights.models.business_case import BusinessCase
from marketplace.insights.models.claims import ClaimKind, ClaimState, ValueClaim
from marketplace.insights.models.curation import (
    CurationItem,
    CurationRun,
    CurationState,
    FindingKind,
    HealthScore,
    PublisherAnswer,
    StrategicMark,
)
from marketplace.insights.models.demand import DemandGap, GapState
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
from marketplace.insights.models.ownership import Succession, SuccessionState
from marketplace.insights.models.quality import (
    FindingSeverity,
    QualityFinding,
    QualityFindingState,
    QualityReview,
    QualityReviewReason,
    QualityReviewState,
)

__all__ = [
    "BusinessCase",
    "ClaimKind",
    "ClaimState",
    "CostSize",
    "CurationItem",
    "CurationRun",
    "CurationState",
    "DemandGap",
    "EffortKind",
    "FindingKind",
    "FindingSeverity",
    "GapState",
    "Grade",
    "HealthScore",
    "LineKind",
    "MetricRow",
    "MetricValue",
    "ProductionModel",
    "PublisherAnswer",
    "PublishingEffort",
    "QualityFinding",
    "QualityFindingState",
    "QualityReview",
    "QualityReviewReason",
    "QualityReviewState",
    "ReuseEvent",
    "SEES_ALL",
    "SignedQuarter",
    "StrategicMark",
    "Succession",
    "SuccessionState",
    "ValueClaim",
]
