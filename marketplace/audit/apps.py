from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AuditConfig(AppConfig):
    name = "marketplace.audit"
    label = "audit"

    def ready(self):
        from marketplace.audit.signals import record_login

        user_logged_in.connect(record_login, dispatch_uid="audit.login")
