from django.contrib import admin

from marketplace.core.admin import LookOnly
from marketplace.organisation.models import JoinRequest, UnitMove

admin.site.register(JoinRequest, LookOnly)
admin.site.register(UnitMove, LookOnly)
