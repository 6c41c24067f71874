"""Keys that nobody uses pause with notice; the last use is true; what a key's end would break is shown first (issue 13)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption import actions
from consumption.metering import key_usage, shipping
from consumption.models import ApiKey, UsageEvent
from hosting.gateway.auth import snapshot
from marketplace.core.errors import NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories
from tests.api.calls import Api
from tests.pages import text_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@pytest.fixture
def held():
    return factories.subscription()


def key_of_age(held, days, used=None, **choices):
    """A key that was made so many days ago, and last used so many days ago."""
    key, _ = factories.key(held, life=YEAR, **choices)
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=now - days * DAY,
        last_used_at=None if used is None else now - used * DAY,
        expires_at=now + 200 * DAY,
    )
    key.refresh_from_db()
    return key


def paused(key):
    key.refresh_from_db()
    return key.state == "paused"


def test_an_unused_key_pauses_fourteen_days_after_its_notice(held):
    key = key_of_age(held, 100, used=70)
    now = timezone.now()
    assert actions.pause_unused_keys(now) == 0, "not before its team knows"
    [notice] = Notice.objects.filter(recipient=factories.maya(), title__contains="is not used")
    assert f"{now + 14 * DAY:%-d %B %Y}" in notice.title
    assert actions.pause_unused_keys(now + 13 * DAY) == 0
    assert Notice.objects.filter(title__contains="is not used").count() == 1
    assert actions.pause_unused_keys(now + 14 * DAY) == 1 and paused(key)
    assert not held.keys.live().exists()
    assert actions.pause_unused_keys(now + 15 * DAY) == 0


@pytest.mark.parametrize(
    ("age", "used", "is_told"),
    [(100, 45, False), (47, None, True), (45, None, False), (100, 47, True)],
)
def test_whose_time_without_a_use_is_long_enough(held, age, used, is_told):
    key_of_age(held, age, used)
    actions.pause_unused_keys()
    assert Notice.objects.filter(title__contains="is not used").exists() == is_told


def test_one_call_keeps_it_and_the_next_silence_is_told_anew(held):
    key = key_of_age(held, 100, used=70)
    now = timezone.now()
    actions.pause_unused_keys(now)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now + 5 * DAY)
    assert actions.pause_unused_keys(now + 20 * DAY) == 0 and not paused(key)
    actions.pause_unused_keys(now + 52 * DAY)
    assert Notice.objects.filter(title__contains="is not used").count() == 2
    assert actions.pause_unused_keys(now + 66 * DAY) == 1


def pause(key):
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(unused_told_at=now - 15 * DAY)
    assert actions.pause_unused_keys(now) == 1 and paused(key)
    return key


def test_one_act_resumes_it_for_the_rest_of_its_life(held):
    key = pause(key_of_age(held, 100, used=90))
    ends = key.expires_at
    assert not record_of(key).is_live
    for stranger in (factories.alice(), factories.rita(), factories.charlie()):
        with pytest.raises(NotAllowed):
            actions.resume_key(stranger, key)
    client = Client()
    client.force_login(factories.maya())
    assert "Resume" in text_of(client.get(held.application.get_absolute_url()))
    assert client.post(reverse("consumption:resume_key", args=[key.kid])).status_code == 302
    key.refresh_from_db()
    assert (key.state, key.expires_at) == ("active", ends) and record_of(key).is_live
    assert actions.pause_unused_keys() == 0, "its time begins anew"
    with pytest.raises(RuleError):
        actions.resume_key(factories.maya(), key)


def record_of(key):
    """The key as the gateway loads it."""
    [record] = snapshot.api_keys([key.kid])
    return record


def test_a_resumed_key_takes_a_free_name(held):
    key = pause(key_of_age(held, 100, used=90, name="cluster"))
    factories.key(held, name="cluster")
    assert actions.resume_key(factories.maya(), key).name == "cluster 2"


def test_a_paused_key_ends_with_its_subscription_and_is_no_eleventh(held):
    key = pause(key_of_age(held, 100, used=90))
    for _ in range(10):
        factories.key(held)
    with pytest.raises(RuleError, match="ten live keys"):
        actions.resume_key(factories.maya(), key)
    actions.close_subscription(factories.maya(), held)
    key.refresh_from_db()
    assert key.state == "revoked"


# ── The last use ──────────────────────────────────────────────────────────


def test_the_last_use_is_when_the_call_was_not_when_it_was_copied(held):
    """A journal that was shipped late, or replayed after a restore, said that its keys were used now."""
    key, _ = factories.key(held)
    then = timezone.now() - 3 * DAY
    for at in (then, then - DAY):
        event = event_of(held, key, at)
        row = shipping.copied(
            event.event_id.bytes,
            int(at.timestamp() * 1e6),
            held.pk,
            key.pk,
            *(held.application_id, held.application.team_id, held.model_id),
            *(held.pinned_version_id, 10, 0, 900, 10, 1, 200, 0),
        )
        with connection.cursor() as cursor:
            fresh = shipping.insert(cursor, [row])
        shipping.write_last_use(shipping.last_uses(fresh))
    key.refresh_from_db()
    assert abs(key.last_used_at - then) < timedelta(seconds=1)


def event_of(held, key, at, outcome="ok", **facts):
    return UsageEvent(
        event_id=uuid4(),
        at=at,
        subscription_id=held.pk,
        key_id=key.pk,
        application_id=held.application_id,
        team_id=held.application.team_id,
        model_id=held.model_id,
        version_id=held.pinned_version_id,
        outcome=outcome,
        http_status=200,
        units=1,
        duration_us=900,
        **facts,
    )


# ── What its end would break ──────────────────────────────────────────────


@pytest.fixture
def called(held):
    """Two keys; with the first five calls in seven days, one of them wrong, and one before."""
    key, other = (factories.key(held, name=name)[0] for name in ("cluster", "laptop"))
    now = timezone.now()
    events = [event_of(held, key, now - back * DAY) for back in (1, 1, 2, 3, 9)]
    events += [event_of(held, key, now - 2 * DAY, "client_error")]
    events += [event_of(held, key, now - DAY, "refused"), event_of(held, other, now - DAY)]
    UsageEvent.objects.bulk_create(events)
    return key


def test_the_page_shows_who_calls_with_it_before_it_ends(held, called):
    use = key_usage.of(called)
    assert (use.calls, use.answered, use.is_whole) == (5, 4, True)
    assert [calls for _, calls in use.days] == [1, 2, 2]
    client = Client()
    client.force_login(factories.maya())
    address = reverse("consumption:revoke_key", args=[called.kid])
    text = text_of(client.get(address))
    assert "<strong>5 calls</strong>, 4 answered" in text and str(held.pinned_version) in text
    assert "laptop" in text and "These keys go on" in text
    called.refresh_from_db()
    assert called.is_live, "looking ends nothing"
    assert client.post(address, {"reason": "The cluster is gone."}).status_code == 302
    called.refresh_from_db()
    assert called.state == "revoked"
    answer = Api(factories.maya()).get(f"keys/{called.kid}/calls/")
    assert (answer["calls"], answer["versions"][0]["calls"]) == (5, 5)


def test_a_busy_subscription_is_looked_at_in_part(called, monkeypatch):
    monkeypatch.setattr(key_usage, "MOST", 3)
    use = key_usage.of(called)
    assert not use.is_whole and use.calls <= 3
    assert use.since > timezone.now() - 3 * DAY


def test_a_key_that_nobody_uses_says_so(held):
    key, _ = factories.key(held)
    client = Client()
    client.force_login(factories.maya())
    text = text_of(client.get(reverse("consumption:revoke_key", args=[key.kid])))
    assert "Nothing called with it" in text and "the last key of this subscription" in text
