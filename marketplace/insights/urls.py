"""Page routes of value."""

from django.urls import path

from marketplace.insights.agents import views as agent_views
from marketplace.insights.announcements import urls as announcements
from marketplace.insights.business_case import views as business_case_views
from marketplace.insights.claims import views as claim_views
from marketplace.insights.comparison import views as comparison_views
from marketplace.insights.contributions import views as contribution_views
from marketplace.insights.curation import views as curation_views
from marketplace.insights.demand import views as demand_views
from marketplace.insights.discovery import views as discovery_views
from marketplace.insights.events import urls as events
from marketplace.insights.inventory import urls as inventory
from marketplace.insights.ledger import views as ledger_views
from marketplace.insights.metrics import views as metric_views
from marketplace.insights.ownership import views as ownership_views
from marketplace.insights.quality import views as quality_views
from marketplace.insights.rollout import views as rollout_views
from marketplace.insights.spotlight import views as spotlight_views
from marketplace.insights.stories import urls as stories

app_name = "insights"
urlpatterns = [
    path("compare/", comparison_views.compare, name="compare"),
    *discovery_views.urlpatterns,
    *metric_views.urlpatterns,
    *ledger_views.urlpatterns,
    *claim_views.urlpatterns,
    *business_case_views.urlpatterns,
    *curation_views.urlpatterns,
    *demand_views.urlpatterns,
    *ownership_views.urlpatterns,
    *quality_views.urlpatterns,
    *agent_views.urlpatterns,
    *inventory.urlpatterns,
    *announcements.urlpatterns,
    *events.urlpatterns,
    *stories.urlpatterns,
    *contribution_views.urlpatterns,
    *rollout_views.urlpatterns,
    *spotlight_views.urlpatterns,
]
