"""Background tasks of publishing."""

from celery import shared_task
from django.utils import timezone

from catalog.models import ModelVersion
from publishing import actions, campaigns, evaluation, execution_gates, replays
from publishing.batch import work
from publishing.registry import importing


@shared_task(name="publishing.try_out", time_limit=120)
def try_out(version_id):
    version = ModelVersion.objects.filter(pk=version_id).first()
    if version:
        actions.try_out(version)


@shared_task(name="publishing.sweep", time_limit=60)
def sweep():
    actions.publish_what_is_ready()


@shared_task(name="publishing.end_versions", time_limit=240)
def end_versions() -> None:
    """What the clock does about announced ends: waivers end, versions retire, and who has not moved is told."""
    actions.end_retirement_waivers(timezone.localdate())
    actions.retire_what_is_due()
    campaigns.tell_what_is_due(timezone.now())


@shared_task(name="publishing.sweep_trials", time_limit=300)
def sweep_trials():
    """Versions that were submitted and never tried."""
    actions.try_what_waits()


@shared_task(name="publishing.evaluate", time_limit=900)
def evaluate(run_id: int) -> None:
    evaluation.run(run_id)


@shared_task(name="publishing.replay", time_limit=600)
def replay() -> None:
    """A measurement, repeated at random."""
    replays.replay_one()


@shared_task(name="publishing.run_gates", time_limit=240)
def run_gates(run_id: int) -> None:
    execution_gates.run(run_id)


@shared_task(name="publishing.sweep_gates", time_limit=120)
def sweep_gates() -> None:
    execution_gates.sweep()


@shared_task(name="publishing.read_evaluation", time_limit=240)
def read_evaluation(evaluation_id: int) -> None:
    work.read(evaluation_id)


@shared_task(name="publishing.check_evaluation", time_limit=300)
def check_evaluation(evaluation_id: int) -> None:
    work.check(evaluation_id)


@shared_task(name="publishing.run_evaluation", time_limit=720)
def run_evaluation(evaluation_id: int) -> None:
    work.run(evaluation_id)


@shared_task(name="publishing.import_registered", time_limit=900)
def import_registered(import_id: int) -> None:
    importing.run(import_id)


@shared_task(name="publishing.sweep_registries", time_limit=60)
def sweep_registries() -> None:
    """Imports from model registries whose task or worker was lost."""
    importing.sweep()
