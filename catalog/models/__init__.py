"""NOUNS: what exists and whose it is."""

from catalog.models.collections import Collection, CollectionEntry, CollectionState
from catalog.models.contents import Artifact, Contribution, ModelCard, stored_as
from catalog.models.discovery import ModelView, SearchLog
from catalog.models.entries import (
    RELEASE,
    REVIEWS,
    SEES_EVERYTHING,
    Alias,
    ModelState,
    ModelVersion,
    RegisteredModel,
    VersionState,
    sees_everything,
)
from catalog.models.glossary import GlossaryEntry
from catalog.models.needs import Need, NeedInterest, NeedStage, NeedState, NeedSupport
from catalog.models.saved_searches import SavedSearch
from catalog.models.search import MeaningVector, Neighbour, SearchDocument
from catalog.models.search_records import (
    ReasonCode,
    ReuseDecision,
    SearchCandidate,
    SearchRecord,
    SearchRecordState,
)
from catalog.models.terms import VOCABULARIES, Capability, Domain, ModelType, Term

__all__ = [
    "GlossaryEntry",
    "Alias",
    "Artifact",
    "Capability",
    "Collection",
    "CollectionEntry",
    "CollectionState",
    "Contribution",
    "Domain",
    "MeaningVector",
    "ModelCard",
    "ModelState",
    "ModelType",
    "ModelVersion",
    "ModelView",
    "Need",
    "NeedInterest",
    "NeedStage",
    "NeedState",
    "NeedSupport",
    "Neighbour",
    "RELEASE",
    "REVIEWS",
    "ReasonCode",
    "ReuseDecision",
    "RegisteredModel",
    "SEES_EVERYTHING",
    "SavedSearch",
    "SearchCandidate",
    "SearchDocument",
    "SearchLog",
    "SearchRecord",
    "SearchRecordState",
    "Term",
    "VOCABULARIES",
    "VersionState",
    "sees_everything",
    "stored_as",
]
