"""Background task of the organisation: moves of teams that are due."""

from celery import shared_task

from marketplace.organisation.actions import moves


@shared_task(name="organisation.make_moves")
def make_moves() -> None:
    """Move the teams whose day has come."""
    moves.make_due()
