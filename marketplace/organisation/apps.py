from django.apps import AppConfig


class OrganisationConfig(AppConfig):
    name = "marketplace.organisation"
    label = "organisation"
