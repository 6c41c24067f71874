from django.apps import AppConfig
from django.db.models.signals import pre_save


class LibConfig(AppConfig):
    """The leaf: mechanisms and template tags; knows no app."""

    name = "marketplace.lib"
    label = "lib"

    def ready(self):
        from marketplace.lib import limits

        pre_save.connect(limits.before_save, dispatch_uid="limits")
