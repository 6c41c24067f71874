"""The marketplace project. Importing it makes the Celery app the current one, so that `enqueue` finds the broker."""

from marketplace.celery import app as celery_app

__all__ = ["celery_app"]
