from django.contrib import admin

from catalog.models import Capability, Domain, ModelType, ModelVersion, RegisteredModel
from marketplace.core.admin import LookOnly


@admin.register(RegisteredModel)
class RegisteredModelAdmin(LookOnly):
    list_display = ["name", "owner_team", "state", "risk_tier", "calls_30d"]
    list_filter = ["state"]  # other columns would be read whole for their choices
    search_fields = ["name", "summary"]
    list_select_related = ["owner_team"]


@admin.register(ModelVersion)
class ModelVersionAdmin(LookOnly):
    list_display = ["model", "number", "state", "risk_tier", "suspended_at"]
    list_filter = ["state"]  # other columns would be read whole for their choices
    list_select_related = ["model"]


for vocabulary in (Domain, Capability, ModelType):
    admin.site.register(vocabulary, LookOnly)
