"""Background doors of consumption: roll-ups and projections. The gateway's shipping process does the first as well."""

from celery import shared_task

from consumption import metering


@shared_task(name="consumption.roll_up")
def roll_up():
    """Recompute the hours and days that got events."""
    metering.roll_up()


@shared_task(name="consumption.project")
def project():
    """Refresh the figures of the catalog, and make room for next month's events."""
    metering.open_next_month()
    metering.project()
