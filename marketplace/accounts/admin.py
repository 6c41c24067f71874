from django.contrib import admin

from marketplace.accounts.models import BusinessUnit, Membership, RoleGrant, Team, User
from marketplace.core.admin import LookOnly


class MembershipsInline(admin.TabularInline):
    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ["team", "role", "joined_at", "left_at"]

    def has_add_permission(self, request, obj=None):
        return False


@admin.register(User)
class UserAdmin(LookOnly):
    list_display = ["username", "display_name", "job_title", "is_active"]
    search_fields = ["username", "display_name"]
    exclude = ["password"]
    inlines = [MembershipsInline]


@admin.register(Team)
class TeamAdmin(LookOnly):
    list_display = ["name", "business_unit", "is_ai_team"]
    list_filter = ["business_unit"]


admin.site.register(BusinessUnit, LookOnly)
admin.site.register(RoleGrant, LookOnly)
