"""Background doors of publishing."""

from celery import shared_task

from publishing import actions


@shared_task(name="publishing.sweep", time_limit=60)
def sweep():
    actions.publish_what_is_ready()
