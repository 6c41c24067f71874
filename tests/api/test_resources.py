"""The REST API: resources and moves as on the pages, through the same verbs."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Plan, UsageHour
from governance.models import Review
from hosting.models import Deployment, Replica
from marketplace.audit.models import AuditEvent
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return Api(factories.alice())


@pytest.fixture
def maya():
    return Api(factories.maya())


def listing(**changed):
    form = {name: getattr(value, "slug", value) for name, value in factories.listing().items()}
    return form | {"owner_team": factories.lending().slug} | changed


# ── Models ────────────────────────────────────────────────────────────────


def test_registering_a_model(alice):
    made = alice.post("models/", listing(tags=["income"]), expect=201)
    assert (made["slug"], made["state"], made["owner"], made["tags"]) == (
        "income-verification",
        "draft",
        "alice",
        ["income"],
    )


def test_search_before_build_holds_for_programs_too(alice):
    factories.published_version()
    refused = alice.post("models/", listing(name="Income verification two"), expect=422)
    assert refused["field"] == "similar_reason" and "Income verification" in refused["detail"]
    alice.post(
        "models/",
        listing(name="Income verification two", similar_reason="For companies, not for persons."),
        expect=201,
    )


def test_a_stranger_does_not_register_for_a_team(maya):
    assert maya.post("models/", listing(), expect=403)["ask"] == "Consumer lending AI"


def test_wrong_fields_are_named(alice):
    problem = alice.post(
        "models/", listing(domain="no-such", summary="x" * 300, nonsense=1), expect=422
    )
    assert {error["field"] for error in problem["errors"]} == {"domain", "summary"}
    problem = alice.post("models/", listing(nonsense=1), expect=422)
    assert problem["errors"] == [
        {"field": "nonsense", "message": "This cannot be set here.", "code": "unknown"}
    ]


def test_editing_a_model(alice):
    entry = factories.model()
    assert (
        alice.patch(f"models/{entry.slug}/", {"summary": "A better sentence about it."})["summary"]
        == "A better sentence about it."
    )


def test_the_list_is_filtered_and_searched_like_the_page(maya):
    factories.published_version()
    factories.published_version(
        factories.model(name="Churn forecast", summary="Says which customers are likely to leave.")
    )
    factories.model(name="Secret draft")
    assert {row["name"] for row in maya.get("models/")["results"]} == {
        "Income verification",
        "Churn forecast",
    }
    assert [row["name"] for row in maya.get("models/?q=customers%20leave")["results"]] == [
        "Churn forecast"
    ]
    assert [row["name"] for row in maya.get("models/?sort=-name")["results"]] == [
        "Income verification",
        "Churn forecast",
    ]
    assert maya.get("models/?tier=high")["results"] == []
    assert maya.get("models/?tier=no-such", expect=400)["errors"][0]["field"] == "tier"


def test_a_search_pages_through_all_of_it(maya):
    for number in range(7):
        entry = factories.model(
            name=f"Income model {number}", similar_reason="Another one for the test."
        )
        RegisteredModel.objects.filter(pk=entry.pk).update(state="published")
    for query in ("q=income", "sort=name", "q=income&sort=-name", ""):
        rows, page = [], maya.get(f"models/?page_size=3&{query}")
        while True:
            rows += [row["name"] for row in page["results"]]
            if not page["next"]:
                break
            page = maya.get(page["next"])
        assert len(rows) == len(set(rows)) == 7, query


def test_what_one_may_not_see_is_not_there(maya):
    entry = factories.model()
    assert maya.get(f"models/{entry.slug}/", expect=404)["title"] == "Not found"
    version = factories.draft_version(entry)
    maya.get(f"versions/{version.pk}/", expect=404)
    maya.post(f"versions/{version.pk}/submit/", {}, expect=404)
    maya.post("versions/", {"model": entry.slug, "number": "2.0.0"}, expect=422)


# ── Versions: the whole journey ───────────────────────────────────────────


def test_the_whole_journey_by_program(alice, tmp_path):
    slug = alice.post("models/", listing(), expect=201)["slug"]
    version = alice.post("versions/", {"model": slug, "number": "1.0.0"}, expect=201)
    at = f"versions/{version['id']}/"
    taken = alice.upload(f"{at}artifacts/", SimpleUploadedFile("tiny.onnx", factories.tiny_onnx()))
    assert [file["name"] for file in taken["artifacts"]] and taken["signature"]["inputs"]
    alice.put(
        f"{at}interface/", {"signature": factories.signature(), "example": factories.example()}
    )
    alice.put(f"{at}sla/", factories.SLA)
    assert alice.put(f"{at}risk/", factories.LOW)["tier"] == "low"
    assert alice.patch(f"{at}card/", {"values": factories.card_values()})["completeness"] > 50
    assert [item["step"] for item in alice.get(f"{at}missing/")] == ["plans"]
    assert alice.post(f"{at}submit/", {}, expect=409)["field"] == "plans"
    alice.post("plans/", {"model": slug, "slug": "standard", "name": "Standard"}, expect=201)
    assert alice.post(f"{at}submit/", {})["state"] == "submitted"
    assert {gate["gate"] for gate in alice.get(f"{at}gates/")} == {
        "contract",
        "integrity",
        "safety",
        "validity",
        "signature",
        "run",
        "readiness",
        "secrets",
        "dependencies",
        "licences",
        "duplicates",
        "behaviour",
    }
    assert alice.post(f"{at}withdraw/", {"reason": "A mistake."})["state"] == "withdrawn"


def test_a_refused_upload_says_why_and_what_to_do(alice):
    version = factories.draft_version()
    problem = alice.upload(
        f"versions/{version.pk}/artifacts/",
        SimpleUploadedFile("model.onnx", b"\x80\x04}."),
        expect=422,
    )
    assert (
        problem["field"] == "file"
        and problem["remedy"]
        and problem["type"].endswith("package-refused")
    )
    assert not version.artifacts.exists()


def test_an_upload_comes_as_multipart(alice):
    version = factories.draft_version()
    alice.post(f"versions/{version.pk}/artifacts/", {"file": "text"}, expect=415)
    alice.upload(f"versions/{version.pk}/artifacts/", "not a file", expect=422)


def test_the_lists_do_not_carry_signatures(alice):
    factories.draft_version()
    [row] = alice.get("versions/?model=income-verification&state=draft")["results"]
    assert "signature" not in row and row["number"] == "1.0.0"


def test_an_external_endpoint(alice):
    version = factories.draft_version()
    assert (
        alice.put(f"versions/{version.pk}/endpoint/", {"url": "https://models.example.com/x"})[
            "kind"
        ]
        == "external"
    )
    alice.put(f"versions/{version.pk}/endpoint/", {"url": "file:///etc/passwd"}, expect=422)


@pytest.mark.parametrize("move", ["submit", "withdraw", "publish"])
def test_visible_but_not_yours_is_403(move):
    version = factories.published_version()
    assert (
        Api(factories.maya()).post(f"versions/{version.pk}/{move}/", {}, expect=403)["status"]
        == 403
    )


def test_wrong_risk_answers_are_named(alice):
    version = factories.draft_version()
    problem = alice.put(
        f"versions/{version.pk}/risk/",
        factories.LOW | {"people": "perhaps", "prohibited": [["x"]]},
        expect=422,
    )
    assert {error["field"].split(".")[0] for error in problem["errors"]} == {"people", "prohibited"}


def test_stopping_and_resuming():
    version = factories.published_version()
    at = f"versions/{version.pk}/"
    assert (
        Api(factories.sam()).post(
            f"{at}suspend/", {"reason": "Wrong answers for self-employed people."}
        )["is_callable"]
        is False
    )
    Api(factories.alice()).post(f"{at}resume/", {"reason": "It seems fine to me now."}, expect=403)
    assert (
        Api(factories.gus()).post(f"{at}resume/", {"reason": "The cause was found and repaired."})[
            "is_callable"
        ]
        is True
    )


def test_deprecating(alice):
    version = factories.published_version()
    soon = (timezone.now() + timezone.timedelta(days=3)).isoformat()
    given = {"sunset_at": soon, "reason": "There is a better one now."}
    assert (
        alice.post(f"versions/{version.pk}/deprecate/", given, expect=422)["field"] == "sunset_at"
    )
    later = (timezone.now() + timezone.timedelta(days=120)).isoformat()
    assert (
        alice.post(f"versions/{version.pk}/deprecate/", given | {"sunset_at": later})["state"]
        == "deprecated"
    )


# ── Reviews ───────────────────────────────────────────────────────────────


def decision(**changed):
    return {"outcome": "approved", "reason": factories.REASON, "no_conflict": True} | changed


def test_a_reviewer_decides_from_the_queue():
    factories.in_review_version()
    rita = Api(factories.rita())
    [row] = rita.get("reviews/?kind=curation&state=open")["results"]
    points = rita.get(f"reviews/{row['id']}/checklist/")
    answers = {point["id"]: {"answer": "yes"} for point in points}
    first, *rest = answers
    given = decision(checklist={name: answers[name] for name in rest})
    problem = rita.post(f"reviews/{row['id']}/decide/", given, expect=422)
    assert problem["field"] == f"checklist.{first}"
    decided = rita.post(f"reviews/{row['id']}/decide/", decision(checklist=answers))["decision"]
    assert decided["by"] == "rita" and len(decided["checklist"]) == len(points)
    assert Review.objects.get(kind="curation").state == "approved"


@pytest.mark.parametrize("publisher", ["alice", "alice with the role", "alice as superuser"])
def test_nobody_approves_their_own_submission_by_program(publisher):
    review = factories.in_review_version().reviews.get(kind="curation")
    by = factories.alice() if publisher == "alice" else factories.also(factories.alice(), "curator")
    by.is_superuser = publisher == "alice as superuser"
    by.save()
    problem = Api(by).post(f"reviews/{review.pk}/decide/", decision(), expect=403)
    assert "had a hand in this version" in problem["detail"]
    assert AuditEvent.objects.filter(action="review.refused", actor=by).exists()


def test_a_refusal_stays_on_the_record_with_an_idempotency_key():
    review = factories.in_review_version().reviews.get(kind="curation")
    Api(factories.alice()).post(f"reviews/{review.pk}/decide/", decision(), expect=403, key="once")
    assert AuditEvent.objects.filter(action="review.refused", actor=factories.alice()).exists()


def test_strangers_have_no_reviews():
    review = factories.in_review_version().reviews.first()
    for stranger in (factories.charlie(), factories.maya(), factories.finn(), factories.root()):
        assert Api(stranger).get("reviews/")["results"] == []
        Api(stranger).post(f"reviews/{review.pk}/decide/", decision(), expect=404)


# ── Consumption ───────────────────────────────────────────────────────────


def test_from_an_application_to_a_call(maya):
    version = factories.published_version()
    app = maya.post(
        "applications/", {"team": factories.mortgage().slug, "name": "Loan origination"}, expect=201
    )
    [plan] = maya.get(f"plans/?model={version.model.slug}")["results"]
    wanted = {
        "application": app["slug"],
        "plan": plan["id"],
        "purpose": "Verify the income of applicants.",
    }
    subscription = maya.post("subscriptions/", wanted, expect=201)
    assert (subscription["state"], subscription["pinned_version"]) == ("active", "1.0.0")
    made = maya.post("keys/", {"subscription": subscription["id"], "name": "cluster"}, expect=201)
    assert (
        made["text"].startswith(f"mkc_{made['kid']}") and maya.last["Cache-Control"] == "no-store"
    )
    assert "text" not in maya.get(f"keys/{made['kid']}/")
    new = maya.post(f"keys/{made['kid']}/rotate/", {"overlap_hours": 1}, expect=201)
    assert new["text"] != made["text"] and maya.last["Cache-Control"] == "no-store"
    assert maya.post(f"keys/{new['kid']}/revoke/", {})["state"] == "revoked"
    assert maya.post(f"subscriptions/{subscription['id']}/close/", {})["state"] == "closed"


def test_the_owner_answers_a_request(alice, maya):
    version = factories.published_version()
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    asked = factories.subscription(version, plan_slug="production")
    assert [row["id"] for row in alice.get("subscriptions/?state=pending")["results"]] == [asked.pk]
    maya.post(f"subscriptions/{asked.pk}/approve/", {"reason": "Me too."}, expect=403)
    assert (
        alice.post(f"subscriptions/{asked.pk}/approve/", {"reason": "A good use."})["state"]
        == "active"
    )


def test_the_publisher_sees_the_subscription_but_not_its_keys(alice):
    key, _ = factories.key()
    assert len(alice.get("subscriptions/")["results"]) == 1
    assert alice.get("keys/")["results"] == []
    alice.post(f"keys/{key.kid}/revoke/", {}, expect=404)
    alice.post("keys/", {"subscription": key.subscription_id}, expect=403)


def test_plans_have_limits_that_make_sense(alice):
    entry = factories.model()
    problem = alice.post(
        "plans/",
        {"model": entry.slug, "slug": "x", "name": "X", "burst": 0, "rate_per_second": -1},
        expect=422,
    )
    assert {error["field"] for error in problem["errors"]} == {"burst", "rate_per_second"}


def test_usage_by_the_hour():
    subscription = factories.subscription()
    zeros = dict.fromkeys(["client_errors", "upstream_errors", "aborted", "unknown"], 0)
    UsageHour.objects.create(
        hour=timezone.now().replace(minute=0, second=0, microsecond=0),
        subscription=subscription,
        **factories.paid_by(subscription),
        version=subscription.pinned_version,
        calls=7,
        ok=7,
        units=7,
        duration_us=7000,
        **zeros,
    )
    for person in (factories.maya(), factories.alice(), factories.vera()):
        [row] = Api(person).get(f"usage/?model={subscription.model.slug}")["results"]
        assert (row["calls"], row["team"], row["version"]) == (7, "mortgage-origination", "1.0.0")
    assert Api(factories.charlie()).get("usage/")["results"] == []


# ── Runtime, record, people ───────────────────────────────────────────────


def test_deployments_show_what_runs(maya):
    version = factories.published_version()
    deployment = Deployment.objects.create(
        version=version, app_name="income-verification-1-0-0", state="ready"
    )
    Replica.objects.create(deployment=deployment, replica_id="a", state="running")
    Replica.objects.create(
        deployment=deployment, replica_id="b", state="gone", ended_at=timezone.now()
    )
    [row] = maya.get("deployments/")["results"]
    assert [replica["replica_id"] for replica in row["replicas"]] == ["a"]
    maya.post("deployments/", {}, expect=405)


def test_the_record_is_the_auditors_and_ones_own():
    factories.published_version()
    everything = Api(factories.vera()).get("audit-events/?page_size=200")["results"]
    own = Api(factories.alice()).get("audit-events/?page_size=200")["results"]
    assert {row["actor"] for row in own} == {"alice"} and len(everything) > len(own) > 0
    assert {row["actor"] for row in Api(factories.charlie()).get("audit-events/")["results"]} <= {
        "charlie"
    }
    Api(factories.vera()).delete(f"audit-events/{everything[0]['id']}/", expect=405)


def test_me_and_the_teams(alice):
    assert alice.get("me/") == {
        "username": "alice",
        "display_name": "Alice",
        "roles": [],
        "teams": [
            {
                "slug": "consumer-lending-ai",
                "name": "Consumer lending AI",
                "business_unit": "consumer-lending",
                "is_ai_team": True,
            }
        ],
    }
    assert alice.get("teams/consumer-lending-ai/")["name"] == "Consumer lending AI"


def test_notices_are_ones_own(maya):
    factories.subscription()
    alice = Api(factories.alice())
    assert alice.get("notices/")["results"] and maya.get("notices/")["results"] == []
    alice.post("notices/read/", {}, expect=204)
    assert all(row["read_at"] for row in alice.get("notices/")["results"])
    first = alice.get("notices/")["results"][0]
    alice.post("notices/unread/", {"ids": [first["id"]]}, expect=204)
    assert [row["id"] for row in alice.get("notices/?unread=true")["results"]] == [first["id"]]
    maya.post("notices/read/", {"ids": [first["id"]]}, expect=204)
    assert alice.get("notices/?unread=true")["results"]
    rows = alice.get(f"notices/?model={first['model']}&kind={first['kind']}")["results"]
    assert first["id"] in [row["id"] for row in rows]


def test_channels_and_times_of_notices_are_chosen(maya):
    chosen = maya.put("notice-channels/rating/", {"page": False, "mail": "never"})
    assert chosen in maya.get("notice-channels/")
    maya.put("notice-channels/version.deprecated/", {"page": False, "mail": "now"}, expect=409)
    maya.put("notice-channels/nonsense/", {"page": True, "mail": "now"}, expect=404)
    times = {"time_zone": "Mars/Base", "digest_day": 1, "digest_at": "08:00"}
    maya.put("notice-times/", times, expect=422)
    kept = maya.put(
        "notice-times/", times | {"time_zone": "UTC", "quiet_from": "22:00"}, expect=422
    )
    assert kept["field"] == "quiet_until"
    maya.put("notice-times/", times | {"time_zone": "UTC"})
    assert maya.get("notice-times/")["digest_day"] == 1


def test_models_are_watched_and_no_longer(maya):
    slug = factories.published_version().model.slug
    assert maya.post("watches/", {"model": slug}, expect=201) == {"model": slug, "level": "watched"}
    maya.post("watches/", {"model": slug, "level": "muted"}, expect=201)
    assert maya.get("watches/?level=muted")["results"] == [{"model": slug, "level": "muted"}]
    maya.delete(f"watches/{slug}/")
    assert maya.get("watches/")["results"] == []


def test_nothing_secret_is_answered():
    key, text = factories.key()
    for person in (factories.maya(), factories.alice(), factories.rita(), factories.vera()):
        for resource in ("keys/", "subscriptions/", "audit-events/", "models/", "versions/"):
            said = json.dumps(Api(person).get(resource))
            assert key.mac not in said and text not in said and "pepper" not in said
