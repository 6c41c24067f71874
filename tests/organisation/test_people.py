"""People: added before the first sign-in, deactivated with what follows, brought back, imported from a table."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import Review
from marketplace.accounts.models import Team, User
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from marketplace.organisation import following
from marketplace.organisation.actions import imports, invitations, people
from marketplace.tokens import actions as tokens
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
REASON = "She left the company at the end of May."


@pytest.fixture
def ada():
    return factories.ada()


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


# ── Add ───────────────────────────────────────────────────────────────────


def test_somebody_is_added_before_the_first_sign_in_and_chooses_a_password(ada):
    page = signed_in(ada)
    given = {"display_name": "Nora New", "email": "Nora.New@Example.com", "invites": "on"}
    assert page.post(reverse("organisation:new_person"), given).status_code == 302
    nora = User.objects.get(email="nora.new@example.com")
    assert (nora.username, nora.has_usable_password()) == ("nora.new", False)
    [letter] = mail.outbox
    assert letter.to == ["nora.new@example.com"] and "nora.new" in letter.body
    address = next(word for word in letter.body.split() if "/password/reset/key/" in word)
    visitor = Client()
    form = visitor.get(address.partition("8000")[2] or address, follow=True)
    chosen = {"password1": "a-long-password", "password2": "a-long-password"}
    visitor.post(form.redirect_chain[-1][0], chosen)
    nora.refresh_from_db()
    assert nora.check_password("a-long-password")
    with pytest.raises(RuleError, match="has a password"):
        invitations.invite(ada, nora)


def test_an_address_is_one_persons_and_a_name_is_found(ada):
    first = people.add_person(ada, email="a.b@example.com", display_name="A B")
    second = people.add_person(ada, email="a.b@example.org", display_name="A B")
    assert (first.username, second.username) == ("a.b", "a.b2")
    with pytest.raises(Invalid, match=r"A B \(a.b\) has this address") as refusal:
        people.add_person(ada, email="A.B@example.com", display_name="Other")
    assert refusal.value.field == "email"
    with pytest.raises(Invalid, match="Another person"):
        people.add_person(ada, email="c@example.com", display_name="C", username="A.B")
    with pytest.raises(NotAllowed):
        people.add_person(factories.rita(), email="d@example.com", display_name="D")


def test_facts_are_corrected_with_what_they_were(ada):
    maya = factories.maya()
    maya.set_unusable_password()
    maya.save()
    people.change_person(ada, maya, job_title="Underwriter", email="maya@example.com")
    maya.refresh_from_db()
    assert (maya.job_title, maya.email) == ("Underwriter", "maya@example.com")
    detail = AuditEvent.objects.get(action="person.change").detail
    assert detail["before"] == {"job_title": "", "email": ""}


def test_no_administrator_alone_sends_somebody_s_letters_elsewhere(ada):
    """Whoever reads the letter of a forgotten password acts as the person, and the four eyes would be two."""
    gus = factories.gus()
    gus.set_password("a-long-password")
    gus.save()
    with pytest.raises(RuleError, match="has a password") as refusal:
        people.change_person(ada, gus, email="ada.too@example.com")
    assert refusal.value.field == "email"
    page = signed_in(ada)
    address = reverse("organisation:change_person", args=[gus.pk])
    sent = {"display_name": "Gus", "email": "ada.too@example.com"}
    assert page.post(address, sent).status_code == 422
    gus.refresh_from_db()
    assert gus.email == ""


# ── Deactivate and bring back ─────────────────────────────────────────────


def test_deactivating_ends_sessions_tokens_and_roles_and_memberships_stay(ada):
    rita = factories.also(factories.rita(), "evaluator")
    _, text = tokens.make_token(rita, name="ci", scopes=["read"])
    page = signed_in(rita)
    assert page.get(reverse("notices:notices")).status_code == 200
    said = signed_in(ada).get(reverse("organisation:deactivate", args=[rita.pk])).content.decode()
    assert "ci" in said and "2 roles end" in said and "signed out everywhere" in said
    people.deactivate(ada, rita, REASON)
    rita.refresh_from_db()
    assert page.get(reverse("notices:notices")).status_code == 302
    assert tokens.recognise(text) is None and rita.roles() == set()
    assert rita.memberships.filter(left_at=None).exists()
    assert AuditEvent.objects.get(action="person.deactivate").reason == REASON
    people.reactivate(ada, rita, REASON)
    rita.refresh_from_db()
    assert rita.is_active and rita.roles() == set()
    assert page.get(reverse("notices:notices")).status_code == 302, "the old session stays dead"
    assert signed_in(rita).get(reverse("notices:notices")).status_code == 200
    assert Notice.objects.filter(recipient=rita, kind="team").exists()


def test_nobody_deactivates_themself_nor_the_last_administrator(ada):
    with pytest.raises(NotAllowed, match="Nobody deactivates themself"):
        people.deactivate(ada, ada, REASON)
    adam = factories.person("adam", roles=["admin"])
    people.deactivate(adam, ada, REASON)
    with pytest.raises(NotAllowed):
        people.deactivate(User.objects.get(pk=ada.pk), adam, REASON)
    with pytest.raises(Invalid, match="at least 20"):
        people.deactivate(adam, factories.maya(), "gone")
    with pytest.raises(RuleError, match="part of the marketplace"):
        people.deactivate(adam, User.objects.system(), REASON)


def test_open_reviews_of_who_left_go_to_others(ada):
    other = factories.person("rose", factories.head_office(), roles=["curator"])
    rita = factories.rita()
    version = factories.in_review_version()
    review = version.reviews.get(kind="curation")
    Review.objects.filter(pk=review.pk).update(assignee=rita)
    people.deactivate(ada, rita, REASON)
    review.refresh_from_db()
    assert review.assignee == other


def test_what_they_owned_is_listed_with_whom_to_ask(ada):
    alice, bob = factories.alice(), factories.bob()
    bob.memberships.update(role="lead")
    factories.model(by=alice, owner=alice)
    [owned] = [one for one in following.of_deactivating(alice, ada) if "owner" in one.text]
    assert "Income verification" in owned.text and owned.ask == "Bob"


# ── The list and a person's page ──────────────────────────────────────────


def names(client, query):
    page = client.get(f"{reverse('organisation:people')}?{query}")
    assert page.status_code == 200, query
    return {person.username for person in page.context["page_obj"]}


def test_people_are_found_by_words_team_role_state_and_when_they_were_here(ada):
    maya, charlie, rita = factories.maya(), factories.charlie(), factories.rita()
    User.objects.filter(pk=maya.pk).update(last_login=timezone.now() - timedelta(days=400))
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    client = signed_in(ada)
    assert names(client, "q=may") == {"maya"}
    assert names(client, "team=mortgage-origination") == {"maya"}
    assert names(client, "role=curator") == {"rita"}
    assert names(client, "is_active=false") == {"charlie"}
    assert "maya" not in names(client, "has_team=false")
    assert names(client, "seen=longer") == {"maya"}
    assert names(client, "seen=never") == {"charlie", rita.username}
    assert names(client, "seen=week") == {"ada"}


def test_a_person_s_page_shows_teams_roles_tokens_by_name_and_the_record(ada):
    alice = factories.also(factories.alice(), "executive")
    token, text = tokens.make_token(alice, name="nightly build", scopes=["read"])
    people.change_person(ada, alice, job_title="Data scientist")
    factories.model(by=alice, owner=alice)
    page = signed_in(ada).get(reverse("organisation:person", args=[alice.pk])).content.decode()
    for words in (
        "Consumer lending AI",
        "Executive",
        "nightly build",
        "Data scientist",
        "person.change",
        "Income verification",
    ):
        assert words in page, words
    assert token.kid not in page and text not in page


# ── Import ────────────────────────────────────────────────────────────────

TABLE = """email,name,title,team,unit,lead
nora@example.com,Nora New,Analyst,Pricing,mortgage,yes
omar@example.com,Omar Ode,,Pricing,,
maya@example.com,Maya,,pricing,,no
"""


@pytest.fixture
def company():
    factories.mortgage()
    User.objects.filter(pk=factories.maya().pk).update(email="maya@example.com")


def test_a_table_is_looked_at_before_and_kept_as_a_whole(ada, company):
    client, address = signed_in(ada), reverse("organisation:import_people")
    page = client.post(address, {"table": TABLE, "act": "look"}).content.decode()
    assert "adds the team Pricing to Mortgage" in page and "adds Nora New as nora" in page
    assert not User.objects.filter(username="nora").exists(), "a look changes nothing"
    assert not AuditEvent.objects.filter(action="person.add").exists()
    assert client.post(address, {"table": TABLE, "act": "keep"}).status_code == 302
    team = Team.objects.get(slug="pricing")
    assert {person.username for person in User.objects.on_teams([team])} == {"nora", "omar", "maya"}
    assert [person.username for person in User.objects.leading(team)] == ["nora"]
    again = imports.import_people(ada, TABLE, is_kept=True)
    assert again.is_done and again.acts == 0, "the second time changes nothing"


def test_errors_are_named_by_row_and_keep_everything_out(ada, company):
    rows = [
        "nora@example.com,Nora New,,Pricing,mortgage,yes",
        "not an address,Omar,,,,",
        "omar@example.com,Omar,,Nowhere,,",
        "pia@example.com,Pia,,Pricing,atlantis,",
        "quin@example.com,Quin,,Pricing,,perhaps",
        "ada@example.com,Rex",
    ]
    table = "\n".join(["email,name,title,team,unit,lead", *rows])
    done = imports.import_people(ada, table, is_kept=True)
    assert not done.is_done and not User.objects.filter(username="nora").exists()
    wrong = {row.number: " ".join(row.errors) for row in done.wrong}
    assert set(wrong) == {3, 4, 5, 6, 7}
    assert "email" in wrong[3] and "unit" in wrong[4] and "atlantis" in wrong[5]
    assert "yes or no" in wrong[6] and "2 cells" in wrong[7]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("", "is missing"),
        ("email,name", "one to 500"),
        ("email,nome\na@example.com,A", "There is no column “nome”"),
        ("name\nA", "email is missing"),
        ('email,name\n"a', "not CSV"),
        ("email,name\n" + "\n".join(f"a{n}@example.com,A" for n in range(501)), "one to 500"),
    ],
)
def test_what_is_no_table_is_said(ada, table, why):
    with pytest.raises(Invalid, match=why):
        imports.import_people(ada, table, is_kept=True)


def test_the_administrator_does_not_put_themself_on_a_team_by_a_table(ada, company):
    User.objects.filter(pk=ada.pk).update(email="ada@example.com")
    table = "email,name,team\nada@example.com,Ada,Mortgage origination"
    [row] = imports.import_people(ada, table, is_kept=True).rows
    assert "Nobody puts themself" in row.errors[0]


# ── The REST API ──────────────────────────────────────────────────────────


def test_everything_by_the_api(ada, company):
    api = Api(ada)
    unit = api.post("units/", {"name": "Insurance"}, expect=201)
    api.patch(f"units/{unit['slug']}/", {"name": "Insurances"})
    team = api.post("teams/", {"name": "Claims", "unit": "insurance", "lead": "maya"}, expect=201)
    assert team["leads"] == ["maya"]
    refused = api.post("units/insurance/archive/", {"reason": REASON}, expect=409)
    assert "1 team (Claims)" in refused["detail"]
    move = api.post(
        "unit-moves/",
        {
            "team": "claims",
            "unit": "mortgage",
            "begins_on": timezone.now().date().isoformat(),
            "reason": REASON,
        },
        expect=201,
    )
    assert move["state"] == "made"
    assert api.post("units/insurance/archive/", {"reason": REASON})["archived_at"]
    assert api.get("units/?is_archived=true")["results"][0]["slug"] == "insurance"
    assert api.post("units/insurance/restore/", {})["archived_at"] is None
    person = api.post("people/", {"email": "nora@example.com", "display_name": "Nora"}, expect=201)
    one = f"people/{person['id']}/"
    assert api.patch(one, {"job_title": "Actuary"})["job_title"] == "Actuary"
    assert api.post(f"{one}invite/", {}) and len(mail.outbox) == 1
    held = api.post("memberships/", {"team": "claims", "user": "nora"}, expect=201)
    assert api.post(f"memberships/{held['id']}/lead/", {})["role"] == "lead"
    assert api.get(f"{one}consequences/")["consequences"]
    assert api.post(f"{one}deactivate/", {"reason": REASON})["is_active"] is False
    assert api.post(f"{one}reactivate/", {"reason": REASON})["is_active"] is True
    assert api.post(f"memberships/{held['id']}/end/", {})["left_at"]
    looked = api.post("people-imports/", {"table": TABLE, "is_kept": False})
    assert not looked["is_done"] and looked["rows"][0]["number"] == 2


def test_administrators_keep_vocabularies_by_the_api(ada):
    api = Api(ada)
    for path in ("domains", "capabilities", "model-types"):
        made = api.post(f"{path}/", {"name": "Weather"}, expect=201)
        assert made["slug"] == "weather"
        api.post(f"{path}/", {"name": "Climate"}, expect=201)
        assert api.patch(f"{path}/weather/", {"name": "Weather now"})["name"] == "Weather now"
        assert api.post(f"{path}/weather/retire/", {})["retired_at"]
        api.post(f"{path}/weather/retire/", {}, expect=409)
        assert api.post(f"{path}/weather/restore/", {})["retired_at"] is None
        Api(factories.rita()).post(f"{path}/", {"name": "No"}, expect=403)
    assert AuditEvent.objects.filter(action="term.add").count() == 6
