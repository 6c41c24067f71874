"""Background tasks of hosting."""

from contextlib import suppress

from celery import shared_task

from consumption.metering import rejections
from consumption.playground import allowance
from hosting import change_log, health, service_levels, sleep
from hosting import reconcile as reconciling
from hosting.drivers.base import EngineUnavailable


@shared_task(name="hosting.reconcile", time_limit=120)
def reconcile(is_timer=False):
    if is_timer:
        reconciling.reconcile_when_due()
    else:
        reconciling.reconcile()


@shared_task(name="hosting.probe", time_limit=120)
def probe():
    health.probe_due()


@shared_task(name="hosting.delete_old_samples", time_limit=300, statement_s=240)
def delete_old_samples():
    health.delete_old_samples()
    rejections.delete_old()
    allowance.delete_old()


@shared_task(name="hosting.delete_old_changes", time_limit=60)
def delete_old_changes():
    change_log.delete_old()


@shared_task(name="hosting.project", time_limit=120, statement_s=60)
def project():
    service_levels.project()
    if sleep.refresh_due():
        reconciling.reconcile()
    with suppress(EngineUnavailable):
        health.notify_out_of_memory()
