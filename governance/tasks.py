"""Background tasks of governance."""

from celery import shared_task

from catalog.models import ModelVersion
from governance import actions


@shared_task(name="governance.check", time_limit=120)
def check(version_id):
    actions.check(ModelVersion.objects.get(pk=version_id))


@shared_task(name="governance.sweep", time_limit=120)
def sweep():
    """Versions whose task was lost."""
    for version in ModelVersion.objects.filter(state__in=["submitted", "checking"]):
        actions.check(version)
