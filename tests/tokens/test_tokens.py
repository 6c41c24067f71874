"""Tokens: made, used, ended; what they may do, and what nobody learns of them."""

import logging
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumption import actions as consumption
from marketplace.accounts.models import Membership
from marketplace.core import keys
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from marketplace.tokens import actions
from marketplace.tokens.models import ApiToken
from tests import factories
from tests.api.calls import Api

pytestmark = pytest.mark.django_db
REASON = {"reason": "A reason that is long enough to be one."}


def leave(person):
    Membership.objects.filter(user=person, left_at=None).update(left_at=timezone.now())


# ── Made ──────────────────────────────────────────────────────────────────


def test_a_token_is_shown_once_and_kept_as_a_digest():
    client = Client()
    client.force_login(factories.alice())
    sent = {"name": "Nightly", "scopes": ["publish"], "days": "30"}
    made = client.post("/tokens/", sent)
    (text,) = keys.find_texts(made.content)
    token = ApiToken.objects.get()
    assert made["Cache-Control"].find("no-store") >= 0
    assert keys.verify(text, token.mac, "y") is False and text.decode() not in str(token.__dict__)
    assert not keys.find_texts(client.get("/tokens/").content)
    assert Api(token=text.decode()).get("me/")["username"] == "alice"
    event = factories.alice().audit_events.get(action="token.make")
    assert event.detail["scopes"] == ["publish"] and text.decode() not in str(event.detail)


def test_a_token_has_scopes_and_ends_within_a_year():
    with pytest.raises(Invalid, match="Choose one or more"):
        factories.token(scopes=["decide"])
    with pytest.raises(Invalid, match="Choose one or more"):
        factories.token(scopes=[])
    with pytest.raises(Invalid, match="365 days"):
        factories.token(life=timedelta(days=366))
    with pytest.raises(NotAllowed, match="not on"):
        factories.token(team=factories.mortgage())


def test_a_person_has_at_most_twenty_live_tokens():
    for _ in range(actions.LIVE_TOKENS_A_PERSON):
        token, _ = factories.token()
    with pytest.raises(RuleError, match="20 live tokens"):
        factories.token()
    actions.revoke_token(factories.alice(), token)
    factories.token()


def test_an_api_answer_with_a_token_is_not_repeated_by_its_idempotency_key():
    alice = Api(factories.alice())
    wanted = {"name": "CI", "scopes": ["read"]}
    first = alice.post("tokens/", wanted, expect=201, key="one")
    assert first["text"].startswith("mkp_")
    assert alice.post("tokens/", wanted, expect=201, key="one")["text"] is None


# ── Refused ───────────────────────────────────────────────────────────────


def refusal(text):
    """The 401 of a token that does not work, without what is this request's own."""
    api = Api(token=text)
    answer = api.get("me/", expect=401)
    assert api.last["WWW-Authenticate"].endswith('error="invalid_token"')
    assert not keys.find_texts(api.last.content)
    return {name: value for name, value in answer.items() if name != "instance"}


def test_unknown_expired_and_revoked_tokens_get_one_and_the_same_answer():
    expired, expired_text = factories.token()
    ApiToken.objects.filter(pk=expired.pk).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now()
    )
    revoked, revoked_text = factories.token()
    actions.revoke_token(factories.alice(), revoked)
    texts = [
        keys.mint("mkp").text,
        expired_text,
        revoked_text,
        expired_text[:-1] + ("0" if expired_text[-1] != "0" else "1"),
        "mkp_",
        "ÿ" * 50,
    ]
    answers = [refusal(text) for text in texts]
    assert all(answer == answers[0] for answer in answers)
    assert "operators" in answers[0]["ask"] and "/tokens/" in answers[0]["remedy"]


def test_a_text_with_a_kid_but_another_secret_is_refused():
    token, text = factories.token()
    head = f"mkp_{token.kid}" + "0" * keys.SECRET
    refusal(head + keys.checksum(head.encode()))
    assert Api(token=text).get("me/")


def test_what_has_no_tokens_form_costs_no_query():
    with CaptureQueriesContext(connection) as queries:
        refusal("mkp_" + "0" * 46)
        refusal("x" * 20_000)
    assert len(queries) == 0


def test_a_wrong_token_is_refused_also_beside_a_session():
    api = Api(factories.alice(), token=keys.mint("mkp").text)
    assert api.get("me/", expect=401)["type"].endswith("token-not-recognised")


def test_pages_take_no_tokens():
    _, text = factories.token()
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert client.get("/publish/").status_code == 302


def test_an_api_key_is_no_token():
    _, text = factories.key()
    refusal(text)


def test_no_log_and_no_event_holds_a_token(caplog):
    caplog.set_level(logging.DEBUG)
    _, text = factories.token(scopes=["read"])
    api = Api(token=text)
    api.get("me/")
    api.post("models/", {}, expect=403)
    refusal(keys.mint("mkp").text)
    assert not keys.find_texts(caplog.text.encode())


# ── What it reaches ───────────────────────────────────────────────────────


def test_a_token_never_does_what_its_person_may_not():
    draft = factories.draft_version()
    _, text = factories.token(factories.maya(), scopes=["publish", "evaluate", "keys", "read"])
    Api(token=text).patch(f"versions/{draft.pk}/", {"changelog": "x"}, expect=404)
    published = factories.published_version(factories.model(name="Published"))
    Api(token=text).patch(f"models/{published.model.slug}/", {"support_hours": "x"}, expect=403)


def test_rights_are_asked_at_each_call():
    draft = factories.draft_version()
    _, text = factories.token()
    api = Api(token=text)
    api.patch(f"versions/{draft.pk}/", {"changelog": "First words."})
    leave(factories.alice())
    api.patch(f"versions/{draft.pk}/", {"changelog": "Second words."}, expect=404)


def test_a_tokens_acts_are_its_persons_and_name_the_token():
    draft = factories.draft_version()
    token, text = factories.token()
    Api(token=text).patch(f"versions/{draft.pk}/", {"changelog": "Words of a machine."})
    event = factories.alice().audit_events.filter(action="version.edit").latest("id")
    assert event.detail["token"] == token.kid


def test_a_token_carries_no_marketplace_role():
    review = factories.in_review_version().reviews.get(kind="curation")
    _, text = factories.token(factories.rita(), scopes=["publish", "evaluate", "keys", "read"])
    api = Api(token=text)
    assert Api(factories.rita()).get("me/")["roles"] == ["curator"]
    assert api.get("me/")["roles"] == []
    hidden = factories.draft_version(factories.model(name="Secret draft"))
    Api(factories.rita()).get(f"versions/{hidden.pk}/")
    api.get(f"versions/{hidden.pk}/", expect=404)
    decision = {"outcome": "approved", "no_conflict": True} | REASON
    said = api.post(f"reviews/{review.pk}/decide/", decision, expect=403)
    assert said["detail"] == "No token does this."
    review.refresh_from_db()
    assert review.state == review.State.OPEN


def test_a_team_token_reaches_its_team_alone():
    alice = factories.person("alice", factories.lending(), factories.mortgage())
    own = factories.draft_version()
    app = factories.application()  # of the mortgage team
    _, text = factories.token(alice, team=factories.lending())
    _, everywhere = factories.token(alice)
    api = Api(token=text)
    assert [team["slug"] for team in api.get("me/")["teams"]] == [factories.lending().slug]
    api.get(f"versions/{own.pk}/")
    api.get(f"applications/{app.slug}/", expect=404)
    Api(token=everywhere).get(f"applications/{app.slug}/")


def test_scopes_are_kept_apart():
    draft = factories.draft_version()
    address = f"models/{draft.model.slug}/versions/{draft.number}/evaluations/"
    figure = {"suite": "Hold-out", "metric": "roc_auc", "value": 0.71, "data": "Loans of 2025"}
    _, read = factories.token(scopes=["read"])
    _, evaluate = factories.token(scopes=["evaluate"])
    _, manage = factories.token(factories.maya(), scopes=["keys"])
    other = factories.published_version(factories.model(name="Published"))
    subscription = factories.subscription(other)
    said = Api(token=read).post(address, figure, expect=403)
    assert "scope evaluate" in said["detail"] and said["ask"] == "Alice"
    Api(token=evaluate).post(address, figure, expect=201)
    Api(token=evaluate).patch(f"versions/{draft.pk}/", {"changelog": "x"}, expect=403)
    made = Api(token=manage).post("keys/", {"subscription": subscription.pk}, expect=201)
    Api(token=manage).post(f"keys/{made['kid']}/revoke/", {}, expect=200)
    Api(token=evaluate).post("keys/", {"subscription": subscription.pk}, expect=403)


def test_no_token_makes_a_token():
    _, text = factories.token(scopes=["publish", "keys"])
    Api(token=text).post("tokens/", {"name": "More", "scopes": ["keys"]}, expect=403)
    acting = actions.recognise(text).acting_user()
    with pytest.raises(NotAllowed):
        actions.make_token(acting, name="More", scopes=["keys"])


def test_a_token_needs_no_csrf_token():
    _, text = factories.token()
    draft = factories.draft_version()
    strict = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {text}"})
    answer = strict.patch(
        f"/api/v1/versions/{draft.pk}/", {"changelog": "x"}, content_type="application/json"
    )
    assert answer.status_code == 200


# ── Used ──────────────────────────────────────────────────────────────────


def test_the_last_use_is_remembered_without_a_write_for_each_call():
    token, text = factories.token()
    api = Api(token=text)
    api.get("me/")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        api.get("me/")
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    earlier = first - actions.USED_EVERY - timedelta(seconds=1)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=earlier)
    api.get("me/")
    token.refresh_from_db()
    assert token.last_used_at > first


def test_a_token_moves_to_the_present_pepper_with_its_next_use(settings):
    token, text = factories.token()
    settings.KEY_PEPPERS = settings.KEY_PEPPERS | {2: "another pepper"}
    settings.KEY_PEPPER_CURRENT = 2
    Api(token=text).get("me/")
    token.refresh_from_db()
    assert token.pepper_version == 2
    settings.KEY_PEPPERS = {2: "another pepper"}
    Api(token=text).get("me/")


# ── Ended ─────────────────────────────────────────────────────────────────


def test_a_token_is_ended_on_its_page_and_by_the_api():
    first, text = factories.token()
    second, _ = factories.token()
    client = Client()
    client.force_login(factories.alice())
    client.post(f"/tokens/{first.kid}/revoke/")
    refusal(text)
    Api(factories.alice()).post(f"tokens/{second.kid}/revoke/", REASON)
    rows = {row["kid"]: row["state"] for row in Api(factories.alice()).get("tokens/")["results"]}
    assert rows == {first.kid: "revoked", second.kid: "revoked"}
    assert factories.alice().audit_events.filter(action="token.revoke").count() == 2


def test_the_team_sees_and_ends_a_team_token_and_nobody_else():
    factories.alice(), factories.bob()
    shared, text = factories.token(team=factories.lending())
    personal, _ = factories.token()
    bob, charlie = Api(factories.bob()), Api(factories.charlie())
    assert [row["kid"] for row in bob.get("tokens/")["results"]] == [shared.kid]
    assert charlie.get("tokens/")["results"] == []
    charlie.post(f"tokens/{shared.kid}/revoke/", {}, expect=404)
    bob.post(f"tokens/{personal.kid}/revoke/", {}, expect=404)
    bob.post(f"tokens/{shared.kid}/revoke/", {})
    refusal(text)


def test_a_team_token_dies_with_the_membership_and_does_not_come_back():
    token, text = factories.token(team=factories.lending())
    factories.bob()
    leave(factories.alice())
    refusal(text)
    assert actions.end_orphans() == 1
    factories.alice()  # is on the team again
    refusal(text)
    token.refresh_from_db()
    assert token.state == ApiToken.State.REVOKED
    told = Notice.objects.filter(key=f"token-orphaned:{token.pk}")
    assert {notice.recipient.username for notice in told} == {"alice", "bob"}
    assert actions.end_orphans() == 0


def test_a_token_dies_when_its_person_is_deactivated():
    alice = factories.alice()
    token, text = factories.token()
    alice.is_active = False
    alice.save()
    refusal(text)
    actions.end_orphans()
    alice.is_active = True
    alice.save()
    refusal(text)


def test_people_are_told_before_a_token_ends():
    token, _ = factories.token(life=timedelta(days=10))
    factories.token(life=timedelta(days=30))
    assert (actions.remind(), actions.remind()) == (1, 1)
    assert Notice.objects.filter(recipient=factories.alice(), kind="security").count() == 1


def test_a_leaked_token_is_ended_like_a_leaked_key():
    token, text = factories.token()
    consumption.report_leak(factories.charlie(), f"found {text} in a repository".encode())
    refusal(text)
    assert Notice.objects.filter(recipient=factories.alice(), key=f"token-leaked:{token.pk}")
