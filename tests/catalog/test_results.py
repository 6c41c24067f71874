"""Issue 12, B2 and B3: the page of results, the search box, saved searches."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog import saved_searches
from catalog.models import RegisteredModel, SavedSearch
from marketplace.notices.models import Notice
from tests import discovery_factories, factories
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    client = Client()
    client.force_login(factories.maya())
    return client


@pytest.fixture
def two():
    """A model about income and one about the sea."""
    return [
        factories.published_version(factories.model(name=name, summary=summary)).model
        for name, summary in (
            ("Income check", "Checks the payslips of an applicant and estimates the income."),
            ("Sea weather", "Forecasts the height of waves for the next three days."),
        )
    ]


def test_the_query_is_the_title_and_each_result_says_why(client, two):
    page = text_of(client.get("/models/?q=payslips"))
    assert "<h1>payslips</h1>" in page and "1 good match" in page
    assert "<mark>payslips</mark>" in page and "Why it matched" in page
    assert "Sea weather" not in page.split("Weak matches")[0].split("<main")[1]


def test_a_mistyped_word_is_corrected_and_can_be_meant(client, two):
    page = text_of(client.get("/models/?q=payslpis"))
    assert "Showing results for <strong>payslips</strong>" in page
    exact = text_of(client.get("/models/?q=payslpis&exact=1"))
    assert "Showing results for" not in exact


def test_table_or_cards_is_in_the_address_and_remembered(client, two):
    assert "results-table" in text_of(client.get("/models/"))
    assert "results-cards" in text_of(client.get("/models/?view=cards"))
    assert "results-cards" in text_of(client.get("/models/?q=income"))


def test_every_count_that_can_be_ticked_leads_to_so_many(client, two):
    factories.published_version(factories.model(name="Borrower income"), tier="medium")
    facets = client.get("/models/?q=income").context["facets"]
    for facet in facets:
        for option in facet.options:
            answer = client.get(f"/models/?q=income&{facet.param}={option.value}")
            assert answer.context["results"].found.total == option.count, (facet, option)
            mark = f'id="facet-{facet.param}-{option.value}"'
            tag = text_of(client.get("/models/?q=income")).split(mark)[1].split(">")[0]
            assert ("disabled" in tag) == (option.count == 0)


def test_nothing_found_leads_to_the_filter_that_hides_most_and_to_the_need(client, two):
    page = text_of(client.get("/models/?q=income&tier=high"))
    assert "No model fits “income”" in page
    assert "Without <em>" in page and "/needs/new/?need=income" in page


def test_ticked_models_survive_paging_and_new_searches(client, two):
    client.post("/compare/tray/", {"add": two[0].slug})
    for address in ("/models/?q=waves", "/models/?page=1", "/models/?view=cards"):
        page = text_of(client.get(address))
        assert f'data-picked="{two[0].slug}"' in page and "Room for 3 more" in page
    assert "tray-empty" not in page


def test_suggestions_name_models_teams_and_earlier_searches(client, two):
    client.get("/models/?q=income+of+applicants")
    offered = text_of(client.get("/search/suggest/?q=inc"))
    assert "Income check" in offered and "income of applicants" in offered
    assert 'role="option"' in offered and "All models for “inc”" in offered
    assert "income of applicants" in text_of(client.get("/search/suggest/?q="))
    RegisteredModel.objects.filter(pk=two[0].pk).update(visibility="restricted")
    assert "Income check" not in text_of(client.get("/search/suggest/?q=inc"))


def test_every_page_has_the_search_box(client, two):
    for address in ("/", "/models/", "/access/", two[0].get_absolute_url(), "/no-such-page/"):
        page = text_of(client.get(address))
        assert page.count('id="search-q"') == 1 and 'action="/models/"' in page


# ── Saved searches ────────────────────────────────────────────────────────


def published(name, **facts):
    """A model whose first version was published long enough ago to count."""
    version = factories.published_version(factories.model(name=name, **facts))
    shift = timedelta(minutes=2)
    type(version).objects.filter(pk=version.pk).update(published_at=timezone.now() - shift)
    return version.model


def tell(minutes=4):
    """As the clock would, some minutes after everything was saved."""
    SavedSearch.objects.update(checked_at=timezone.now() - timedelta(minutes=minutes))
    saved_searches.tell_due(10)
    return list(Notice.objects.filter(kind="saved-search").order_by("pk"))


def test_one_is_told_once_of_a_new_model_that_fits_and_that_one_may_see():
    saved = discovery_factories.saved_search(query="q=payslips&page=3&view=cards")
    assert (
        saved.query == "q=payslips"
        and discovery_factories.saved_search(query="q=payslips") == saved
    )
    published("Sea weather", summary="Forecasts the height of waves for three days.")
    hidden = published(
        "Secret check", summary="Checks the payslips of managers.", visibility="restricted"
    )
    fitting = published("Income check", summary="Checks the payslips of an applicant.")
    assert [(one.recipient, one.url) for one in tell()] == [
        (factories.maya(), fitting.get_absolute_url())
    ]
    assert hidden.name not in tell()[0].title and len(tell()) == 1
    SavedSearch.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    factories.published_version(fitting, "1.1.0")
    assert len(tell(minutes=1)) == 1  # a newer version is no new model


def test_saved_searches_are_ones_own_and_can_be_given_up(client):
    mine, other = (
        discovery_factories.saved_search(),
        discovery_factories.saved_search(factories.charlie(), "tier=low"),
    )
    page = text_of(client.get("/searches/"))
    assert mine.name in page and other.name not in page
    assert client.post(f"/searches/{other.pk}/forget/").status_code == 404
    client.post(f"/searches/{mine.pk}/forget/")
    assert list(SavedSearch.objects.all()) == [other]


def test_what_cannot_be_searched_is_not_saved(client):
    for query in ("", "page=2", "tier=nonsense", "q=" + "x" * 3000):
        assert client.post("/searches/save/", {"query": query}).status_code == 422, query
    assert not SavedSearch.objects.exists()
