"""Issue 14, I1: success stories. Who is quoted agrees, somebody else publishes, and money comes from the ledger alone."""

import pytest
from django.test import Client

from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.ledger import actions as ledger
from marketplace.insights.models import Story
from marketplace.insights.stories import actions
from marketplace.notices.models import Notice
from tests import adoption, factories
from tests.insights import ledgers

pytestmark = pytest.mark.django_db
WHY = "It is true, and short enough to read."


def reads(person, story):
    client = Client()
    client.force_login(person)
    on_home = story.title in client.get("/").content.decode()
    return on_home, client.get(story.get_absolute_url()).status_code == 200


def quoted(**texts):
    return adoption.story(quote="It works.", quoted_person=factories.maya(), **texts)


def test_it_is_published_after_the_quoted_person_and_a_manager_agreed():
    story = actions.submit(factories.maya(), quoted())
    assert reads(factories.charlie(), story) == (False, False)
    with pytest.raises(RuleError):
        actions.publish(factories.rita(), story, WHY)
    with pytest.raises(NotAllowed):
        actions.agree(factories.rita(), story)
    actions.agree(factories.maya(), story)
    actions.publish(factories.rita(), story, WHY)
    assert reads(factories.charlie(), story) == (True, True)
    asked = Notice.objects.get(recipient=factories.maya(), key__startswith="story-agree")
    assert asked.read_at is not None
    actions.refuse(factories.maya(), story)
    assert reads(factories.charlie(), story) == (False, False)


def test_other_words_ask_again():
    story = actions.agree(factories.maya(), quoted())
    texts = {name: getattr(story, name) for name in actions.TEXTS}
    kept = actions.edit(factories.maya(), story, **texts, quoted_person=factories.maya())
    assert kept.agreed_at is not None
    kept = actions.edit(
        factories.maya(), kept, **texts | {"quote": "Great!"}, quoted_person=factories.maya()
    )
    assert kept.agreed_at is None


def test_nobody_publishes_their_own():
    curating = factories.also(factories.maya(), "curator")
    held = factories.subscription(factories.published_version())
    story = actions.submit(factories.maya(), adoption.story(held))
    with pytest.raises(NotAllowed):
        actions.publish(curating, story, WHY)
    own = actions.submit(factories.rita(), adoption.story(held, by=factories.rita()))
    with pytest.raises(NotAllowed):
        actions.publish(factories.rita(), own, WHY)
    with pytest.raises(NotAllowed):
        adoption.story(held, by=factories.charlie())


@pytest.mark.parametrize(
    "text",
    ["We saved $131k.", "131 k USD a year", "Saved 200,000 dollars", "EUR 5", "1.2 million €"],
)
def test_amounts_of_money_come_from_the_ledger(text):
    with pytest.raises(Invalid) as refused:
        adoption.story(after=text)
    assert refused.value.field == "after"


@pytest.mark.parametrize(
    "text", ["Two weeks, not 26.", "12,400 calls a day", "The euro area, 2026"]
)
def test_time_and_volume_may_be_told(text):
    assert adoption.story(after=text).after == text


def test_it_is_about_a_team_that_uses_anothers_model():
    held = factories.subscription(factories.published_version())
    texts = {name: "x" for name in actions.TEXTS if name != "quote"}
    for team, person in (
        (factories.lending(), factories.alice()),
        (factories.wealth(), factories.rita()),
    ):
        with pytest.raises(Invalid):
            actions.write(person, model=held.model, team=team, **texts)
    assert not Story.objects.exists()


def test_a_story_about_a_hidden_model_is_hidden():
    version = factories.published_version(
        factories.model(
            name="Zephyr",
            visibility="restricted",
            visible_teams=[factories.mortgage(), factories.lending()],
        )
    )
    held = factories.subscription(version)
    story = adoption.published_story(held, factories.maya())
    assert reads(factories.charlie(), story) == (False, False)
    assert reads(factories.maya(), story) == (True, True)
    client = Client()
    client.force_login(factories.charlie())
    assert client.get("/api/v1/stories/").json()["results"] == []


def test_a_story_shows_its_line_of_the_ledger_once_finance_signed_it_and_while_it_stands():
    line = ledgers.mortgage_line()
    with pytest.raises(Invalid):
        adoption.story(line.subscription, lines=[line])
    ledgers.called(line.subscription, 1, 1, ledgers.quarters.last_day(line.quarter))
    with ledgers.after_quarter(line):
        ledger.sign_quarter(factories.finn(), line.quarter)
        story = adoption.published_story(line.subscription, factories.maya(), lines=[line])
        client = Client()
        client.force_login(factories.charlie())
        assert "131,000" in client.get(story.get_absolute_url()).content.decode()
        (figure,) = client.get(f"/api/v1/stories/{story.pk}/").json()["figures"]
        assert (figure["id"], figure["low"]) == (line.pk, "131000.00")
        ledger.reject_line(factories.finn(), line, ledgers.LONG)
        assert "131,000" not in client.get(story.get_absolute_url()).content.decode()
        assert client.get(f"/api/v1/stories/{story.pk}/").json()["figures"] == []
