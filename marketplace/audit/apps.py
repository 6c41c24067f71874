from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "marketplace.audit"
    label = "audit"

    def ready(self) -> None:
        from marketplace.audit.grants import grant_to_application
        from marketplace.audit.signals import record_failed_login, record_login

        user_logged_in.connect(record_login, dispatch_uid="audit.login")
        post_migrate.connect(grant_to_application, sender=self, dispatch_uid="audit.grants")
        user_login_failed.connect(record_failed_login, dispatch_uid="audit.login_failed")
