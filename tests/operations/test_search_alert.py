"""When search has no meaning, operators are told, and searching goes on by words."""

import pytest

from catalog import search
from catalog.search import embedders
from marketplace.operations import summary
from tests import factories

pytestmark = pytest.mark.django_db


def test_search_without_its_weights_is_told_and_goes_on(settings, tmp_path):
    entry = factories.published_version(factories.model(name="Income verification")).model
    settings.EMBEDDER_PATH = str(tmp_path)
    embedders.forget()
    found = search.find(factories.maya(), search.Asked(text="income"))
    assert found.ids(5) == [entry.pk] and not found.by_meaning
    [alert] = [alert for alert in summary.overview().alerts if "by words only" in alert.what]
    assert "not installed" in alert.why
    settings.EMBEDDER_PATH = ""
    embedders.forget()
    assert search.find(factories.maya(), search.Asked(text="income")).by_meaning
    assert not [alert for alert in summary.overview().alerts if "by words only" in alert.what]
