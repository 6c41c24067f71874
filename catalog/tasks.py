"""Background work of the catalog: take ids, reload, call what knows."""

from celery import shared_task

from catalog import neighbours
from marketplace.core.background import enqueue

SWEEP_S = 1.5  # of one run: what is left goes on in the next, so that a long queue holds nobody up


@shared_task(name="catalog.find_neighbours")
def find_neighbours(model_id):
    neighbours.refresh(model_id)


@shared_task(name="catalog.sweep")
def sweep():
    """Neighbourhoods that are due: those whose task was lost, and all of them after an import."""
    if neighbours.refresh_due(SWEEP_S):
        enqueue("catalog.sweep")
