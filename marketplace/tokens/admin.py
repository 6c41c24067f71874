from django.contrib import admin

from marketplace.core.admin import LookOnly
from marketplace.tokens.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(LookOnly):
    list_display = ["__str__", "name", "user", "scopes", "state", "expires_at", "last_used_at"]
    exclude = ["mac", "pepper_version"]
