"""The end of a version: announced by two people to those who call it, with the notice of its tier (docs/money.md)."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from consumption.changes import actions as changes
from consumption.changes.kinds import KINDS
from consumption.metering import rollups
from consumption.models import ScheduledChange
from hosting.gateway.auth import snapshot
from marketplace.core.errors import Invalid, NotAllowed
from marketplace.notices.models import Notice
from publishing import actions as publishing
from publishing.deprecation import first_end
from tests import factories
from tests.consumption.test_reconciliation import call

pytestmark = pytest.mark.django_db
SUNSET = datetime(2028, 1, 1, tzinfo=UTC)
WORDS = {
    "reason": "Version 2 is better in every respect; moving takes a day.",
    "successor": "",
    "what_changes": "It reads a year of credits instead of a quarter.",
    "steps": "Send the new field, then switch the version.",
    "checks": "Compare ten applicants; two per cent may differ.",
}


@pytest.fixture
def version():
    return factories.subscription().pinned_version


def send(client, version, day, **more):
    client.force_login(factories.alice())
    confirm = {"confirm": f"{version.model.slug} {version.number}"}
    return client.post(
        f"/publish/{version.model.slug}/{version.number}/deprecate/",
        WORDS | confirm | {"sunset_at": f"{day:%Y-%m-%d}"} | more,
    )


def test_the_page_says_from_which_day_on_and_who_is_told(client, version):
    client.force_login(factories.alice())
    text = client.get(f"/publish/{version.model.slug}/{version.number}/deprecate/").content.decode()
    assert (
        f"{first_end(version):%-d %B %Y} or later" in text
        and f'min="{first_end(version):%Y-%m-%d}"' in text
    )
    assert "Who is affected" in text and "Mortgage origination" in text


def test_the_day_that_a_refusal_names_is_accepted(client, version):
    """It named the day on which the notice ends, and refused that day's midnight too."""
    answer = send(client, version, timezone.now())
    assert answer.status_code == 422
    [named] = re.findall(r"Choose (\d+ \w+ \d{4}) or later", answer.content.decode())
    day = datetime.strptime(named, "%d %B %Y").replace(tzinfo=UTC)
    assert send(client, version, day).status_code == 302
    assert ScheduledChange.objects.get().effective_from == day


def test_the_wizard_keeps_what_was_typed_and_asks_for_the_typed_name(client, version):
    answer = send(client, version, SUNSET, confirm="income-verification")
    text = answer.content.decode()
    assert answer.status_code == 422 and not ScheduledChange.objects.exists()
    assert "Type income-verification 1.0.0 exactly." in text
    assert all(words in text for words in WORDS.values())
    short = send(client, version, SUNSET, steps="")
    assert short.status_code == 422 and WORDS["checks"] in short.content.decode()


def test_the_preview_shows_the_headers_that_the_gateway_will_send_and_changes_nothing(
    client, version
):
    successor = factories.published_version(version.model, "2.0.0")
    more = {"successor": successor.pk, "brownouts": "on", "preview": "yes", "confirm": ""}
    answer = send(client, version, SUNSET, **more)
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 200 and not ScheduledChange.objects.exists()
    assert WORDS["steps"] in text and "Brownout, 4 h" in text and "30 days" in text
    assert "Version 2.0.0 takes over: the keys stay the same." in text
    change = changes.confirm(factories.rita(), deprecated(version, successor))
    sent = snapshot.models([version.model_id])[version.model_id].by_number["1.0.0"].answer_head
    lines = dict(line.split(": ", 1) for line in sent.decode().splitlines())
    assert f"Sunset: {lines['sunset']}" in text and f"Link: {lines['link']}" in text
    assert lines["sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"
    assert lines["deprecation"] == f"@{int(change.version.deprecated_at.timestamp())}"


def test_a_successor_of_another_model_is_named_as_in_its_address(client, version):
    other = factories.published_version(factories.model(name="Something else"), "3.0.0")
    name = f"{other.model.slug} 3.0.0"
    assert send(client, version, SUNSET, other_successor="nothing 1.0.0").status_code == 422
    assert send(client, version, SUNSET, other_successor=name).status_code == 302
    change = changes.confirm(factories.rita(), ScheduledChange.objects.get())
    version.refresh_from_db()
    assert version.successor == other and version.migration_guide.steps == WORDS["steps"]
    said = [str(difference) for difference in KINDS[change.kind].differences(change)]
    assert said[:2] == [
        "Calls of 1.0.0: refused instead of answered",
        f"Takes over: 3.0.0 of {other.model.slug}, another model",
    ]
    [notice] = Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated")
    assert "another model: subscribe to it" in notice.body


def deprecated(version, successor=None, sunset_at=SUNSET):
    return publishing.deprecate(
        factories.alice(), version, sunset_at=sunset_at, reason=WORDS["reason"], successor=successor
    )


def test_one_person_ends_no_version_that_consumers_call(version):
    """The publisher proposes; with active consumers two people and a notice (B5)."""
    factories.bob()
    change = deprecated(version)
    version.refresh_from_db()
    assert (version.state, change.state) == ("published", "proposed")
    assert [row["application"] for row in change.affected] == ["loan-origination"]
    assert not Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated").exists()
    with pytest.raises(NotAllowed):
        changes.confirm(factories.alice(), change)
    changes.confirm(factories.bob(), change)
    version.refresh_from_db()
    assert (version.state, version.sunset_at) == ("deprecated", SUNSET)
    [notice] = Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated")
    assert notice.title == f"Loan origination: {version} ends on 1 January 2028"


def test_a_proposal_that_waited_gives_the_whole_notice_of_the_tier(version):
    change = deprecated(version, sunset_at=timezone.now() + timedelta(days=90))
    ScheduledChange.objects.update(effective_from=timezone.now() + timedelta(days=40))
    changes.confirm(factories.rita(), change)
    version.refresh_from_db()
    assert version.sunset_at >= timezone.now() + timedelta(days=90)


def test_an_end_that_was_announced_is_taken_back(version):
    successor = factories.published_version(version.model, "2.0.0")
    change = changes.confirm(factories.rita(), deprecated(version, successor))
    changes.withdraw(factories.alice(), change)
    version.refresh_from_db()
    assert (version.state, version.sunset_at, version.successor) == ("published", None, None)
    assert "taken back" in Notice.objects.filter(recipient=factories.maya()).latest("pk").title


def test_a_successor_that_ended_while_the_proposal_waited_takes_nothing_over(version):
    successor = factories.published_version(version.model, "2.0.0")
    change = deprecated(version, successor)
    type(version).objects.filter(pk=successor.pk).update(suspended_at=timezone.now())
    with pytest.raises(Invalid, match="cannot take over"):
        changes.confirm(factories.rita(), change)
    version.refresh_from_db()
    assert version.state == "published"


def test_a_version_that_nobody_calls_is_deprecated_at_once(version):
    """Its subscribers follow minor versions: 1.1.0 answers them. They are told all the same."""
    factories.published_version(version.model, "1.1.0")
    assert deprecated(version) is None
    version.refresh_from_db()
    assert version.state == "deprecated"
    assert Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated").exists()


def test_calls_that_name_a_version_count_as_relying_on_it(version):
    factories.published_version(version.model, "1.1.0")
    subscription = version.pinned_subscriptions.get()
    factories.key(subscription)
    call(subscription, version, timezone.now() - timedelta(days=1))
    rollups.mark_all_stale()
    rollups.roll_up_all()
    assert deprecated(version).state == "proposed"


def test_a_successor_answers_calls_and_can_be_found_by_consumers(version):
    """Issue 9, line 7: another model's version was taken, and consumers were sent to its number in this model."""
    hidden = factories.model(name="Something quite different", visibility="restricted")
    other = factories.published_version(hidden, "2.0.0")
    draft = factories.draft_version(version.model, "2.0.0")
    suspended = factories.published_version(version.model, "1.5.0")
    type(version).objects.filter(pk=suspended.pk).update(suspended_at=timezone.now())
    suspended.refresh_from_db()
    for wrong in (other, version, draft, suspended):
        with pytest.raises(Invalid) as refusal:
            deprecated(version, wrong)
        assert refusal.value.field == "successor"
    right = factories.published_version(version.model, "3.0.0")
    changes.confirm(factories.rita(), deprecated(version, right))
    version.refresh_from_db()
    assert version.successor == right
