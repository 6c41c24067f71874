"""Reviewers decide each kind of review on one page; a second round asks only those whose part of the submission changed."""

import pytest
from django.test import Client

from governance.models import Decision, Review
from tests import factories
from tests.browser.test_looks import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
REASON = "The evidence supports this use, and its limits are stated."
JUDGES = {
    "curation": "rita",
    "evaluation": "evan",
    "security": "sam",
    "legal": "lena",
    "fairness": "fay",
    "final": "mira",
}
MITIGATION = "The offer is made to all groups at the same rate, checked before each mailing."


@pytest.fixture
def visit(chromium, live_server):
    """visit("rita") → a page on which rita is signed in."""
    contexts = []

    def opened(username):
        contexts.append(signed_in(chromium, live_server, Client(), username))
        contexts[-1].set_default_timeout(10_000)
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def version():
    """At high risk, in review; each kind has somebody who decides it."""
    for name in JUDGES.values():
        getattr(factories, name)()
    return factories.in_review_version(tier="high")


def review(version, kind, round_number):
    return version.reviews.get(kind=kind, round=round_number)


def decide(page, live_server, one, outcome="Approve"):
    """From the queue to the one page of the review, and nowhere else until it is recorded."""
    page.goto(f"{live_server.url}/reviews/")
    page.locator(f"a[href='/reviews/{one.pk}/']").first.click()
    page.get_by_label(outcome, exact=True).check()
    if outcome == "Approve":
        for yes in page.locator("input[name^='checklist.'][value=yes]").all():
            yes.check()
    page.get_by_label("Reason", exact=True).fill(REASON)
    page.get_by_label("I have no conflict of interest").check()
    assert page.url == f"{live_server.url}/reviews/{one.pk}/"
    page.get_by_role("button", name="Record the decision").click()
    page.get_by_text("Recorded:").wait_for()


def answers_the_reviewer(page, live_server, version):
    """Alice reads why on the version's page, changes one field of the card, and submits again."""
    page.goto(f"{live_server.url}{version.get_absolute_url()}")
    page.goto(
        f"{live_server.url}/publish/{version.model.slug}/{version.number}/card/?section=fairness"
    )
    section = page.locator("details.section-fold[open]")
    section.locator("textarea:visible").last.fill(MITIGATION)
    section.get_by_role("button", name="Save the card").click()
    page.get_by_text("The card is saved.").wait_for()
    page.goto(f"{live_server.url}/publish/{version.model.slug}/{version.number}/submit/")
    page.get_by_role("button", name="Submit version").click()
    page.get_by_text("is submitted").wait_for()


def test_each_kind_is_decided_on_one_page_and_round_two_keeps_what_nobody_touched(
    visit, live_server, version
):
    for kind in ("curation", "evaluation", "security", "legal"):
        decide(visit(JUDGES[kind]), live_server, review(version, kind, 1))
    decide(visit("fay"), live_server, review(version, "fairness", 1), "Request changes")
    answers_the_reviewer(visit("alice"), live_server, version)
    version.refresh_from_db()
    factories.checked(version)

    second = Review.objects.filter(version=version, round=2)
    kept = set(second.exclude(kept_from=None).values_list("kind", flat=True))
    assert kept == {"evaluation", "security", "legal"}
    fay = visit("fay")
    decide(fay, live_server, review(version, "fairness", 2))
    fay.goto(f"{live_server.url}/reviews/{review(version, 'fairness', 2).pk}/")
    assert MITIGATION in fay.content()
    assert fay.get_by_text("Kept from round 1").count() == 3
    decide(visit("rita"), live_server, review(version, "curation", 2))
    decide(visit("mira"), live_server, review(version, "final", 2))
    version.refresh_from_db()
    assert version.state == "approved"
    assert Decision.objects.filter(review__version=version).count() == 8
