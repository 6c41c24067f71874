"""The REST API's addresses: resources at /api/v1/, its OpenAPI document at /api/schema/, Swagger UI at /api/docs/."""

from functools import cache
from typing import Any

from django.conf import settings
from django.urls import include, path, re_path
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from catalog.api import Capabilities, Domains, Models, ModelTypes
from catalog.collection_api import Collections
from catalog.glossary_api import Glossary
from catalog.need_api import Needs
from catalog.saved_search_api import SavedSearches
from catalog.search_record_api import SearchRecords
from catalog.watch_api import Watches
from consumption.api import (
    AcceptanceExamples,
    AcceptanceRuns,
    Adoption,
    Applications,
    BatchEvaluations,
    Budgets,
    Calendar,
    Calls,
    Changes,
    Charging,
    ClosedMonths,
    Deadlines,
    Discussions,
    Disputes,
    Failures,
    Feedback,
    Keys,
    Limits,
    LiveQuality,
    Moves,
    Plans,
    Ratings,
    ReceivedLevels,
    Rejections,
    Rollouts,
    SharedCosts,
    Statements,
    Subscriptions,
    Tries,
    Usage,
    UsageFigures,
    UseReviews,
    WebhookDeliveries,
    Webhooks,
)
from governance.amendment_api import Amendments
from governance.api import CardSchema
from governance.assignment_api import Absences
from governance.condition_api import Conditions
from governance.evaluation_api import Benchmarks, EvaluationRuns, Evaluations
from governance.pack_api import EvidencePacks
from governance.policy_api import Policies, PolicyChanges
from governance.review_api import Reviews
from governance.role_api import RoleChanges
from governance.same_purpose_api import SamePurposeCases
from governance.thread_api import Threads, VersionThreads
from governance.waiver_api import Waivers
from hosting.api import Credentials, Deployments, HealthSamples, Incidents, ServiceLevels
from marketplace.accounts.api import Me
from marketplace.accounts.resources import SLUG
from marketplace.audit.api import Events
from marketplace.core.problem_json import page_not_found
from marketplace.insights.announcements.api import Announcements, Follows
from marketplace.insights.business_case.api import BusinessCases
from marketplace.insights.claims.api import ValueClaims
from marketplace.insights.comparison.api import Comparisons
from marketplace.insights.contributions.api import Contributions
from marketplace.insights.curation.api import CurationItems, ModelHealth
from marketplace.insights.demand.api import DemandBoard, DemandGaps
from marketplace.insights.events.api import CompanyEvents
from marketplace.insights.inventory.api import (
    InventoryCoverage,
    InventoryImports,
    ProductionModels,
    PublicationCampaigns,
)
from marketplace.insights.ledger.api import (
    Counterfactuals,
    PublishingEfforts,
    ReuseEvents,
    SignedQuarters,
    UncountedUses,
    Value,
)
from marketplace.insights.metrics.api import Metrics
from marketplace.insights.ownership.api import Successions
from marketplace.insights.quality.api import QualityFindings, QualityReviews
from marketplace.insights.rollout.api import Rollout
from marketplace.insights.spotlight.api import Spotlights
from marketplace.insights.stories.api import Stories
from marketplace.notices.api import Letters, NoticeChannels, Notices, NoticeTimes
from marketplace.organisation.api.members import JoinRequests, Memberships
from marketplace.organisation.api.people import People, PeopleImports
from marketplace.organisation.api.teams import Teams, UnitMoves, Units
from marketplace.tokens.api import Tokens
from publishing.api import Versions
from publishing.end_api import RetirementWaivers
from publishing.publication_api import ModelVersions
from publishing.registry_api import RegistryConnections, RegistryImports

router = SimpleRouter()
router.register("teams", Teams)
router.register("units", Units, basename="unit")
router.register("unit-moves", UnitMoves, basename="unit-move")
router.register("memberships", Memberships)
router.register("join-requests", JoinRequests, basename="join-request")
router.register("people", People, basename="person")
router.register("people-imports", PeopleImports, basename="people-import")
router.register("domains", Domains)
router.register("capabilities", Capabilities)
router.register("model-types", ModelTypes, basename="model-type")
router.register("models", Models, basename="model")
router.register("saved-searches", SavedSearches, basename="saved-search")
router.register("versions", Versions, basename="version")
router.register("search-records", SearchRecords, basename="search-record")
router.register("needs", Needs)
router.register("collections", Collections)
router.register("glossary", Glossary, basename="glossary")
router.register(
    rf"models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/evaluations",
    Evaluations,
    basename="evaluation",
)
router.register(
    rf"models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/evaluation-runs",
    EvaluationRuns,
    basename="evaluation-run",
)
router.register(
    rf"models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/threads",
    VersionThreads,
    basename="version-thread",
)
router.register(
    rf"models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/evidence-pack",
    EvidencePacks,
    basename="evidence-pack",
)
router.register(rf"models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/tries", Tries, basename="try")
router.register(rf"models/(?P<slug>{SLUG})/ratings", Ratings, basename="rating")
router.register(rf"models/(?P<slug>{SLUG})/live-quality", LiveQuality, basename="live-quality")
router.register("discussions", Discussions)
router.register("feedback", Feedback, basename="feedback")
router.register("threads", Threads, basename="thread")
router.register("benchmarks", Benchmarks, basename="benchmark")
router.register(rf"models/(?P<slug>{SLUG})/versions", ModelVersions, basename="model-version")
router.register("card-schema", CardSchema, basename="card-schema")
router.register("reviews", Reviews)
router.register("amendments", Amendments)
router.register("conditions", Conditions)
router.register("absences", Absences)
router.register("waivers", Waivers)
router.register("retirement-waivers", RetirementWaivers, basename="retirement-waiver")
router.register("same-purpose-cases", SamePurposeCases, basename="same-purpose-case")
router.register("demand-gaps", DemandGaps, basename="demand-gap")
router.register("demand", DemandBoard, basename="demand")
router.register("successions", Successions, basename="succession")
router.register("quality-reviews", QualityReviews, basename="quality-review")
router.register("quality-findings", QualityFindings, basename="quality-finding")
router.register("curation-items", CurationItems, basename="curation-item")
router.register("role-changes", RoleChanges, basename="role-change")
router.register("policies", Policies, basename="policy")
router.register("policy-changes", PolicyChanges, basename="policy-change")
router.register("plans", Plans)
router.register("changes", Changes, basename="change")
router.register("applications", Applications)
router.register("subscriptions", Subscriptions)
router.register("deadlines", Deadlines, basename="deadline")
router.register("acceptance-examples", AcceptanceExamples, basename="acceptance-example")
router.register("acceptance-runs", AcceptanceRuns, basename="acceptance-run")
router.register("rollouts", Rollouts, basename="rollout")
router.register("moves", Moves, basename="move")
router.register("keys", Keys, basename="key")
router.register("batch-evaluations", BatchEvaluations, basename="batch-evaluation")
router.register("use-reviews", UseReviews, basename="use-review")
router.register("usage", Usage, basename="usage")
router.register("usage-figures", UsageFigures, basename="usage-figures")
router.register("failures", Failures, basename="failure")
router.register("limits", Limits, basename="limit")
router.register("received-service-levels", ReceivedLevels, basename="received-service-level")
router.register("calls", Calls, basename="call")
router.register("statements", Statements, basename="statement")
router.register("shared-costs", SharedCosts, basename="shared-cost")
router.register("charging", Charging, basename="charging")
router.register("budgets", Budgets, basename="budget")
router.register("closed-months", ClosedMonths, basename="closed-month")
router.register("disputes", Disputes, basename="dispute")
router.register("reuse-events", ReuseEvents, basename="reuse-event")
router.register("counterfactuals", Counterfactuals, basename="counterfactual")
router.register("signed-quarters", SignedQuarters, basename="signed-quarter")
router.register("value-claims", ValueClaims, basename="value-claim")
router.register("publishing-efforts", PublishingEfforts, basename="publishing-effort")
router.register("business-cases", BusinessCases, basename="business-case")
router.register("rejections", Rejections, basename="rejection")
router.register("deployments", Deployments)
router.register("incidents", Incidents)
router.register("health-samples", HealthSamples, basename="health-sample")
router.register("service-levels", ServiceLevels, basename="service-level")
router.register("audit-events", Events, basename="audit-event")
router.register("notices", Notices)
router.register("notice-channels", NoticeChannels, basename="notice-channel")
router.register("webhooks", Webhooks, basename="webhook")
router.register("webhook-deliveries", WebhookDeliveries, basename="webhook-delivery")
router.register("letters", Letters, basename="letter")
router.register("production-models", ProductionModels, basename="production-model")
router.register("inventory-imports", InventoryImports, basename="inventory-import")
router.register("publication-campaigns", PublicationCampaigns, basename="publication-campaign")
router.register("announcements", Announcements, basename="announcement")
router.register("follows", Follows, basename="follow")
router.register("events", CompanyEvents, basename="event")
router.register("spotlights", Spotlights, basename="spotlight")
router.register("stories", Stories, basename="story")
router.register("watches", Watches, basename="watch")
router.register("tokens", Tokens, basename="token")
router.register("metrics", Metrics, basename="metric")
router.register("registry-connections", RegistryConnections, basename="registry-connection")
router.register("registry-imports", RegistryImports, basename="registry-import")


class SameForAll(SchemaGenerator):
    """The document as anybody reads it: it is made once for each process, and takes a second of processor time."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return document()


@cache
def document() -> Any:
    """The OpenAPI document. It says what there is, whoever asks, and in one language."""
    with translation.override(settings.LANGUAGE_CODE):
        return SchemaGenerator().get_schema(request=None, public=True)


app_name = "api"
singletons = [
    path("me/", Me.as_view({"get": "retrieve"}), name="me"),
    path(
        "calendar/",
        Calendar.as_view({"post": "create", "delete": "destroy"}),
        name="calendar",
    ),
    path(
        "notice-times/",
        NoticeTimes.as_view({"get": "retrieve", "put": "update"}),
        name="notice-times",
    ),
    re_path(
        rf"^models/(?P<slug>{SLUG})/adoption/$",
        Adoption.as_view({"get": "retrieve"}),
        name="adoption",
    ),
    path("value/", Value.as_view({"get": "retrieve"}), name="value"),
    path("uncounted-uses/", UncountedUses.as_view({"get": "retrieve"}), name="uncounted-uses"),
    re_path(
        rf"^models/(?P<slug>{SLUG})/health/$",
        ModelHealth.as_view({"get": "retrieve"}),
        name="model-health",
    ),
    path("rollout/", Rollout.as_view({"get": "retrieve"}), name="rollout"),
    path("contributions/", Contributions.as_view({"get": "retrieve"}), name="contributions"),
    path(
        "inventory-coverage/",
        InventoryCoverage.as_view({"get": "retrieve"}),
        name="inventory-coverage",
    ),
    path("comparisons/", Comparisons.as_view({"get": "retrieve"}), name="comparisons"),
    re_path(
        rf"^models/(?P<slug>{SLUG})/versions/(?P<number>[^/]+)/credential/$",
        Credentials.as_view({"put": "update", "delete": "destroy"}),
        name="credential",
    ),
]
urlpatterns = [
    path("v1/", include([*singletons, *router.urls])),
    path("schema/", SpectacularAPIView.as_view(generator_class=SameForAll), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="api/docs.html"),
        name="docs",
    ),
    re_path(r"", page_not_found, name="nowhere"),
]
