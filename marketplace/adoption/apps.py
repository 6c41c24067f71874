from django.apps import AppConfig


class AdoptionConfig(AppConfig):
    name = "marketplace.adoption"
    label = "adoption"
