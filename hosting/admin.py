from django.contrib import admin

from hosting.models import Deployment, Incident, Replica, RuntimeEnvironment
from marketplace.core.admin import LookOnly

for noun in (Deployment, Incident, Replica, RuntimeEnvironment):
    admin.site.register(noun, LookOnly)
