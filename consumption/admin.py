from django.contrib import admin

from consumption.models import ApiKey, Application, Plan, Subscription
from marketplace.core.admin import LookOnly


@admin.register(ApiKey)
class ApiKeyAdmin(LookOnly):
    list_display = ["kid", "subscription", "state", "expires_at", "last_used_at"]
    list_select_related = ["subscription__application", "subscription__model"]
    exclude = ["mac"]


admin.site.register(Application, LookOnly)
admin.site.register(Plan, LookOnly)
admin.site.register(Subscription, LookOnly, list_select_related=["application", "model", "plan"])
