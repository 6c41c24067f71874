"""Talk about a field decides nothing. Rule: docs/governance.md, "Threads"."""

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from governance import actions
from governance.actions import threads
from governance.models import Comment
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db
QUESTION = "The card says internal; are borrowers' balances not personal?"


@pytest.fixture
def version():
    factories.evan(), factories.bob(), factories.rita()
    return factories.in_review_version()


@pytest.fixture
def thread(version):
    return actions.open_thread(
        factories.rita(), version, "card:data.training.classification", QUESTION
    )


def told(thread):
    keys = [f"comment:{comment.pk}" for comment in thread.comments.order_by("-pk")[:1]]
    return set(Notice.objects.filter(key__in=keys).values_list("recipient__username", flat=True))


def test_each_side_is_told_what_the_other_says(thread):
    assert told(thread) == {"alice", "bob"}
    actions.reply(factories.alice(), thread, "They are; I change the card.")
    assert told(thread) == {"rita"}
    thread.version.refresh_from_db()
    assert thread.version.state == "in_review"
    assert set(thread.version.reviews.values_list("state", flat=True)) == {"open"}


def test_a_question_of_the_team_reaches_those_whose_review_is_open(version):
    thread = actions.open_thread(factories.alice(), version, "input:income", "Net or gross?")
    assert told(thread) == {"rita", "evan"}


@pytest.mark.parametrize("who", [factories.charlie, factories.maya, factories.vera, factories.root])
def test_others_do_not_speak(thread, who):
    with pytest.raises(NotAllowed):
        actions.reply(who(), thread, QUESTION)
    with pytest.raises(NotAllowed):
        actions.open_thread(who(), thread.version, "changelog", QUESTION)


def test_who_asked_or_a_reviewer_resolves_and_then_it_is_closed(thread):
    with pytest.raises(NotAllowed):
        actions.resolve_thread(factories.also(factories.bob(), "curator"), thread)
    actions.resolve_thread(factories.evan(), thread)
    for act in (
        lambda: actions.reply(factories.alice(), thread, QUESTION),
        lambda: actions.resolve_thread(factories.rita(), thread),
    ):
        with pytest.raises(RuleError, match="is resolved"):
            act()


@pytest.mark.parametrize(
    ("anchor", "text", "field"),
    [
        ("card:nothing", QUESTION, "anchor"),
        ("changelog", "  ", "text"),
        ("changelog", "x" * 2001, "text"),
    ],
)
def test_what_is_wrong_names_its_field(version, anchor, text, field):
    with pytest.raises(Invalid) as refusal:
        actions.open_thread(factories.rita(), version, anchor, text)
    assert refusal.value.field == field
    assert not version.threads.exists()


def test_a_version_and_a_thread_are_bounded(thread, monkeypatch):
    monkeypatch.setattr(threads, "MOST_THREADS", 1)
    monkeypatch.setattr(threads, "MOST_COMMENTS", 1)
    with pytest.raises(RuleError, match="at most 1 threads"):
        actions.open_thread(factories.rita(), thread.version, "changelog", QUESTION)
    with pytest.raises(RuleError, match="at most 1 comments"):
        actions.reply(factories.alice(), thread, QUESTION)


def test_a_draft_has_nobody_to_talk_to():
    with pytest.raises(NotAllowed):
        actions.open_thread(factories.alice(), factories.draft_version(), "changelog", QUESTION)


def test_a_remark_is_never_changed(thread):
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Comment.objects.update(text="something else")


def test_the_review_page_and_the_team_see_the_same_thread(thread, client):
    review = thread.version.reviews.get(kind="curation")
    client.force_login(factories.evan())
    assert (
        QUESTION.split("'")[0]
        in client.get(reverse("governance:review", args=[review.pk])).content.decode()
    )
    client.force_login(factories.alice())
    at = reverse("governance:threads", args=[thread.version.model.slug, "1.0.0"])
    page = client.get(at).content.decode()
    assert "Card: Classification of the data" in page and "Resolve" not in page
    answer = client.post(reverse("governance:reply", args=[thread.pk]), {"text": "They are."})
    assert answer.status_code == 302 and answer.headers["Location"].startswith(at)
    assert thread.comments.count() == 2
