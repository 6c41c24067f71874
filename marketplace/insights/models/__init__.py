"""VALUE: what the marketplace is worth, with evidence. Looks over all apps; nothing looks up to it."""

from marketplace.insights.models.announcements import Announcement, AnnouncementState, Audience
from marketplace.insights.models.business_case import BusinessCase
from marketplace.insights.models.claims import ClaimKind, ClaimState, ValueClaim
from marketplace.insights.models.contributions import NamedContributor
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
from marketplace.insights.models.events import CompanyEvent, EventState, SignUp
from marketplace.insights.models.following import Follow
from marketplace.insights.models.inventory import (
    ImportKind,
    ImportState,
    InventoryImport,
    ProductionModel,
    ProductionState,
    PublicationCampaign,
    PublicationCampaignState,
    PublicationException,
    RiskTier,
    Standing,
)
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
from marketplace.insights.models.spotlight import Spotlight, SpotlightRule, SpotlightState
from marketplace.insights.models.stories import Story, StoryState
from marketplace.insights.models.uses import ModelUse

__all__ = [
    "Announcement",
    "AnnouncementState",
    "Audience",
    "BusinessCase",
    "ClaimKind",
    "ClaimState",
    "CompanyEvent",
    "CostSize",
    "CurationItem",
    "CurationRun",
    "CurationState",
    "DemandGap",
    "EffortKind",
    "EventState",
    "FindingKind",
    "FindingSeverity",
    "Follow",
    "GapState",
    "Grade",
    "HealthScore",
    "ImportKind",
    "ImportState",
    "InventoryImport",
    "LineKind",
    "MetricRow",
    "MetricValue",
    "ModelUse",
    "NamedContributor",
    "ProductionModel",
    "ProductionState",
    "PublicationCampaign",
    "PublicationCampaignState",
    "PublicationException",
    "PublisherAnswer",
    "PublishingEffort",
    "QualityFinding",
    "QualityFindingState",
    "QualityReview",
    "QualityReviewReason",
    "QualityReviewState",
    "ReuseEvent",
    "RiskTier",
    "SEES_ALL",
    "SignUp",
    "SignedQuarter",
    "Spotlight",
    "SpotlightRule",
    "SpotlightState",
    "Standing",
    "Story",
    "StoryState",
    "StrategicMark",
    "Succession",
    "SuccessionState",
    "ValueClaim",
]
