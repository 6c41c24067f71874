"""Background doors of consumption: roll-ups and projections. The gateway's shipping process does the first by itself."""

from celery import shared_task

from consumption import metering

MISSED_S = 60  # an hour that waits longer has nobody: the shipping process recomputes at a pace that fits the cost


@shared_task(name="consumption.roll_up")
def roll_up():
    """Recompute the hours and days that got events and that no shipping process saw to."""
    metering.roll_up(stale_s=MISSED_S)


@shared_task(name="consumption.project")
def project():
    """Refresh the figures of the catalog, and make room for next month's events."""
    metering.open_next_month()
    metering.project()
