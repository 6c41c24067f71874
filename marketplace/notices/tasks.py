"""Background tasks of notices: mail and webhooks that are due."""

from celery import shared_task

from marketplace.notices import letters, webhooks


@shared_task(name="notices.compose_letters", time_limit=120)
def compose_letters() -> None:
    """The sweep: notices that are due go into letters, and letters that are due go out."""
    letters.compose()
    letters.send_due()


@shared_task(name="notices.send_letters", time_limit=120)
def send_letters() -> None:
    letters.send_due()


@shared_task(name="notices.deliver", time_limit=120)
def deliver() -> None:
    """The sweep of webhooks: challenges that are asked for, deliveries that are due."""
    webhooks.send_challenges()
    webhooks.deliver_due()


@shared_task(name="notices.challenge", time_limit=120)
def challenge() -> None:
    webhooks.send_challenges()


@shared_task(name="notices.clean", time_limit=120)
def clean() -> None:
    """Forget what is old."""
    letters.clean()
    webhooks.clean()
