"""Channels, quiet hours and watching: what people choose, and what nobody can switch off."""

from datetime import UTC, datetime, time

import pytest
from django.test import Client

from catalog import watches
from catalog.models import RegisteredModel
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices import actions, preferences
from marketplace.notices.actions import notify, prefer, set_times
from marketplace.notices.models import Notice, NoticeSettings, Watch
from tests import factories

pytestmark = pytest.mark.django_db


def test_without_a_choice_the_kind_says_by_which_channel():
    channels = preferences.channels_of(factories.alice())
    assert channels["version.deprecated"].mail == "now" and channels["rating"].mail == "digest"


def test_nobody_misses_the_end_of_what_they_use():
    with pytest.raises(RuleError, match="always on the page"):
        prefer(factories.alice(), "version.deprecated", page=False, mail="now")
    prefer(factories.alice(), "version.deprecated", page=True, mail="never")
    assert preferences.channels_for(factories.alice(), "version.deprecated").mail == "never"


@pytest.mark.parametrize(("kind", "mail"), [("nonsense", "now"), ("rating", "pigeon")])
def test_unknown_kinds_and_channels_are_refused(kind, mail):
    with pytest.raises(Invalid):
        prefer(factories.alice(), kind, page=True, mail=mail)


def test_the_form_keeps_what_differs_and_shows_it():
    client = Client()
    client.force_login(factories.alice())
    page = client.get("/notices/channels/")
    sent = {}
    for _, rows in page.context["groups"]:
        for row in rows:
            sent |= {f"{row.kind.slug}-mail": row.initial["mail"]}
            sent |= {f"{row.kind.slug}-page": "on"} if row.initial["page"] else {}
    del sent["rating-page"]
    sent["need-mail"] = "never"
    assert client.post("/notices/channels/", sent).status_code == 302
    chosen = preferences.channels_of(factories.alice())
    assert not chosen["rating"].page and chosen["need"].mail == "never"
    assert chosen["feedback"].page and chosen["version.deprecated"].page
    assert client.post("/notices/channels/", sent | {"need-mail": "pigeon"}).status_code == 422


def test_quiet_hours_are_kept_or_the_form_says_what_is_missing():
    client = Client()
    client.force_login(factories.alice())
    sent = {
        "time_zone": "UTC",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "digest_day": "4",
        "digest_at": "09:30",
    }
    assert client.post("/notices/channels/", sent).status_code == 302
    kept = NoticeSettings.objects.get(person=factories.alice())
    assert (kept.quiet_from, kept.quiet_until, kept.digest_day) == (time(22), time(7), 4)
    page = client.post("/notices/channels/", sent | {"quiet_until": ""})
    assert page.status_code == 422 and "a beginning and an end" in page.content.decode()
    assert 'value="22:00"' in page.content.decode()


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-03-02T23:00", "2026-03-03T07:00"),
        ("2026-03-02T06:59", "2026-03-02T07:00"),
        ("2026-03-02T07:00", None),
        ("2026-03-02T21:59", None),
    ],
)
def test_quiet_hours_go_over_midnight(now, ends):
    quiet = NoticeSettings(quiet_from=time(22), quiet_until=time(7))
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert quiet.end_of_quiet(moment) == (ends and datetime.fromisoformat(ends).replace(tzinfo=UTC))


def test_quiet_hours_are_of_the_persons_zone():
    quiet = NoticeSettings(time_zone="Asia/Tokyo", quiet_from=time(22), quiet_until=time(7))
    noon = datetime(2026, 3, 2, 14, tzinfo=UTC)  # 23:00 in Tokyo
    assert quiet.end_of_quiet(noon) == datetime(2026, 3, 2, 22, tzinfo=UTC)


def test_the_digest_comes_once_a_week():
    weekly = NoticeSettings(digest_day=0, digest_at=time(8))
    monday = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert weekly.next_digest(monday.replace(hour=7)) == monday
    assert weekly.next_digest(monday) == datetime(2026, 3, 9, 8, tzinfo=UTC)
    assert weekly.next_digest(datetime(2026, 3, 4, tzinfo=UTC)) == datetime(
        2026, 3, 9, 8, tzinfo=UTC
    )


def test_a_time_zone_that_is_none_is_refused():
    with pytest.raises(Invalid, match="time zone"):
        set_times(factories.alice(), time_zone="Mars/Base", digest_day=0, digest_at=time(8))


def test_who_watches_is_told_of_a_new_version():
    version = factories.published_version()
    watches.watch(factories.charlie(), version.model, "watched")
    factories.published_version(version.model, "1.1.0")
    told = Notice.objects.filter(recipient=factories.charlie(), kind="version.published")
    assert [notice.title for notice in told] == ["Income verification 1.1.0 is published"]


def test_who_may_no_longer_see_a_model_is_not_told_of_it():
    model = factories.published_version().model
    watches.watch(factories.charlie(), model, "watched")
    RegisteredModel.objects.filter(pk=model.pk).update(visibility="restricted")
    model.refresh_from_db()
    assert watches.watchers(model) == []


def test_who_unwatches_is_told_only_of_what_must_be():
    maya = factories.maya()
    Watch.objects.create(person=maya, model="churn", level="muted")
    notify([maya], "version.published", "New", key="version.published:1", model="churn")
    notify([maya], "version.deprecated", "Ends", key="version.deprecated:1", model="churn")
    notify([maya], "version.published", "Other", key="version.published:2", model="income")
    assert set(Notice.objects.values_list("title", flat=True)) == {"Ends", "Other"}


def test_the_button_watches_and_stops(client):
    model = factories.published_version().model
    client.force_login(factories.charlie())
    watch = f"/models/{model.slug}/watch/"
    client.post(watch, {"level": "watched"})
    assert Watch.objects.get(person=factories.charlie()).level == "watched"
    assert "Watching" in client.get(model.get_absolute_url()).content.decode()
    client.post(watch, {"level": "as-usual"})
    assert not Watch.objects.exists()


def test_a_token_chooses_nothing_and_the_number_is_bounded(monkeypatch):
    alice = factories.alice()
    monkeypatch.setattr(actions, "MOST_WATCHED", 1)
    actions.set_watch(alice, "one", "watched")
    actions.set_watch(alice, "one", "muted")
    with pytest.raises(RuleError, match="at most 1"):
        actions.set_watch(alice, "two", "watched")
    alice.token_kid = "abc"
    with pytest.raises(NotAllowed):
        actions.set_watch(alice, "one", "watched")
