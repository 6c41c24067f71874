"""Background work of the catalog: take ids, reload, call what knows."""

from celery import shared_task

from catalog import neighbours, saved_searches
from catalog.search import meaning
from marketplace.core.background import enqueue

SWEEP_S = 1.5  # of one run: what is left goes on in the next, so that a long queue holds nobody up
TELLING_S = 5.0


@shared_task(name="catalog.find_neighbours")
def find_neighbours(model_id: int) -> None:
    """What follows from a change of a listing: its vectors, then the models like it."""
    meaning.refresh(model_id)
    neighbours.refresh(model_id)


@shared_task(name="catalog.sweep")
def sweep() -> None:
    """Vectors that are due, then neighbourhoods: those whose task was lost, and all of them after an import."""
    if meaning.refresh_due(SWEEP_S) or neighbours.refresh_due(SWEEP_S):
        enqueue("catalog.sweep")


@shared_task(name="catalog.tell_saved_searches")
def tell_saved_searches() -> None:
    """Notices of newly published models to those whose saved searches they fit."""
    saved_searches.tell_due(TELLING_S)
