"""Reconcile at once, where the product counts day after day."""

from datetime import date

from django.utils import timezone

from consumption.metering import reconciliation
from consumption.models import ReconciledDay


def count_all(months=reconciliation.MONTHS):
    """Count every day anew, now: this month's and the `months` - 1 before it. Returns the Reconciliation."""
    reconciliation._open_window(months)
    ReconciledDay.objects.update(due_at=timezone.now() + reconciliation.AGAIN_AFTER)
    reconciliation._count(reconciliation._months_ago(months - 1), date(9999, 1, 1))
    return reconciliation.reconciliation(months)
