"""The whole story through the pages, without a browser: every form posted, every page looked at in the state it is about."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import ApiKey, Subscription
from governance import actions as governance
from hosting.models import Deployment, Upstream
from publishing import actions as publishing
from publishing.missing import what_is_missing
from tests import factories

pytestmark = pytest.mark.django_db


class Visitor:
    """A person with a browser: pages must answer, forms must lead on."""

    def __init__(self, user):
        self.client = Client()
        self.client.force_login(user)

    def see(self, name, /, *arguments, query=""):
        page = self.client.get(reverse(name, args=arguments) + query)
        assert page.status_code == 200, (name, page.status_code)
        return page.content.decode()

    def send(self, name, /, *arguments, **data):
        """Post a form that is accepted; returns where it leads."""
        answer = self.client.post(reverse(name, args=arguments), data)
        assert answer.status_code == 302, (name, answer.status_code, errors(answer))
        landed = self.client.get(answer.headers["Location"])
        assert landed.status_code in (200, 302), (answer.headers["Location"], landed.status_code)
        return answer.headers["Location"]


def errors(answer):
    form = (answer.context or {}).get("form")
    return form.errors if form else answer.content.decode()[:500]


@pytest.mark.parametrize(
    "lookers",
    [
        ("maya",),
        pytest.param(("alice", "maya", "charlie", "rita", "vera"), marks=pytest.mark.slow),
    ],
    ids=["one looks", "everybody looks"],
)
def test_from_registration_to_a_key(lookers):
    alice, maya = Visitor(factories.alice()), Visitor(factories.maya())
    vocabulary = {name: term.pk for name, term in factories.vocabulary().items()}
    slug = register(alice, vocabulary)
    package_and_describe(alice, slug)
    version = ModelVersion.objects.get()
    assert what_is_missing(version) == []
    alice.send("publishing:submit", slug, "1.0.0", changelog="The first version of it.")
    assert ModelVersion.objects.get().state == "submitted"
    alice.see("publishing:submit", slug, "1.0.0")
    factories.checked(version)
    alice.see("governance:evidence", slug)
    review_it(version)
    run_it(version)
    subscribe_and_call(maya, slug)
    they_look(lookers, slug)


def register(alice, vocabulary):
    alice.see("publishing:register")
    alice.send(
        "publishing:register",
        owner_team=factories.lending().pk,
        name="Income verification",
        owner=factories.alice().pk,
        tags="income, credit",
        summary="Takes account credits and estimates the monthly income.",
        support_contact="lending-ai@example.com",
        visibility="enterprise",
        **vocabulary,
    )
    slug = RegisteredModel.objects.get().slug
    alice.see("catalog:model", slug)
    alice.see("publishing:new_version", slug)
    assert alice.send("publishing:new_version", slug, number="1.0.0", changelog="") == reverse(
        "publishing:package", args=[slug, "1.0.0"]
    )
    return slug


def package_and_describe(alice, slug):
    at = (slug, "1.0.0")
    for step in ("package", "interface", "card", "risk", "plans", "submit"):
        alice.see(f"publishing:{step}", *at)
    alice.send(
        "publishing:package", *at, file=SimpleUploadedFile("tiny.onnx", factories.tiny_onnx())
    )
    kept = {
        "signature": json.dumps(factories.signature()),
        "example": json.dumps(factories.example()),
    }
    alice.send("publishing:interface_json", *at, **kept)
    alice.send("publishing:service_level", *at, **factories.SLA)
    values = {
        name: "\n".join(value) if isinstance(value, list) else value
        for name, value in factories.card_values().items()
    }
    alice.send("publishing:risk", *at, **factories.MEDIUM)
    alice.send("publishing:card", *at, **values)
    plan = {
        "name": "Standard",
        "rate_per_second": 20,
        "burst": 40,
        "concurrency": 16,
        "approval": "automatic",
        "price": "0.50",
    }
    alice.send("publishing:plans", *at, **plan)
    for step in ("package", "interface", "card", "risk", "plans", "submit"):
        alice.see(f"publishing:{step}", *at)


def review_it(version):
    for review in sorted(version.reviews.all(), key=lambda one: one.kind == "final"):
        judge = Visitor(factories.judge(review))
        assert "Income verification" in judge.see("governance:queue")
        judge.see("governance:review", review.pk)
        judge.send(
            "governance:review",
            review.pk,
            outcome="approved",
            reason=factories.REASON,
            no_conflict="on",
            **{
                f"checklist.{name}": row["answer"]
                for name, row in factories.all_yes(review).items()
            },
        )
        judge.see("governance:review", review.pk)
    version.refresh_from_db()
    assert version.state == "approved"


def run_it(version):
    Upstream.objects.create(version=version, base_url="http://127.0.0.1:1/", is_ready=True)
    Deployment.objects.create(version=version, app_name="income", state="ready")
    assert publishing.publish_what_is_ready() == 1


def subscribe_and_call(maya, slug):
    assert "Income verification" in maya.see("catalog:models", query="?q=income")
    maya.see("consumption:subscribe", slug)
    plan = RegisteredModel.objects.get().plans.get()
    version = ModelVersion.objects.get()
    for step in (
        {"plan": plan.pk},
        {"new_application": "Loan origination", "team": factories.mortgage().pk},
        {"purpose": "Verify the income of applicants.", "data_class": "internal"} | factories.USE,
        {"version": version.pk, "version_policy": "auto_minor"},
    ):
        maya.send("consumption:subscribe", slug, **step)
    maya.send("consumption:subscribe", slug, accepted="on")
    subscription = Subscription.objects.get()
    page = maya.client.post(
        reverse("consumption:create_key", args=[subscription.pk]), {"name": "cluster", "days": 90}
    )
    key = ApiKey.objects.get()
    text = page.content.decode()
    assert (
        page.status_code == 200 and f"mkc_{key.kid}" in text and "no-store" in page["Cache-Control"]
    )
    secret = text[text.index(f"mkc_{key.kid}") :][:50]
    assert secret not in maya.see("consumption:application", "loan-origination")
    rotated = maya.client.post(reverse("consumption:rotate_key", args=[key.kid]))
    assert rotated.status_code == 200 and secret not in rotated.content.decode()
    maya.send("consumption:revoke_key", key.kid, reason="Not needed.")
    maya.see("consumption:access")


def they_look(lookers, slug):
    pages = [
        "catalog:model",
        "catalog:versions",
        "governance:evidence",
        "governance:card",
        "publishing:api_tab",
        "consumption:plans",
        "consumption:model_usage",
        "hosting:deployment",
    ]
    for looker in lookers:
        for name in pages:
            Visitor(getattr(factories, looker)()).see(name, slug, query="?version=1.0.0")
    docs = Visitor(factories.maya())
    docs.see("publishing:docs", slug, "1.0.0")
    assert json.loads(docs.see("publishing:openapi", slug, "1.0.0"))["openapi"].startswith("3.1")
    assert json.loads(docs.see("publishing:postman", slug, "1.0.0"))["info"]


def test_a_refused_file_is_said_on_the_page_and_leaves_nothing():
    version = factories.draft_version()
    alice = Visitor(factories.alice())
    address = reverse("publishing:package", args=[version.model.slug, version.number])
    page = alice.client.post(address, {"file": SimpleUploadedFile("model.onnx", b"\x80\x04\x95.")})
    assert page.status_code == 422 and "pickle" in page.content.decode().lower()
    assert not version.artifacts.exists()


def test_changes_requested_come_back_to_the_publisher_with_the_reason():
    version = factories.in_review_version()
    review = version.reviews.get(kind="curation")
    Visitor(factories.rita()).send(
        "governance:review",
        review.pk,
        outcome="changes_requested",
        reason="Say which applicants it was not made for.",
        no_conflict="on",
    )
    alice = Visitor(factories.alice())
    for step in ("package", "card", "submit"):
        text = alice.see(f"publishing:{step}", version.model.slug, version.number)
    assert "Say which applicants it was not made for." in text


@pytest.mark.parametrize("state", ["suspended", "deprecated", "withdrawn", "rejected"])
def test_pages_of_a_version_that_ended(state):
    alice = Visitor(factories.alice())
    if state == "suspended":
        version = factories.published_version()
        Visitor(factories.rita()).send(
            "governance:suspend",
            version.model.slug,
            "1.0.0",
            reason="Wrong answers for the self-employed.",
        )
    elif state == "deprecated":
        version = factories.published_version()
        alice.send(
            "publishing:deprecate",
            version.model.slug,
            "1.0.0",
            sunset_at="2099-01-01",
            reason="A better one is coming soon.",
            confirm=f"{version.model.slug} 1.0.0",
        )
    elif state == "withdrawn":
        version = factories.in_review_version()
        alice.send("publishing:withdraw", version.model.slug, "1.0.0", reason="A mistake.")
    else:
        version = factories.in_review_version()
        governance.decide(
            factories.rita(),
            version.reviews.get(kind="final"),
            "rejected",
            "It disadvantages young people.",
            True,
        )
    for name in (
        "catalog:model",
        "catalog:versions",
        "governance:evidence",
        "publishing:api_tab",
        "hosting:deployment",
    ):
        assert state in alice.see(name, version.model.slug).lower() or name in (
            "publishing:api_tab",
            "hosting:deployment",
        ), name
    alice.see("publishing:home")
