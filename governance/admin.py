from django.contrib import admin

from governance.models import Decision, GateResult, PolicyVersion, Review
from marketplace.core.admin import LookOnly

for noun in (Decision, GateResult, PolicyVersion, Review):
    admin.site.register(noun, LookOnly)
