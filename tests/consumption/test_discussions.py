"""What users and publishers say to each other. Rule: docs/feedback.md, "Discussions"."""

import pytest
from django.test import Client

from catalog.models import RegisteredModel
from consumption import actions
from consumption.models import Discussion
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
SECRET = '{"income": [123456.78]}'


@pytest.fixture
def held():
    factories.bob()
    return factories.subscription()


@pytest.fixture
def discussion(held):
    call = factories.call(held)
    return factories.discussion(held.pinned_version, request_id=call.event_id, payload=SECRET)


def told(discussion):
    """Who was told of the newest thing."""
    newest = Notice.objects.filter(url=discussion.get_absolute_url()).order_by("-pk").first()
    return set(Notice.objects.filter(key=newest.key).values_list("recipient__username", flat=True))


def test_both_sides_are_told_and_the_fix_is_linked(discussion):
    assert told(discussion) == {"alice", "bob"}
    actions.respond(factories.alice(), discussion, state="acknowledged")
    assert told(discussion) == {"bob", "maya"}
    actions.say(factories.maya(), discussion, "It is the same for fishers.")
    assert told(discussion) == {"alice", "bob"}
    for number in ("", "9.9.9"):
        with pytest.raises(Invalid, match="published version"):
            actions.respond(
                factories.alice(), discussion, state="fixed", text="Done.", fixed_in=number
            )
    discussion.refresh_from_db()
    assert discussion.state == "acknowledged"
    fixed = actions.respond(
        factories.alice(), discussion, state="fixed", text="Farmers are in.", fixed_in="1.0.0"
    )
    assert fixed.fixed_in == discussion.version
    actions.reopen_discussion(factories.maya(), discussion, "Not for fishers.")
    discussion.refresh_from_db()
    assert (discussion.state, discussion.fixed_in) == ("open", None)
    actions.close_discussion(factories.maya(), discussion)
    for verb in (
        lambda: actions.say(factories.maya(), discussion, "More."),
        lambda: actions.reopen_discussion(factories.maya(), discussion, "More."),
        lambda: actions.respond(factories.alice(), discussion, state="declined", text="No."),
    ):
        with pytest.raises(RuleError):
            verb()


@pytest.mark.parametrize("who", [factories.charlie, factories.rita, factories.vera])
def test_others_read_and_do_not_speak(discussion, who):
    by = who()
    for verb in (
        lambda: actions.say(by, discussion, "Me too."),
        lambda: actions.respond(by, discussion, state="declined", text="No."),
        lambda: actions.close_discussion(by, discussion),
        lambda: actions.reopen_discussion(by, discussion, "Why?"),
    ):
        with pytest.raises(NotAllowed):
            verb()
    client = Client()
    client.force_login(by)
    page = client.get(discussion.get_absolute_url()).content.decode()
    seen = Api(by).get(f"discussions/{discussion.pk}/")
    assert factories.REASON in page and "123456.78" not in page
    assert str(discussion.request_id) not in page
    assert (seen["payload"], seen["request_id"]) == ("", None)
    assert Api(factories.alice()).get(f"discussions/{discussion.pk}/")["payload"] == SECRET


def test_a_request_id_is_of_a_call_of_ones_own_team(held):
    theirs = factories.call(held)
    with pytest.raises(Invalid, match="made no call"):
        factories.discussion(
            held.pinned_version,
            by=factories.alice(),
            team=factories.lending(),
            request_id=theirs.event_id,
        )
    with pytest.raises(NotAllowed):
        factories.discussion(held.pinned_version, by=factories.charlie())
    for wrong in ("no-uuid", "00000000-0000-4000-8000-000000000000"):
        Api(factories.maya()).post(
            "discussions/",
            {
                "model": held.model.slug,
                "version": "1.0.0",
                "kind": "bug",
                "title": "Wrong",
                "text": "Wrong.",
                "team": "mortgage-origination",
                "request_id": wrong,
            },
            expect=422,
        )


def test_who_may_not_see_the_model_sees_no_discussion_of_it(discussion):
    RegisteredModel.objects.update(visibility="restricted")
    assert not Discussion.objects.visible_to(factories.charlie()).exists()
    assert Discussion.objects.visible_to(factories.maya()).exists()  # her team uses it
    with pytest.raises(NotAllowed):
        actions.open_discussion(
            factories.charlie(), discussion.version, kind="bug", title="Wrong", text="Wrong."
        )


def test_the_publishers_page_says_what_waits(discussion):
    client = Client()
    client.force_login(factories.alice())
    assert "1 discussion waits" in client.get("/publish/").content.decode()
    assert discussion.title in client.get("/discussions/").content.decode()
    actions.respond(factories.alice(), discussion, state="answered", text="It is by design.")
    assert "discussion waits" not in client.get("/publish/").content.decode()
