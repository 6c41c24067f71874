from django.apps import AppConfig
from django.db.models.signals import pre_save


class CoreConfig(AppConfig):
    """The leaf: mechanisms and template tags; knows no app."""

    name = "marketplace.core"
    label = "core"

    def ready(self) -> None:
        from marketplace.core import field_limits

        pre_save.connect(field_limits.before_save, dispatch_uid="field_limits")
