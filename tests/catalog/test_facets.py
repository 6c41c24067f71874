"""Any facet's count is the length of the list that it leads to, for everybody, and page and API agree (issue 12)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalog import search
from catalog.filters import ModelFilter
from catalog.models import Domain, RegisteredModel, SearchDocument
from catalog.search import index
from governance import card_values, cards
from marketplace.accounts.models import Team
from tests import factories

pytestmark = pytest.mark.django_db
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # which takes minutes
KINDS = ("enterprise", "business_units", "restricted")
FACTS = st.fixed_dictionaries(
    {
        "name": st.lists(
            st.sampled_from(["Income", "Fraud", "Claims", "Home", "Churn"]), min_size=1, max_size=3
        ).map(" ".join),
        "visibility": st.sampled_from(KINDS),
        "state": st.sampled_from(["published", "published", "published", "draft", "archived"]),
        "risk_tier": st.sampled_from(["", "low", "medium", "high"]),
        "measured_p95_ms": st.sampled_from([None, 12, 49, 50, 250, 251]),
        "measured_availability": st.sampled_from([None, "99.000", "99.950", "100.000"]),
        "rating_mean": st.sampled_from([None, "2.50", "3.00", "4.75"]),
        "place": st.integers(0, 5),
    }
)
KEPT = st.fixed_dictionaries(
    {
        "version_state": st.sampled_from(["", "published", "deprecated", "retired"]),
        "version_kind": st.sampled_from(["", "onnx", "external"]),
        "data_class": st.sampled_from(["", "public", "personal"]),
        "languages": st.sampled_from(["", "en", "de,en"]),
        "promised_p95_ms": st.sampled_from([None, 49.5, 50.0, 250.0]),
        "promised_availability": st.sampled_from([None, 99.0, 99.95, 99.99]),
        "has_free_plan": st.booleans(),
        "has_paid_plan": st.booleans(),
        "opens_at_once": st.booleans(),
        "asks_owner": st.booleans(),
    }
)
TEXTS = st.sampled_from(["", "income", "fraud claims", "hom", "the", "zzzz", "churn income"])


@pytest.fixture
def entries():
    """Six listings of two teams, to be changed at will."""
    teams = [factories.lending(), factories.wealth()]
    made = [
        factories.model(
            by=factories.person(f"owner{n % 2}", teams[n % 2]),
            owner_team=teams[n % 2],
            name=f"Listing {n}",
            visible_units=[factories.mortgage().business_unit],
            visible_teams=[factories.mortgage()],
        )
        for n in range(6)
    ]
    Domain.objects.get_or_create(slug="another", defaults={"name": "Another domain"})
    return made


def change(entries, rows):
    domains = list(Domain.objects.all())
    for number, (entry, (facts, kept)) in enumerate(zip(entries, rows, strict=True)):
        facts = dict(facts)
        facts["domain"] = domains[facts.pop("place") % len(domains)]
        facts["name"] += f" {number}"
        facts |= {"name_key": f"key {number}", "name_shape": f"shape {number}"}
        RegisteredModel.objects.filter(pk=entry.pk).update(**facts)
        SearchDocument.objects.filter(pk=entry.pk).update(**kept)
    search.forget()


def asked(query):
    return ModelFilter(QueryDict(query), queryset=RegisteredModel.objects.none()).asked


@pytest.mark.parametrize("examples", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_a_count_is_the_length_of_the_list_that_it_leads_to(entries, examples):
    @given(
        rows=st.lists(st.tuples(FACTS, KEPT), min_size=6, max_size=6),
        who=st.sampled_from(["maya", "charlie", "rita", "alice"]),
        text=TEXTS,
        data=st.data(),
    )
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=WITHOUT_SHRINKING,
    )
    def holds(rows, who, text, data):
        change(entries, rows)
        person = getattr(factories, who)()
        query = f"q={text}"
        for _ in range(data.draw(st.integers(0, 3))):
            found = search.find(person, asked(query))
            if options := [(facet, option) for facet in found.facets for option in facet.options]:
                facet, option = data.draw(st.sampled_from(options))
                query += f"&{facet.param}={option.value}"
        assert_counts_lead_to_lists(person, query)

    holds()


def assert_counts_lead_to_lists(person, query):
    found = search.find(person, asked(query))
    names = {hit.model.pk for number in range(1, 5) for hit in found.page(number, size=2)}
    assert found.total == len(names) == found.good + found.weak
    for facet in found.facets:
        picked = {option.value for option in facet.options if option.selected}
        for option in facet.options:
            kept = "&".join(
                part for part in query.split("&") if not part.startswith(f"{facet.param}=")
            )
            alone = search.find(person, asked(f"{kept}&{facet.param}={option.value}"))
            assert option.count == alone.total, (query, facet.title, option)
        assert picked == set(found.asked.chosen.get(facet.param, ()))
    visible = RegisteredModel.objects.visible_to(person).published()
    of_api = set(ModelFilter(QueryDict(query), queryset=visible).qs.values_list("pk", flat=True))
    assert of_api == names


def test_what_one_may_not_see_is_in_no_count_and_no_suggestion():
    team = factories.wealth()
    owner = factories.person("nina", team)
    hidden = factories.model(
        by=owner, owner_team=team, name="Secret yield", tags=["hushhush"], visibility="restricted"
    )
    RegisteredModel.objects.filter(pk=hidden.pk).update(state="published")
    shown = factories.published_version(factories.model(name="Income verification")).model
    for text in ("secret yield", "secert", "hushhush", "income", ""):
        found = search.find(factories.charlie(), search.Asked(text=text))
        assert hidden.pk not in found.ids(100) and "ecret" not in found.understood.replace(text, "")
        assert all(option.count <= 1 for facet in found.facets for option in facet.options), text
    for text in ("secret", "hush", "nina", team.name):
        assert not search.suggest(factories.charlie(), text)
    assert [one.model.pk for one in search.suggest(owner, "sec").models] == [hidden.pk]
    assert search.find(owner, search.Asked(text="secert yield")).understood == "secret yield"
    assert search.find(factories.charlie(), search.Asked(text="incme")).ids(5) == [shown.pk]


def test_what_one_may_see_is_asked_anew_at_each_search():
    team = factories.wealth()
    owner = factories.person("nina", team)
    hidden = factories.model(by=owner, owner_team=team, name="Yield", visibility="restricted")
    RegisteredModel.objects.filter(pk=hidden.pk).update(state="published")
    person = factories.person("nora", team)

    def total():
        return search.find(person, search.Asked(text="yield")).total

    assert total() == 1
    person.memberships.update(left_at=timezone.now())
    assert total() == 0
    grant = person.grants.create(role="auditor", granted_by=factories.ada())
    assert total() == 1
    person.grants.filter(pk=grant.pk).update(revoked_at=timezone.now())
    assert total() == 0


def test_a_listing_is_found_by_all_that_is_said_about_it():
    version = factories.published_version(factories.model(name="Income verification"))
    model = version.model
    Team.objects.filter(pk=model.owner_team_id).update(name="Zebra crossing")
    type(model.owner).objects.filter(pk=model.owner_id).update(display_name="Wilhelmina Quux")
    field = version.signature["inputs"][0]
    assert field["description"]
    words = ["zebra", "wilhelmina", "quux", field["name"], field["description"], version.number]
    words += [model.domain.name, model.capability.name, model.model_type.name, model.limitations]
    words += [model.owner_team.business_unit.name, "IV", next(iter(version.card.data.values()))]
    for word in filter(None, map(str, words)):
        found = search.find(factories.maya(), search.Asked(text=word[:200], exact=True))
        assert found.ids(1) == [model.pk], word
        [hit] = found.page(1)
        assert hit.findings or word == "IV", word


def test_a_card_says_which_languages_a_model_reads():
    version = factories.published_version(factories.model(name="Letters"))
    factories.published_version(factories.model(name="Income verification"))
    card = version.card
    card.data = card.data | {"technical.languages": ["en", "de"]}
    card.save()
    person = factories.maya()
    [facet] = [one for one in search.find(person, asked("")).facets if one.param == "language"]
    assert [(one.label, one.count) for one in facet.options] == [("English", 2), ("German", 1)]
    for query in ("language=de", "language=de&language=fr"):
        assert search.find(person, asked(query)).ids(5) == [version.model_id]
    assert search.find(person, asked("language=fr")).total == 0
    refused = card_values.refusal(cards.FIELDS_BY_ID["technical.languages"], ["en", "English"])
    assert refused.startswith("Entry 2: It takes one of: en, de")


def test_the_index_reads_what_was_written_and_forgets_what_was_taken_back():
    entry = factories.published_version(factories.model(name="Income verification")).model
    person = factories.maya()
    assert search.find(person, search.Asked(text="zebras")).total == 0
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
    RegisteredModel.objects.filter(pk=entry.pk).update(summary="Counts zebras.")
    assert search.find(person, search.Asked(text="zebras")).ids(5) == [entry.pk]
    RegisteredModel.objects.filter(pk=entry.pk).update(visibility="restricted")
    assert search.find(person, search.Asked()).total == 0
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK TO before")
    assert search.find(person, search.Asked(text="zebras")).total == 0
    assert search.find(person, search.Asked(text="income")).ids(5) == [entry.pk]


def test_changed_rows_are_merged_without_a_difference(entries, monkeypatch):
    monkeypatch.setattr(index, "DELTA", 2)
    monkeypatch.setattr(index, "CHUNK", 2)
    RegisteredModel.objects.update(state="published", visibility="enterprise")
    person = factories.maya()
    for turn in range(4):
        for entry in entries[: turn + 1]:
            RegisteredModel.objects.filter(pk=entry.pk).update(
                summary=f"Turn{turn} of animals, number {entry.pk}",
                tags=["Animals", f"turn{turn}"],
                created_at=F("created_at") + timedelta(1),
            )
            kept = search.find(person, search.Asked(text=f"animals turn{turn} listing"))
            search.forget()
            anew = search.find(person, search.Asked(text=f"animals turn{turn} listing"))
            scores = [[round(hit.score, 5) for hit in found.page(1)] for found in (kept, anew)]
            assert kept.ids(10) == anew.ids(10) and scores[0] == scores[1]
            tagged = [
                found.index.by_tag[tag].tolist() if tag in found.index.by_tag else []
                for found in (kept, anew)
                for tag in ("animals", f"turn{turn}")
            ]
            assert tagged[:2] == tagged[2:] and len(tagged[0]) >= len(tagged[1]) > 0
            search.find(person, search.Asked())
