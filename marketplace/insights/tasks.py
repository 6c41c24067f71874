"""Background work of insights."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from catalog import discovery_log
from marketplace.insights.ledger import posting
from marketplace.insights.metrics import rollup

LATELY = timedelta(hours=5)  # a restart of the clock counts nothing twice


@shared_task(name="insights.count_metrics", statement_s=240)
def count_metrics() -> None:
    """Count the success metrics of the running quarter, and of past ones that are not fixed; forget old looks and searches."""
    now = timezone.now()
    rollup.count_due(now, again_after=LATELY)
    discovery_log.forget_old(now.date())


@shared_task(name="insights.sweep_ledger", statement_s=240)
def sweep_ledger() -> None:
    """Post the uses that qualify, and take back those that stopped."""
    posting.sweep()
