from django.apps import AppConfig


class LibConfig(AppConfig):
    """The leaf: mechanisms and template tags; knows no app."""

    name = "marketplace.lib"
    label = "lib"
