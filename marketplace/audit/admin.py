from django.contrib import admin

from marketplace.audit.models import AuditEvent
from marketplace.core.admin import LookOnly


@admin.register(AuditEvent)
class AuditEventAdmin(LookOnly):
    list_display = ["seq", "at", "actor", "action", "object_label"]
    search_fields = ["=action", "object_label", "reason"]
    list_select_related = ["actor"]
