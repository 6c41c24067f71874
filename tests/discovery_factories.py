"""Needs, collections and saved searches of the people in tests/factories.py."""

from catalog import collection_actions, need_actions, saved_searches
from tests import factories


def need(by=None, team=None, **changed):
    """Something that maya's team needs and no model does."""
    given = {
        "title": "Roof age from photos",
        "text": f"{factories.REASON} Roofs of houses, for mortgages.",
    }
    return need_actions.open_need(
        by or factories.maya(), team=team or factories.mortgage(), **given | changed
    )


def collection(*models, name="Lending decisions"):
    """Rita made and published it; featured on home."""
    text = "What a lending decision takes."
    made = collection_actions.create_collection(factories.rita(), name=name, text=text)
    for entry in models:
        collection_actions.put_in(factories.rita(), made, entry)
    collection_actions.publish_collection(factories.rita(), made)
    return collection_actions.edit_collection(
        factories.rita(), made, name=name, text=text, is_featured=True
    )


def saved_search(by=None, query="q=check+payslips"):
    return saved_searches.save(by or factories.maya(), query)
