"""What a write may hold (docs/input-limits.md): the types of the contract, no encodings, times and numbers of this world. Issue 8, lines 4 and 5."""

import gzip
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.core import webhooks
from marketplace.core.query import whole_number
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
OVERRIDE = "A text with \u202ean override in it."


def application(**sent):
    factories.application()
    return "applications/", {"team": "mortgage-origination", "name": "Another system"} | sent


def key(**sent):
    return "keys/", {"subscription": factories.subscription().pk} | sent


def plan(**sent):
    version = factories.draft_version()
    return "plans/", {"model": version.model.slug, "slug": "big", "name": "Big"} | sent


def event(**sent):
    begins = timezone.now() + timedelta(days=9)
    times = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=1)).isoformat()}
    return "events/", {
        "title": "Demo day",
        "text": "Who shows what.",
        "place": "Hall",
    } | times | sent


TYPES = {
    "a name that may be null": (event, "rita", "domain", [""]),
    "a name": (plan, "alice", "model", ["", None]),
    "a text": (application, "maya", "name", [7, 1.5, True, [], {}, ["x"]]),
    "a whole number": (key, "maya", "days", ["12", "١٢", "", True, 1.5, [1], {}]),
    "true or false": (plan, "alice", "is_offered", ["true", 1, 0, "", []]),
    "a number of a row": (key, "maya", "subscription", ["1", "", 1.5, True, []]),
    "a list": (key, "maya", "networks", [{}, "10.0.0.0/8", 10]),
    "a list of texts": (key, "maya", "networks.0", [[10], [None], [[]]]),
}


@pytest.mark.parametrize("kind", TYPES)
def test_values_have_the_type_that_the_contract_names(kind):
    """Never one that could be read as it."""
    usual, person, field, wrong = TYPES[kind]
    api, (address, document) = Api(getattr(factories, person)()), usual()
    for value in wrong:
        sent = document | {field.partition(".")[0]: value}
        problem = api.post(address, sent, expect=422)
        assert [error["field"] for error in problem["errors"]] == [field], value


def test_what_is_no_object_is_named_too():
    client = Api(factories.maya()).client
    for sent in ("null", "[]", '"x"', "7", "[" * 100_000):
        answer = client.post("/api/v1/applications/", sent, content_type="application/json")
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["body"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip"])
def test_no_encoded_body_is_read(encoding):
    """Not as if it were plain, either."""
    client = Api(factories.maya()).client
    for address, kind in (("/api/v1/applications/", "application/json"), ("/notices/", "text/x")):
        for body in (gzip.compress(b"{}"), b"{}"):
            answer = client.post(address, body, kind, headers={"Content-Encoding": encoding})
            assert answer.status_code == 415 and "Content-Encoding" in answer.content.decode()


def test_times_are_of_this_century():
    address = f"versions/{factories.published_version().pk}/deprecate/"
    for year in ("0001", "1999", "2100", "9999"):
        sent = {"sunset_at": f"{year}-06-01T00:00:00Z", "reason": "Another model replaces it."}
        assert Api(factories.alice()).post(address, sent, expect=422)["field"] == "sunset_at"


def test_long_texts_hold_no_overrides_of_direction():
    """In the API, on a page, and in the model card."""
    maya, alice = Api(factories.maya()), Api(factories.alice())
    assert maya.post(*application(description=OVERRIDE), expect=422)["field"] == "description"
    draft = factories.draft_version()
    card = {"values": {"limitations.text": OVERRIDE}}
    problem = alice.patch(f"versions/{draft.pk}/card/", card, expect=422)
    assert problem["field"] == "limitations.text"
    team = factories.application().team.pk
    typed = {"team": team, "name": "Third", "environment": "prod", "description": OVERRIDE}
    page = maya.client.post(reverse("consumption:new_application"), typed)
    assert page.status_code == 422 and "U+202E" in page.content.decode()


def test_a_plan_that_is_no_number_is_not_found():
    subscription, client = factories.subscription(), Api(factories.maya()).client
    address = reverse("consumption:change_plan", args=[subscription.pk])
    for sent in ("1" * 5000, "²", "-1", "1.0", "", "9" * 19):
        assert client.post(address, {"plan": sent}).status_code == 404, sent[:9]
    answer = client.post(address, {"plan": subscription.plan.pk})
    assert answer.status_code == 422 and "plan already" in answer.content.decode()


@pytest.mark.parametrize("sent", ["9" * 5000, "9" * 400, "²", "-1", ""])
def test_a_scanner_with_another_clock_is_not_recognised(sent, settings):
    settings.LEAK_REPORT_SECRETS = webhooks.secrets("hunter:whsec_bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5u")
    headers = {"Webhook-Id": "a", "Webhook-Timestamp": sent, "Webhook-Signature": "v1,x"}
    client = Client(raise_request_exception=False)
    answer = client.post("/security/leaked-keys", "x", "text/plain", headers=headers)
    assert answer.status_code == 401


def test_what_cannot_be_read_says_why():
    problem = Api(factories.maya()).get("models/?version=%00", expect=400)
    assert "null character" in problem["detail"]


def test_ids_of_a_question_are_plain_digits():
    problem = Api(factories.maya()).get("keys/?subscription=%D9%A1", expect=400)
    assert problem["errors"][0]["field"] == "subscription"


def test_details_of_a_signature_are_texts():
    version, signature = factories.draft_version(), factories.signature()
    address, income = f"versions/{version.pk}/interface/", signature["inputs"][0]
    for name, detail in (("description", ["a"]), ("description", "x" * 4001), ("unit", 7)):
        signature["inputs"][0] = income | {name: detail}
        sent = {"signature": signature, "example": factories.example()}
        problem = Api(factories.alice()).put(address, sent, expect=422)
        assert problem["field"].endswith(f"income.{name}")


def test_whole_numbers_fit_the_database():
    assert [whole_number(text) for text in ("0", "007", "9" * 18)] == [0, 7, 10**18 - 1]
    began = time.perf_counter()
    assert whole_number("9" * 1_000_000) is None and time.perf_counter() - began < 1


@pytest.mark.parametrize("address", ["/nowhere/", "/models/nowhere/", "/operations/"])
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_a_body_that_nobody_can_read_to_an_address_that_is_not_there_is_no_error_of_ours(
    address, is_signed_in
):
    """Django's 404 page reads the body once more, for a token; only a client with CSRF checks gets there."""
    client = Client(enforce_csrf_checks=True)
    if is_signed_in:
        client.force_login(factories.charlie())
    answer = client.generic("POST", address, b"--x", content_type="multipart/form-data; boundary=y")
    assert answer.status_code in (302, 400, 403, 404)
