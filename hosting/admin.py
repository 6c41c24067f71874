from django.contrib import admin

from hosting.models import Deployment, Incident, Replica, RuntimeEnvironment
from marketplace.lib.admin import LookOnly

for noun in (Deployment, Incident, Replica, RuntimeEnvironment):
    admin.site.register(noun, LookOnly)
