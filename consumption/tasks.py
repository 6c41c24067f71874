"""Background tasks of consumption: roll-ups and projections. The gateway's shipping process does the first by itself."""

from celery import shared_task

from consumption import changes
from consumption.metering import projections, quota_notices, reconciliation, rollups

MISSED_S = 60  # an hour that waits longer has nobody: the shipping process recomputes at a pace that fits the cost


@shared_task(name="consumption.roll_up", statement_s=240)
def roll_up():
    """Recompute the hours and days that got events and that no shipping process saw to."""
    rollups.roll_up_all(stale_s=MISSED_S)


@shared_task(name="consumption.reconcile", statement_s=240)
def reconcile():
    """Count the days that are due by events, hours and days."""
    reconciliation.count_due()


@shared_task(name="consumption.project", statement_s=60)
def project():
    """Refresh the figures of the catalog, make room for next month's events, tell whose quota is nearly used."""
    rollups.open_next_month()
    projections.project()
    quota_notices.notify_of_quotas()


@shared_task(name="consumption.begin_changes")
def begin_changes():
    """Begin the announced changes whose time has come."""
    changes.begin_what_is_due()
