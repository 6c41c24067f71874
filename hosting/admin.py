from django.contrib import admin

from hosting.models import Deployment, Incident, Replica, RuntimeEnvironment
from marketplace.core.admin import LookOnly

admin.site.register(RuntimeEnvironment, LookOnly)
admin.site.register(Replica, LookOnly)
for noun in (Deployment, Incident):
    admin.site.register(noun, LookOnly, list_select_related=["version__model"])
