"""Issue 9, line 13: names in addresses are lower case; other spellings lead there, whether or not there is such a thing."""

import pytest

from tests import factories

pytestmark = pytest.mark.django_db

PAGES = [
    "",
    "versions/",
    "versions/1.0.0-RC.1/",
    "plans/",
    "usage/",
    "card/",
    "evidence/",
    "api/",
    "deployment/",
    "subscribe/",
]


@pytest.mark.parametrize("page", PAGES)
def test_another_spelling_leads_to_the_usual_one(client, page):
    client.force_login(factories.charlie())
    for slug in ("Claims-Triage", "CLAIMS-TRIAGE"):
        answer = client.get(f"/models/{slug}/{page}?version=1.0.0&q=A%20b")
        assert (answer.status_code, answer["Location"]) == (
            301,
            f"/models/claims-triage/{page.lower()}?version=1.0.0&q=A%20b",
        )
        assert client.head(f"/models/{slug}/{page}").status_code == 301


def test_the_api_leads_there_too(client):
    client.force_login(factories.charlie())
    assert (
        client.get("/api/v1/models/Claims-Triage/")["Location"] == "/api/v1/models/claims-triage/"
    )


def test_it_says_nothing_about_what_is_hidden(client):
    hidden = factories.model(name="Secret draft")
    client.force_login(factories.charlie())
    there, nowhere = (
        client.get("/models/SECRET-draft/", follow=True),
        client.get("/models/NO-such/", follow=True),
    )
    assert hidden.slug == "secret-draft" and there.status_code == nowhere.status_code == 404
    assert (
        [status for _, status in there.redirect_chain]
        == [status for _, status in nowhere.redirect_chain]
        == [301]
    )


def test_who_writes_must_spell_it_right(client):
    client.force_login(factories.maya())
    entry = factories.published_version().model
    assert client.post(f"/models/{entry.slug.upper()}/subscribe/").status_code == 404


def test_strangers_sign_in_first(client):
    answer = client.get("/models/Claims-Triage/")
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")


# ── Release candidates ────────────────────────────────────────────────────

SPOKEN = [
    "1.0.0-rc.1",
    "1.0.0-rc.2",
    "1.0.0-rc.9",
    "1.0.0-rc.10",
    "1.0.0",
    "1.0.1-rc.1",
    "1.0.1",
    "1.1.0-rc.3",
    "1.1.0",
    "2.0.0-rc.1",
]


def test_candidates_stand_before_their_release_on_page_and_api(client):
    from tests.api.calls import Api

    entry = factories.model()
    for number in sorted(SPOKEN, key=hash):
        factories.draft_version(entry, number)
    newest_first = SPOKEN[::-1]
    assert list(entry.versions.newest_first().values_list("number", flat=True)) == newest_first
    assert (
        list(entry.versions.values_list("number", flat=True)) == newest_first
    )  # the model's own order
    alice, found, address = Api(factories.alice()), [], "versions/?page_size=3"
    while address:
        page = alice.get(address)
        found, address = found + [row["number"] for row in page["results"]], page["next"]
    assert found == newest_first
    client.force_login(factories.alice())
    text = client.get(f"/models/{entry.slug}/versions/").content.decode()
    places = [
        text.index(f">{number}<") if f">{number}<" in text else text.index(number + "<")
        for number in newest_first
    ]
    assert places == sorted(places)


def test_a_release_takes_over_from_its_candidate_and_not_the_other_way():
    entry = factories.model()
    factories.published_version(entry, "1.0.0-rc.1")
    second = factories.published_version(entry, "1.0.0-rc.2")
    assert entry.aliases.get(name="stable").version == second
    release = factories.published_version(entry, "1.0.0")
    factories.published_version(entry, "1.0.0-rc.3")
    assert entry.aliases.get(name="stable").version == release
