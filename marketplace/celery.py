"""The Celery application: `celery -A marketplace worker`."""

import os

from celery import Celery

from marketplace.core import broker  # noqa: F401 (counts how tasks end)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
