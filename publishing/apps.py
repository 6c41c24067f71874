from django.apps import AppConfig


class PublishingConfig(AppConfig):
    """The journey keeps no rows of its own: it moves catalog's."""

    name = "publishing"
