"""JOURNEY: uploads on their way, runs of the execution gates, the ends of versions, connections to model registries."""

from publishing.models.ends import (
    Campaign,
    MigrationGuide,
    MigrationMessage,
    RetirementWaiver,
)
from publishing.models.journey import GateRun, GateRunState, Upload, UploadSet
from publishing.models.registry import (
    ImportState,
    RegistryConnection,
    RegistryDelivery,
    RegistryImport,
    RegistryState,
    RegistryTrigger,
)

__all__ = [
    "Campaign",
    "GateRun",
    "GateRunState",
    "ImportState",
    "MigrationGuide",
    "MigrationMessage",
    "RegistryConnection",
    "RegistryDelivery",
    "RegistryImport",
    "RegistryState",
    "RegistryTrigger",
    "RetirementWaiver",
    "Upload",
    "UploadSet",
]
