"""Background task of tokens: those of people who left, and those that end soon."""

from celery import shared_task

from marketplace.tokens import actions


@shared_task(name="tokens.sweep")
def sweep() -> None:
    """End tokens whose person left, and tell of those that expire soon."""
    actions.end_orphans()
    actions.remind()
