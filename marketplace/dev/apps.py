from django.apps import AppConfig


class DevConfig(AppConfig):
    name = "marketplace.dev"
    label = "dev"
    verbose_name = "Development ground"
