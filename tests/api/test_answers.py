"""What the API answers when it says no, and what it answers twice."""

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import ApiKey, Application
from marketplace.accounts.models import IdempotentAnswer
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db

APP = {"team": "mortgage-origination", "name": "Loan origination"}


@pytest.fixture
def maya():
    return Api(factories.maya())


# ── Problems ──────────────────────────────────────────────────────────────


def test_who_is_not_signed_in_gets_401():
    nobody = Api()
    assert nobody.get("models/", expect=401)["type"] == "/docs/problems/not-signed-in"
    assert nobody.last["WWW-Authenticate"] == 'Bearer realm="marketplace"'


def test_a_session_alone_does_not_write_without_a_csrf_token():
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.maya())
    answer = client.post("/api/v1/applications/", APP, content_type="application/json")
    assert answer.status_code == 403 and answer["Content-Type"] == "application/problem+json"
    assert not Application.objects.exists()


def test_an_unknown_address(maya):
    maya.get("nothing-here/", expect=404)
    maya.get("models/no-such-model/", expect=404)
    maya.get("/api/", expect=404)


def test_a_method_that_is_not_there(maya):
    maya.delete("me/", expect=405)
    assert "GET" in maya.last["Allow"]


def test_a_body_that_is_not_json(maya):
    maya.last = maya.client.post(
        "/api/v1/applications/", "{not json", content_type="application/json"
    )
    maya._checked(400)


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "7", '{"name": NaN}'])
def test_json_that_is_not_an_object(maya, body):
    maya.last = maya.client.post("/api/v1/applications/", body, content_type="application/json")
    assert maya.last.status_code in (400, 422), maya.last.content


def test_a_media_type_that_is_not_understood(maya):
    maya.last = maya.client.post("/api/v1/applications/", "a=b", content_type="text/plain")
    maya._checked(415)


def test_an_answer_that_cannot_be_given(maya):
    maya.last = maya.client.get("/api/v1/models/", headers={"Accept": "application/xml"})
    maya._checked(406)


@pytest.mark.parametrize(
    "path",
    [
        "models/?q=%00",
        "versions/?model=%00",
        "versions/99999999999999999999999/",
        "versions/999999999999999999/",
        "reviews/?version=1e400",
        "models/?page_size=-1",
        "models/?cursor=garbage",
        "keys/00000000/",
        "keys/%00%00%00%00%00%00%00%00/",
        "usage/?since=yesterday",
        "audit-events/?action=%00",
        "deployments/?version=99999999999999999999",
        "models/?sort=owner_team__memberships__user__password",
    ],
)
def test_odd_questions_have_plain_answers(maya, path):
    maya.last = maya.client.get(f"/api/v1/{path}")
    assert maya.last.status_code in (200, 400, 404), (maya.last.status_code, maya.last.content)


@pytest.mark.parametrize(
    "name", ["\x00", "a\x00b", "\ud800", "x" * 100_000, {"a": 1}, [], 7, True, None]
)
def test_odd_values_have_plain_answers(maya, name):
    factories.mortgage()
    maya.last = maya.client.post(
        "/api/v1/applications/", APP | {"name": name}, content_type="application/json"
    )
    assert maya.last.status_code in (201, 400, 422), (maya.last.status_code, maya.last.content)


def test_characters_the_database_cannot_keep_are_an_answer():
    version = factories.draft_version()
    values = {
        "values": {
            "limitations.text": "It fails on zero \x00 bytes, and on nothing else that is known."
        }
    }
    Api(factories.alice()).patch(f"versions/{version.pk}/card/", values, expect=422)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (IntegrityError("duplicate key: secret_table"), 409),
        (OperationalError("password=hunter2"), 503),
        (ZeroDivisionError("at /srv"), 500),
    ],
)
def test_errors_of_the_inside_tell_nothing(maya, monkeypatch, error, status):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("consumption.actions.create_application", fail)
    factories.mortgage()
    problem = maya.post("applications/", APP, expect=status)
    assert not any(word in str(problem) for word in ("secret", "hunter2", "/srv", "Traceback"))
    assert status != 503 or maya.last["Retry-After"]


def test_every_answer_has_its_request_id(maya):
    maya.get("models/no-such/", expect=404)
    assert maya.last.json()["instance"].endswith(maya.last["X-Request-Id"])


# ── Idempotency ───────────────────────────────────────────────────────────


def test_the_same_key_does_it_once(maya):
    first = maya.post("applications/", APP, expect=201, key="k1")
    again = maya.post("applications/", APP, expect=201, key="k1")
    assert first == again and maya.last["Idempotent-Replayed"] == "true"
    assert Application.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(maya):
    maya.post("applications/", APP, expect=201, key="k1")
    maya.post("applications/", APP | {"name": "Another"}, expect=422, key="k1")
    maya.post("keys/", APP, expect=422, key="k1")
    assert Application.objects.count() == 1


def test_another_person_may_use_the_same_key(maya):
    maya.post("applications/", APP, expect=201, key="k1")
    alice = Api(factories.alice())
    alice.post(
        "applications/", {"team": "consumer-lending-ai", "name": "Own use"}, expect=201, key="k1"
    )


def test_a_refusal_is_not_kept(maya):
    maya.post("applications/", APP | {"name": ""}, expect=422, key="k1")
    maya.post("applications/", APP, expect=201, key="k1")


def test_after_a_day_the_key_is_free(maya):
    maya.post("applications/", APP, expect=201, key="k1")
    IdempotentAnswer.objects.update(at=timezone.now() - timedelta(hours=25))
    assert maya.post("applications/", APP, expect=422, key="k1")["field"] == "name"


def test_a_key_of_500_characters_is_refused(maya):
    maya.post("applications/", APP, expect=422, key="k" * 500)


def test_a_keys_text_is_not_kept_for_a_second_answer(maya):
    subscription = factories.subscription()
    first = maya.post("keys/", {"subscription": subscription.pk}, expect=201, key="k1")
    again = maya.post("keys/", {"subscription": subscription.pk}, expect=201, key="k1")
    assert first["text"] and again["text"] is None and first["kid"] == again["kid"]
    assert ApiKey.objects.count() == 1 and first["text"] not in str(
        IdempotentAnswer.objects.values()
    )


def test_an_upload_is_told_apart_by_its_bytes():
    alice, version = Api(factories.alice()), factories.draft_version()
    answers = []
    for content in (b"one", b"one", b"two"):
        file = SimpleUploadedFile("model.onnx", content)
        alice.last = alice.client.post(
            f"/api/v1/versions/{version.pk}/artifacts/",
            {"file": file},
            headers={"Idempotency-Key": "k1"},
        )
        answers.append(alice.last.status_code)
    assert answers == [422, 422, 422]  # refused, so the key stays free
    good = [
        alice.client.post(
            f"/api/v1/versions/{version.pk}/artifacts/",
            {"file": SimpleUploadedFile("t.onnx", factories.tiny_onnx())},
            headers={"Idempotency-Key": "k2"},
        ).json()
        for _ in range(2)
    ]
    assert good[0] == good[1] and version.artifacts.count() == 1
    other = {"file": SimpleUploadedFile("t.onnx", factories.tiny_onnx() + b"\n")}
    assert (
        "another request"
        in alice.client.post(
            f"/api/v1/versions/{version.pk}/artifacts/", other, headers={"Idempotency-Key": "k2"}
        ).json()["detail"]
    )


@pytest.mark.django_db(transaction=True)
def test_the_same_key_from_two_threads_does_it_once():
    factories.maya()
    answers = []

    def post():
        maya = Api(factories.maya())
        maya.last = maya.client.post(
            "/api/v1/applications/",
            APP,
            content_type="application/json",
            headers={"Idempotency-Key": "k1"},
        )
        answers.append(maya.last.status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Application.objects.count() == 1
    assert set(answers) <= {201, 409} and 201 in answers


# ── Mass assignment ───────────────────────────────────────────────────────


def test_no_write_moves_what_only_verbs_move():
    """Every model field, posted to every write endpoint: state, owner, tier and digests stay."""
    version = factories.draft_version()
    live = factories.subscription(
        factories.published_version(factories.model(name="Churn forecast"))
    )
    key, _ = factories.key(live)
    review = factories.in_review_version(factories.model(name="Fraud alert")).reviews.first()
    rows = [
        version,
        version.model,
        version.card,
        live,
        key,
        live.application,
        live.plan,
        review,
        review.version,
    ]
    before = [guarded(row) for row in rows]
    evil = {
        field.name: poison(field)
        for row in rows
        for field in row._meta.concrete_fields
        if field.name not in HARMLESS
    }
    alone = [
        {name: value}
        for name, value in evil.items()
        if name in ("state", "risk_tier", "owner_team", "sha256", "approved_at")
    ]
    for person in (factories.alice(), factories.maya(), factories.rita()):
        api = Api(person)
        for method, address in writes(version, live, key, review):
            for body in [evil, *(alone if person == factories.alice() else ())]:
                answer = getattr(api.client, method)(
                    f"/api/v1/{address}", body, content_type="application/json"
                )
                assert 400 <= answer.status_code < 500, (
                    person,
                    method,
                    address,
                    body,
                    answer.status_code,
                )
    assert [guarded(row) for row in rows] == before
    assert RegisteredModel.objects.count() == 3


HARMLESS = {
    "summary",
    "description",
    "name",
    "changelog",
    "limitations",
    "tags",
    "visibility",
    "support_contact",
    "support_hours",
    "domain",
    "capability",
    "model_type",
    "owner",
    "similar_reason",
    "reason",
}
GUARDED = {
    "state",
    "owner_team",
    "risk_tier",
    "sha256",
    "manifest_sha256",
    "manifest_signature",
    "approved_at",
    "approved_until",
    "suspends_at",
    "extended_at",
    "published_at",
    "submitted_by",
    "created_by",
    "mac",
    "kid",
    "epoch",
    "slug",
    "team",
    "plan",
    "monthly_quota",
    "price_micros_per_1000",
    "decided_by",
    "pinned_version",
    "suspended_at",
    "data",
    "expires_at",
    "calls_30d",
}


def guarded(row):
    row.refresh_from_db()
    return {
        field.name: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.name in GUARDED
    }


def poison(field):
    return {"state": "published", "risk_tier": "low", "monthly_quota": 10**9}.get(
        field.name, "0" * 64
    )


def writes(version, live, key, review):
    """The moves that need no word of their own (submit, close …) refuse every word, too."""
    at = f"versions/{version.pk}/"
    yield "patch", f"models/{version.model.slug}/"
    yield "patch", at
    yield "patch", f"{at}card/"
    for name in ("endpoint", "interface", "sla", "risk"):
        yield "put", f"{at}{name}/"
    for name in ("submit", "publish", "deprecate", "suspend", "resume"):
        yield "post", f"{at}{name}/"
    for name in ("approve", "deny", "close"):
        yield "post", f"subscriptions/{live.pk}/{name}/"
    yield "post", f"keys/{key.kid}/rotate/"
    yield "post", f"keys/{key.kid}/revoke/"
    yield "post", f"reviews/{review.pk}/decide/"
    for name in ("models", "versions", "plans", "applications", "subscriptions", "keys"):
        yield "post", f"{name}/"
