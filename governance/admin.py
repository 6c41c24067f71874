from django.contrib import admin

from governance.models import Decision, GateResult, PolicyVersion, Review
from marketplace.core.admin import LookOnly

admin.site.register(PolicyVersion, LookOnly)
admin.site.register(GateResult, LookOnly)
admin.site.register(Decision, LookOnly, list_select_related=["by"])
admin.site.register(Review, LookOnly, list_select_related=["version__model"])
