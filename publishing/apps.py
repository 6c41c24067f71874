from importlib import import_module

from django.apps import AppConfig


class PublishingConfig(AppConfig):
    """The journey moves catalog's rows; its own are the uploads on their way."""

    name = "publishing"

    def ready(self) -> None:
        import_module("publishing.deprecation")  # registers its kind of change
        import_module("publishing.waiver_queue")  # what of it waits in the review queue
