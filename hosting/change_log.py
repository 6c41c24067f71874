"""The notes of what gateways hold and has changed: how long they are kept (docs/gateway.md)."""

from datetime import timedelta

from django.db.models.functions import Now

from hosting.models import Change

RETENTION = timedelta(
    hours=1
)  # a gateway that has not looked for half of that trusts nothing that it holds


def delete_old():
    """Notes that every gateway has read."""
    Change.objects.filter(at__lt=Now() - RETENTION).delete()
