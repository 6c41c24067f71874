"""Issue 11, line 10: who registers a model sees what exists and why it is alike, without false alarms."""

import pytest
from django.test import Client
from django.urls import reverse

from catalog import search
from catalog.models import RegisteredModel
from tests import factories

pytestmark = pytest.mark.django_db

CATALOG = {
    "Client Attrition": "Predicts which private clients will leave or move assets away within the next ninety days.",
    "Complaint Routing": "Sends the text of a customer complaint to the department that can solve it.",
    "Income Verification": "Checks the income that an applicant states against documents and account credits.",
    "Motor Fraud": "Scores motor claims for signs of fraud before they are paid.",
    "Property Valuation": "Estimates the market value of a home from its place, size and condition.",
}


@pytest.fixture(autouse=True)
def catalog():
    for name, summary in CATALOG.items():
        entry = factories.model(name=name, summary=summary)
        RegisteredModel.objects.filter(pk=entry.pk).update(state="published")


def found(name, summary, least=search.SIMILAR_ENOUGH):
    everything = RegisteredModel.objects.published()
    return [
        alike.model.name
        for alike in search.similar_to(everything, name, summary)
        if alike.score >= least
    ]


@pytest.mark.parametrize(
    ("name", "summary", "expected"),
    [
        (
            "Income Check",
            "Checks stated income of mortgage applicants by documents.",
            "Income Verification",
        ),
        ("House prices", "Estimates what a home is worth on the market.", "Property Valuation"),
        ("Leaving clients", "Which private clients move their assets away?", "Client Attrition"),
    ],
)
def test_what_does_the_same_is_found_with_its_words(name, summary, expected):
    assert found(name, summary) == [expected]


@pytest.mark.parametrize(
    ("name", "summary", "other"),
    [
        (
            "Complaint Escalation",
            "Predicts which complaints will escalate within days.",
            "Client Attrition",
        ),
        (
            "Image Tagging",
            "Scores pictures of products and estimates fitting labels.",
            "Motor Fraud",
        ),
        (
            "Card Limit",
            "Predicts the best limit of a card in the next month.",
            "Property Valuation",
        ),
    ],
)
def test_words_of_any_model_raise_no_alarm(name, summary, other):
    """Nearly every model predicts, scores or estimates something."""
    assert other not in found(name, summary, least=search.RELATED)


def test_the_panel_says_why_and_leads_to_access():
    page = Client()
    page.force_login(factories.alice())
    sent = {"name": "Income Check", "summary": "Checks income of applicants by documents."}
    model = RegisteredModel.objects.get(name="Income Verification")
    body = page.get(
        reverse("publishing:similar"), sent | {"model_type": model.model_type_id}
    ).content.decode()
    assert "Same words: " in body and "documents" in body and "same kind of task" in body
    assert reverse("consumption:subscribe", args=[model.slug]) in body
