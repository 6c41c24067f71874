"""JOURNEY: uploads on their way, runs of the execution gates, and the ends of versions."""

from publishing.models.ends import (
    Campaign,
    MigrationGuide,
    MigrationMessage,
    RetirementWaiver,
    RetirementWaiverState,
)
from publishing.models.journey import GateRun, GateRunState, Upload, UploadSet

__all__ = [
    "Campaign",
    "GateRun",
    "GateRunState",
    "MigrationGuide",
    "MigrationMessage",
    "RetirementWaiver",
    "RetirementWaiverState",
    "Upload",
    "UploadSet",
]
