"""Background tasks of publishing."""

from celery import shared_task

from catalog.models import ModelVersion
from publishing import actions, evaluation, execution_gates


@shared_task(name="publishing.try_out", time_limit=120)
def try_out(version_id):
    version = ModelVersion.objects.filter(pk=version_id).first()
    if version:
        actions.try_out(version)


@shared_task(name="publishing.sweep", time_limit=60)
def sweep():
    actions.publish_what_is_ready()


@shared_task(name="publishing.sweep_trials", time_limit=300)
def sweep_trials():
    """Versions that were submitted and never tried."""
    actions.try_what_waits()


@shared_task(name="publishing.evaluate", time_limit=900)
def evaluate(run_id: int) -> None:
    evaluation.run(run_id)


@shared_task(name="publishing.run_gates", time_limit=240)
def run_gates(run_id: int) -> None:
    execution_gates.run(run_id)


@shared_task(name="publishing.sweep_gates", time_limit=120)
def sweep_gates() -> None:
    execution_gates.sweep()
