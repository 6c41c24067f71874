"""From the announced end of a version to its retirement: notices, migration board, waivers, 410, and what stays (D6, D7)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import actions as consumption
from consumption.changes import actions as changes
from consumption.metering import rollups
from consumption.models import SandboxCall, Subscription
from governance import renewals
from marketplace.accounts.models import User
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from publishing import actions, brownouts, campaigns, migration_board, tasks
from publishing.models import Campaign, RetirementWaiver
from tests import factories, move_factories
from tests.consumption.test_reconciliation import call

pytestmark = pytest.mark.django_db
REASON = "Version 2 is better in every respect; moving takes a day."
GUIDE = actions.GuideText(
    "It reads a year of credits instead of a quarter.",
    "Send the new field, then switch the version.",
    "Compare ten applicants; two per cent may differ.",
)


@pytest.fixture
def version():
    """1.0.0, which loan origination calls, with 2.0.0 beside it."""
    version = factories.subscription().pinned_version
    factories.key(version.pinned_subscriptions.get())
    factories.published_version(version.model, "2.0.0")
    return version


def successor(version):
    return version.model.versions.get(number="2.0.0")


def deprecated(version, days=100, **more):
    """Announced by alice and rita, with a guide; the notice has begun now."""
    given = {"successor": successor(version), "guide": GUIDE} | more
    change = actions.deprecate(
        factories.alice(),
        version,
        sunset_at=timezone.now() + timedelta(days=days),
        reason=REASON,
        **given,
    )
    if change is not None:
        changes.confirm(factories.rita(), change)
    version.refresh_from_db()
    return version


def overdue(version):
    """Its notice ran, and the sunset was an hour ago."""
    now = timezone.now()
    facts = {"deprecated_at": now - timedelta(days=100), "sunset_at": now - timedelta(hours=1)}
    ModelVersion.objects.filter(pk=version.pk).update(**facts)
    Campaign.objects.update(announced_at=facts["deprecated_at"], reached_at=facts["deprecated_at"])
    version.refresh_from_db()
    return version


def rolled_up():
    rollups.mark_all_stale()
    rollups.roll_up_all()


def move(version, to="2.0.0"):
    """As the verb of moving leaves it."""
    Subscription.objects.filter(pinned_version=version).update(
        pinned_version=version.model.versions.get(number=to)
    )


def row_of(version):
    [row] = migration_board.of(version)
    return row


def tell(now):
    """One beat at a moment; what maya and alice got, newest first."""
    before = set(Notice.objects.values_list("pk", flat=True))
    campaigns.tell_what_is_due(now)
    new = Notice.objects.exclude(pk__in=before).order_by("pk")
    return [(notice.recipient.username, notice.title) for notice in new]


# ── Notices ───────────────────────────────────────────────────────────────


def test_each_occasion_is_told_once_however_often_the_clock_beats(version):
    deprecated(version)
    announced, sunset = Campaign.objects.get().announced_at, version.sunset_at
    occasions = {
        announced + (sunset - announced) / 2: "half of the notice is over",
        sunset - timedelta(days=30): "30 days left",
        sunset - timedelta(days=14): "14 days left",
        sunset - timedelta(days=7): "7 days left",
        sunset - timedelta(days=1): "1 day left",
        sunset: "waits for you to move",
    }
    for moment, words in sorted(occasions.items()):
        assert tell(moment - timedelta(seconds=1)) == []
        told = tell(moment)
        [mayas] = [title for name, title in told if name == "maya"]
        assert mayas.startswith("Loan origination: ") and words in mayas
        assert {name for name, _ in told} == {"maya", "alice"}
        assert tell(moment) == [] and tell(moment + timedelta(seconds=59)) == []


def test_a_beat_that_was_late_tells_the_newest_occasion_alone(version):
    deprecated(version)
    told = tell(version.sunset_at - timedelta(days=5))
    assert [title for name, title in told if name == "maya"] == [
        f"Loan origination: {version} ends on {version.sunset_at:%-d %B %Y}: 7 days left"
    ]


def test_a_worker_that_dies_amid_the_notices_leaves_nobody_out_and_tells_nobody_twice(
    version, monkeypatch
):
    factories.person("mike", factories.mortgage())
    deprecated(version)
    moment, real, calls = version.sunset_at - timedelta(days=14), campaigns.notify, []

    def dies(*given, **more):
        real(*given, **more)
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(campaigns, "notify", dies)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        campaigns.tell_what_is_due(moment)
    monkeypatch.setattr(campaigns, "notify", real)
    told = tell(moment)
    assert sorted(name for name, _ in told) == ["alice", "maya", "mike"] and tell(moment) == []


def test_who_has_moved_is_left_in_peace(version):
    deprecated(version)
    move(version)
    told = tell(version.sunset_at - timedelta(days=14))
    assert {name for name, _ in told} == {"alice"}
    assert "0 of 1 application to move" in told[0][1]


def test_a_later_end_begins_its_occasions_anew(version):
    deprecated(version)
    first = version.sunset_at
    assert tell(first - timedelta(days=14))
    actions.postpone(factories.alice(), version, first + timedelta(days=200), REASON)
    version.refresh_from_db()
    assert tell(first - timedelta(days=13)) == []
    assert tell(version.sunset_at - timedelta(days=14))


def test_nobody_is_told_of_an_end_that_was_taken_back(version):
    change = deprecated(version).changes.get()
    sunset = version.sunset_at
    changes.withdraw(factories.alice(), change)
    assert tell(sunset - timedelta(days=7)) == []


# ── What was announced ────────────────────────────────────────────────────


def test_the_end_changes_in_favour_of_consumers_alone(version):
    deprecated(version, with_brownouts=True)
    first = version.sunset_at
    with pytest.raises(Invalid, match="in favour of consumers only"):
        actions.postpone(factories.alice(), version, first - timedelta(days=1), REASON)
    with pytest.raises(NotAllowed):
        actions.postpone(factories.maya(), version, first + timedelta(days=9), REASON)
    later = first + timedelta(days=30)
    actions.postpone(factories.bob(), version, later, REASON)
    version.refresh_from_db()
    assert version.sunset_at == later == version.changes.get().effective_from
    assert [one.since for one in brownouts.of(version)] == [one.since for one in _planned(later)]
    assert (
        Notice.objects.filter(recipient=factories.maya(), title__contains="ends later").count() == 1
    )
    assert AuditEvent.objects.filter(action="version.postpone").exists()


def _planned(sunset):
    return brownouts.of(ModelVersion(brownouts=brownouts.before(sunset)))


def test_brownouts_are_on_working_days_before_the_end_and_can_be_called_off(version):
    deprecated(version, with_brownouts=True)
    found = brownouts.of(version)
    assert [one.minutes for one in found] == [10, 60, 240]
    assert all(one.since.weekday() < 5 and one.since.hour == 10 for one in found)
    assert all(one.until <= version.sunset_at for one in found)
    [announcement] = Notice.objects.filter(
        recipient=factories.maya(), kind="version.deprecated", title__contains="ends on"
    )
    assert "10 minutes on" in announcement.body
    eve = tell(found[0].since - timedelta(days=1))
    assert any("refuses calls for 10 minutes" in title for name, title in eve if name == "maya")
    actions.call_off_brownouts(factories.alice(), version, REASON)
    version.refresh_from_db()
    assert version.brownouts == []
    with pytest.raises(RuleError):
        actions.call_off_brownouts(factories.alice(), version, REASON)


def test_the_guide_says_what_became_of_each_field_and_refuses_what_is_not_so(version):
    for renames in ({"inputs.income": "inputs.debt"}, {"inputs.nothing": "inputs.income"}):
        with pytest.raises(Invalid) as refusal:
            deprecated(version, guide=actions.GuideText(*_texts(), renames=renames))
        assert refusal.value.field == "renames"
    with pytest.raises(Invalid) as refusal:
        deprecated(version, guide=actions.GuideText("Too short.", *_texts()[1:]))
    assert refusal.value.field == "what_changes"


def test_nobody_reads_of_an_end_that_is_not_announced(client, version):
    """The guide is written with the proposal, which a second person may refuse."""
    when = timezone.now() + timedelta(days=100)
    to = successor(version)
    actions.deprecate(
        factories.alice(), version, sunset_at=when, reason=REASON, successor=to, guide=GUIDE
    )
    address = f"/models/{version.model.slug}/versions/1.0.0/migration/"

    def read(person):
        client.force_login(person)
        in_api = client.get(f"/api/v1/versions/{version.pk}/migration-guide/").status_code
        return GUIDE.steps in client.get(address).content.decode(), in_api

    assert read(factories.maya()) == (False, 204) and read(factories.bob()) == (True, 200)
    changes.confirm(factories.rita(), version.changes.get())
    assert read(factories.maya()) == (True, 200)


def _texts():
    return GUIDE.what_changes, GUIDE.steps, GUIDE.checks


def test_an_approval_that_outlives_the_version_is_not_renewed(version):
    """The re-review asked for a version that ends before its approval does."""
    deprecated(version)
    soon = timezone.now() + timedelta(days=20)
    ModelVersion.objects.filter(pk=version.pk).update(
        sunset_at=soon, approved_until=soon + timedelta(days=9)
    )
    assert version not in renewals.due_for_renewal()
    ModelVersion.objects.filter(pk=version.pk).update(approved_until=soon - timedelta(days=9))
    assert version in renewals.due_for_renewal()
    renewals.renew(factories.rita(), version, REASON, True)
    version.refresh_from_db()
    assert version.approved_until == soon


# ── The board ─────────────────────────────────────────────────────────────


def test_the_board_follows_what_really_happens(version):
    subscription = version.pinned_subscriptions.get()
    call(subscription, version, timezone.now() - timedelta(hours=2))
    rolled_up()
    deprecated(version)
    row = row_of(version)
    assert (row.state, row.calls, row.is_blocking) == ("not_started", 1, True)
    assert row.last_call and "Nobody of its team has tried 2.0.0 yet." in row.blockers
    tried(version, factories.charlie())
    assert row_of(version).state == "not_started"
    tried(version, factories.maya())
    assert row_of(version).state == "testing" and row_of(version).tried_at
    move(version)
    assert row_of(version).state == "testing", "it called the old version two hours ago"
    new = successor(version)
    Campaign.objects.update(announced_at=timezone.now() - timedelta(days=1))
    call(subscription, new, timezone.now() - timedelta(hours=1))
    rolled_up()
    assert row_of(version).state == "migrated"
    call(subscription, version, timezone.now())
    rolled_up()
    row = row_of(version)
    assert row.state == "testing" and row.blockers == ["Its calls name 1.0.0 in the address."]


def test_failed_acceptance_examples_are_a_blocker(version):
    subscription = version.pinned_subscriptions.get()
    deprecated(version)
    new = successor(version)
    result = move_factories.failed_example(subscription)
    assert not any("failed" in said for said in row_of(version).blockers), "on another version"
    result.run.version = new
    result.run.save()
    assert "1 example of its 1 failed on 2.0.0." in row_of(version).blockers
    consumption.accept_result(factories.maya(), result, "We read yearly figures now.")
    assert not any("failed" in said for said in row_of(version).blockers)


def tried(version, person):
    to = successor(version)
    SandboxCall.objects.create(
        event_id=factories.uuid4(),
        at=timezone.now() + timedelta(seconds=1),
        user_id=person.pk,
        model_id=to.model_id,
        version_id=to.pk,
        outcome="ok",
        http_status=200,
        duration_us=900,
        request_bytes=9,
        response_bytes=9,
    )


def test_where_another_model_takes_over_the_application_moves_by_calling_that_one(version):
    other = factories.published_version(factories.model(name="Something else"), "3.0.0")
    deprecated(version, successor=other, guide=GUIDE)
    said = Notice.objects.filter(recipient=factories.maya(), kind="version.deprecated").latest("pk")
    assert "It is another model: subscribe to it" in said.body
    old = version.pinned_subscriptions.get()
    new = factories.subscription(other, app=old.application)
    factories.key(new)
    assert row_of(version).state == "not_started"
    Campaign.objects.update(announced_at=timezone.now() - timedelta(days=1))
    call(new, other, timezone.now())
    rolled_up()
    assert row_of(version).state == "migrated"


def test_more_consumers_on_the_board_need_no_more_queries(client, version):
    team = factories.team("Team two", "Mortgage")
    by = factories.person("paula", team)
    others = [factories.application(by, team, name=f"System {number}") for number in range(4)]
    deprecated(version)
    client.force_login(factories.alice())
    addresses = (
        f"/models/{version.model.slug}/versions/1.0.0/board/",
        f"/api/v1/versions/{version.pk}/migrations/",
    )

    def count(address):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    before = [count(address) for address in addresses]
    for other in others:
        made = factories.subscription(successor(version), by=by, app=other)
        Subscription.objects.filter(pk=made.pk).update(pinned_version=version)
    assert len(migration_board.of(version)) == 5
    assert [count(address) for address in addresses] <= before


def test_the_two_sides_write_to_each_other(version):
    deprecated(version)
    subscription = version.pinned_subscriptions.get()
    actions.write_about_move(
        factories.alice(), version, subscription, "When do you plan to move? " * 2
    )
    actions.write_about_move(
        factories.maya(), version, subscription, "Our release is frozen until May."
    )
    row = row_of(version)
    assert row.message.by == factories.alice() and row.answer.text.startswith("Our release")
    assert Notice.objects.filter(recipient=factories.alice(), kind="migration").count() == 1
    with pytest.raises(NotAllowed):
        actions.write_about_move(factories.charlie(), version, subscription, REASON)
    for _ in range(4):
        actions.write_about_move(factories.bob(), version, subscription, REASON)
    with pytest.raises(RuleError, match="5 messages"):
        actions.write_about_move(factories.bob(), version, subscription, REASON)


# ── Retirement ────────────────────────────────────────────────────────────


def test_retirement_waits_for_who_has_not_moved(version):
    deprecated(version)
    with pytest.raises(RuleError, match="announced to answer until"):
        actions.retire(factories.alice(), version)
    overdue(version)
    for by in (factories.alice(), factories.rita(), User.objects.system("publisher")):
        with pytest.raises(RuleError, match="1 application still relies on .*Loan origination"):
            actions.retire(by, version)
    with pytest.raises(NotAllowed):
        actions.retire(factories.maya(), version)
    tasks.end_versions()
    version.refresh_from_db()
    assert version.state == "deprecated"
    move(version)
    tasks.end_versions()
    version.refresh_from_db()
    assert version.state == "retired" and version.retired_at
    assert version.changes.get().state == "in_force"
    assert Notice.objects.filter(recipient=factories.maya(), kind="version.retired").count() == 1
    assert AuditEvent.objects.filter(action="version.retire").count() == 1
    tasks.end_versions()
    assert tell(timezone.now() + timedelta(days=30)) == []


def test_the_page_retires_when_the_name_was_typed(client, version):
    overdue(deprecated(version))
    move(version)
    client.force_login(factories.alice())
    address = f"/models/{version.model.slug}/versions/1.0.0"
    assert "Retire 1.0.0" in client.get(f"{address}/board/").content.decode()
    assert client.post(f"{address}/retire/", {"confirm": "1.0.0"}).status_code == 422
    name = f"{version.model.slug} 1.0.0"
    assert client.post(f"{address}/retire/", {"confirm": name}).status_code == 302
    version.refresh_from_db()
    assert version.state == "retired"


def test_no_version_ends_under_those_who_had_no_guide(version):
    deprecated(version, guide=None)
    overdue(version)
    move(version)
    with pytest.raises(RuleError, match="no migration guide"):
        actions.retire(factories.alice(), version)
    actions.write_guide(factories.alice(), version, GUIDE)
    actions.retire(factories.alice(), version)


def test_the_last_version_leaves_its_pages(client, version):
    """Calls get 410 with the successor (tests/hosting); the pages stay, for who used it."""
    model = version.model
    other = factories.published_version(factories.model(name="Something else"), "3.0.0")
    for one, then in ((version, successor(version)), (successor(version), other)):
        deprecated(one, successor=then)
        overdue(one)
        move(one, "2.0.0")
        if one != version:
            Subscription.objects.update(state="closed")
        actions.retire(factories.alice(), one)
    model.refresh_from_db()
    version.refresh_from_db()
    assert model.state == "archived" and version.successor == other, "2.0.0 is retired too"
    client.force_login(factories.charlie())
    for address in (
        f"/models/{model.slug}/?version=1.0.0",
        f"/models/{model.slug}/versions/1.0.0/migration/",
    ):
        text = client.get(address).content.decode()
        assert "is retired" in text and "Something else 3.0.0" in text
    assert model.name not in client.get("/models/").content.decode()


def asked(version, by=None, days=120):
    return actions.ask_retirement_waiver(
        by or factories.alice(),
        version,
        version.pinned_subscriptions.get(),
        REASON,
        "They use their own table of incomes until autumn.",
        timezone.localdate() + timedelta(days=days),
    )


def test_a_waiver_is_granted_by_another_person_of_governance_and_lets_the_version_end(version):
    deprecated(version)
    with pytest.raises(Invalid) as refusal:
        asked(version, days=10)
    assert refusal.value.field == "ends_on", "it would end before the version may"
    waiver = asked(version)
    assert Notice.objects.filter(recipient=factories.maya(), key__contains="waiver-asked").exists()
    also = [
        factories.also(one(), "governance_lead")
        for one in (factories.alice, factories.bob, factories.maya)
    ]
    for person in (*also, factories.charlie(), factories.rita()):
        with pytest.raises(NotAllowed):
            actions.decide_retirement_waiver(person, waiver, "granted", REASON, True)
    overdue(version)
    assert row_of(version).is_blocking, "asked for is not granted"
    actions.decide_retirement_waiver(factories.gus(), waiver, "granted", REASON, True)
    row = row_of(version)
    assert row.state == "waiver" and not row.is_blocking
    actions.retire(factories.alice(), version)
    event = AuditEvent.objects.get(action="version.retire")
    assert str(version.pinned_subscriptions.get().pk) in str(event.detail)


def test_a_waiver_waits_in_the_queue_of_who_may_decide_it(version, client):
    deprecated(version)
    waiver = asked(version)
    address = waiver.get_absolute_url()

    def is_queued(person):
        client.force_login(person)
        return address in client.get("/reviews/").content.decode()

    factories.person("both", factories.mortgage(), roles=waiver.roles)
    deciding = factories.person("sole", factories.wealth(), roles=waiver.roles)
    assert is_queued(deciding)
    assert not is_queued(User.objects.get(username="both")), "of the team that has not moved"
    actions.decide_retirement_waiver(deciding, waiver, "granted", REASON, True)
    assert not is_queued(deciding)


def test_after_its_last_day_a_waiver_holds_nothing(version):
    deprecated(version)
    waiver = asked(version)
    actions.decide_retirement_waiver(factories.gus(), waiver, "granted", REASON, True)
    RetirementWaiver.objects.update(ends_on=timezone.localdate() - timedelta(days=1))
    overdue(version)
    with pytest.raises(RuleError, match="still relies"):
        actions.retire(factories.alice(), version)
    tasks.end_versions()
    waiver.refresh_from_db()
    assert waiver.state == "ended"
    with pytest.raises(IntegrityError), transaction.atomic():
        RetirementWaiver.objects.update(decided_by=waiver.proposed_by)
