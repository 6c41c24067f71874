"""Background tasks of governance."""

from celery import shared_task
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from governance import actions, evaluation_runs, overdue, renewals


@shared_task(name="governance.check", time_limit=120)
def check(version_id):
    actions.check(ModelVersion.objects.get(pk=version_id))


@shared_task(name="governance.sweep", time_limit=120)
def sweep():
    """Versions whose task was lost."""
    for version in ModelVersion.objects.filter(state__in=["submitted", "checking"]):
        actions.check(version)


@shared_task(name="governance.remind", time_limit=120)
def remind():
    """Absent reviewers, reviews and conditions that are late, approvals and waivers that end."""
    actions.hand_over_absent(timezone.localdate())
    renewals.remind_of_reviews(timezone.now())
    renewals.remind_of_ends(timezone.now())
    overdue.announce(timezone.now())
    overdue.suspend(timezone.now())
    overdue.remind(timezone.now())
    actions.remind_of_conditions(timezone.localdate())
    actions.suspend_overdue(timezone.localdate())
    actions.end_waivers(timezone.localdate())
    actions.remind_of_waivers(timezone.localdate())


@shared_task(name="governance.sweep_evaluations", time_limit=120)
def sweep_evaluations() -> None:
    evaluation_runs.sweep()


@shared_task(name="governance.find_cases_of", time_limit=60)
def find_cases_of(model_id: int) -> None:
    """Models for the same purpose as one that was registered or published."""
    actions.find_cases_of(RegisteredModel.objects.get(pk=model_id))


@shared_task(name="governance.find_cases", time_limit=280, statement_s=120)
def find_cases() -> None:
    """Models for one purpose among those that changed; nightly, and what the tasks of single models lost."""
    actions.find_cases()
