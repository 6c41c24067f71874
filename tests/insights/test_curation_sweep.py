"""The nightly sweep of the curation desk: what it finds, and that it finds nothing twice (docs/curation.md)."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Discussion, UsageDay
from marketplace.accounts.models import Membership, User
from marketplace.insights.curation import actions, kinds
from marketplace.insights.models import CurationItem, CurationRun, StrategicMark
from marketplace.notices.models import Notice
from tests import factories
from tests.insights.curating import LONG, NOW, aged, called, items, one, published, swept
from tests.tiers import only

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def snapshot():
    return list(CurationItem.objects.order_by("pk").values())


# ── Properties of every sweep ─────────────────────────────────────────────


def test_a_second_sweep_finds_nothing_new():
    published()
    first = swept()
    before, notices = snapshot(), Notice.objects.count()
    second = swept()
    assert first.found >= 2 and (second.found, second.closed) == (0, 0)
    assert snapshot() == before and Notice.objects.count() == notices


def test_an_item_ends_by_itself_when_the_fact_has_gone():
    version = published()
    swept()
    assert one("stale").is_open
    aged(version, 3)
    run = swept(1)
    item = one("stale")
    assert item.state == "gone" and item.closed_at == NOW + timedelta(days=1)
    assert run.closed == 2  # nobody is expected to use what was published three days ago either


def test_what_was_gone_and_is_so_again_is_a_new_item():
    version = published()
    swept()
    aged(version, 3)
    swept(1)
    aged(version, 400)
    swept(2)
    assert [item.state for item in items("stale")] == ["gone", "open"]


def test_a_dismissed_item_rests_until_its_day_and_returns_on_it():
    published()
    swept()
    again = timezone.localdate() + timedelta(days=30)
    actions.dismiss(factories.rita(), one("stale"), reason=LONG, look_again_on=again)
    days = (again - TODAY).days
    swept(days - 1)
    assert one("stale").state == "dismissed"
    swept(days)
    item = one("stale")
    assert item.is_open and item.decision_reason == LONG and item.look_again_on is None
    assert item.due_on > again


def test_a_dismissed_item_whose_fact_has_gone_ends():
    version = published()
    swept()
    again = timezone.localdate() + timedelta(days=30)
    actions.dismiss(factories.rita(), one("stale"), reason=LONG, look_again_on=again)
    closed = one("stale").closed_at
    aged(version, 3)
    run = swept(1)
    assert one("stale").state == "gone" and one("stale").closed_at == closed
    assert run.closed == 1  # that of consumers; this one was closed before


def test_a_run_that_breaks_says_so_and_the_next_one_catches_up(monkeypatch):
    version = published()
    Membership.objects.filter(user=version.model.owner).update(left_at=NOW - timedelta(days=3))
    broken = kinds.DECLARED | {
        kinds.Kind.STALE: kinds.DECLARED[kinds.Kind.STALE].__class__(
            **vars(kinds.DECLARED[kinds.Kind.STALE]) | {"search": lambda today: 1 / 0}
        )
    }
    monkeypatch.setattr("marketplace.insights.curation.sweep.DECLARED", broken)
    with pytest.raises(ZeroDivisionError):
        swept()
    run = CurationRun.objects.get()
    assert not run.went_well and "zero" in run.problem
    assert one("owner").is_open, "what was searched for before it is kept"
    monkeypatch.undo()
    assert swept().went_well and one("stale").is_open


def test_drafts_and_models_on_their_way_out_are_left_alone():
    version = published()
    factories.draft_version(factories.model(name="Secret draft"))
    ModelVersion.objects.filter(pk=version.pk).update(state="deprecated")
    assert swept().found == 0


def test_a_night_proposes_the_worst_and_the_rest_waits(settings, client):
    settings.CURATION_NEW_A_NIGHT = 2
    left = published(5)
    published(150, name="Lately idle")
    published(400, name="Long idle")
    Membership.objects.filter(user=left.model.owner).update(left_at=NOW - timedelta(days=3))
    first, again = swept(), swept()
    assert (first.found, again.found) == (2, 0) and again.waiting == first.waiting > 0
    assert set(CurationItem.objects.values_list("kind", flat=True)) == {"owner"}
    client.force_login(factories.rita())
    assert f"{first.waiting} more wait for a next night" in client.get("/curation/").text
    for night in range(1, 9):
        run = swept(night)
    assert run.waiting == 0 and items("stale").get().is_open
    assert [item.model.name for item in items("unused")][0] == "Long idle"


# ── Who has it ────────────────────────────────────────────────────────────


def test_findings_are_shared_out_and_never_to_the_models_own_team():
    published()
    factories.person("ana", factories.lending(), roles=["curator"])
    swept()
    assert {item.owner for item in CurationItem.objects.open()} == {factories.rita()}
    factories.person("ben", factories.head_office(), roles=["curator"])
    published(name="Second model", days=400)
    swept()
    owners = [item.owner.username for item in CurationItem.objects.open()]
    assert owners.count("rita") == owners.count("ben") == 2


def test_without_anybody_who_may_act_an_item_has_no_owner():
    published()
    grant = factories.rita().grants.get()
    grant.revoked_at = NOW
    grant.save()
    swept()
    assert one("stale").owner is None


# ── Each kind ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("days", "step"), [(182, None), (183, 182), (365, 182), (366, 365), (900, 365)]
)
def test_stale(days, step):
    version = published(days)
    swept()
    found = items("stale")
    assert [item.step for item in found] == ([] if step is None else [step])
    if step:
        said = kinds.in_words(found[0], TODAY)
        assert said == f"Newest version {version.number} is {days} days old"


@pytest.mark.parametrize(("days", "step"), [(59, None), (60, 60), (90, 90), (180, 180)])
def test_unused_since_the_last_call_of_another_team(days, step):
    version = published()
    held = factories.subscription(version)
    called(held, days + 30)
    called(held, days)
    swept()
    assert [item.step for item in items("unused")] == ([] if step is None else [step])


def test_unused_goes_a_step_further_and_gets_its_time():
    version = published()
    called(factories.subscription(version), 60)
    swept()
    item = one("unused")
    assert (item.step, item.due_on) == (60, TODAY + timedelta(days=30))
    swept(30)
    item.refresh_from_db()
    assert (item.step, item.due_on) == (90, TODAY + timedelta(days=44))
    swept(120)
    item.refresh_from_db()
    assert item.step == 180 and items("unused").count() == 1
    told = Notice.objects.filter(recipient=factories.alice(), key__startswith="finding-told")
    assert told.count() >= 3  # at each step


def test_own_and_test_calls_are_no_consumers():
    version = published()
    own = factories.application(factories.alice(), factories.lending(), "Own desk")
    called(factories.subscription(version, by=factories.alice(), app=own), 1)
    test = factories.application(name="Try-out")
    type(test).objects.filter(pk=test.pk).update(environment="test")
    called(factories.subscription(version, app=test), 1)
    failed = factories.subscription(version, app=factories.application(name="Broken"))
    UsageDay.objects.filter(pk=called(failed, 1).pk).update(ok=0, upstream_errors=10)
    swept()
    assert one("unused").evidence == {"last_call": None, "subscriptions": 3}


def test_a_new_model_has_120_days_and_a_strategic_one_until_its_day():
    version = published(119)
    swept()
    assert not items("unused").exists()
    aged(version, 120)
    swept()
    item = one("unused")
    mark = StrategicMark.objects.create(
        model=version.model, until=TODAY + timedelta(days=5), reason=LONG, by=factories.rita()
    )
    swept(5)
    item.refresh_from_db()
    assert item.state == "gone"
    swept((mark.until - TODAY).days + 1)
    assert one("unused", state="open").step == 90


def test_an_owner_who_left_the_team():
    version = published(5)
    Membership.objects.filter(user=version.model.owner).update(left_at=NOW - timedelta(days=3))
    swept()
    item = one("owner")
    assert item.since == TODAY - timedelta(days=3) and item.step == 0
    assert "Alice is no longer there" in kinds.in_words(item, TODAY)
    swept(30)
    item.refresh_from_db()
    assert item.step == 30 and item.due_on == TODAY + timedelta(days=37)


def test_an_owner_who_is_no_longer_active_and_a_team_without_people_asks_the_unit():
    version = published(5)
    lead = factories.person("lea", factories.team("Lending desk", "Consumer lending"))
    Membership.objects.filter(user=lead).update(role="lead")
    User.objects.filter(pk__in=[factories.alice().pk, factories.bob().pk]).update(is_active=False)
    swept()
    assert one("owner").evidence["team_has_people"] is False
    assert Notice.objects.filter(recipient=lead, title__contains=version.model.name).exists()


def test_an_approval_that_ended():
    version = published(5)
    ModelVersion.objects.filter(pk=version.pk).update(approved_until=NOW - timedelta(days=2))
    swept()
    assert kinds.in_words(one("review"), TODAY) == (
        f"The approval of {version.number} ended on 30 May 2026; its re-review is late"
    )


def test_a_card_below_a_gate_that_was_raised():
    version = published(5)
    swept()
    assert not items("documentation").exists()
    version.card.data = {}
    version.card.save()
    swept()
    assert one("documentation").evidence["score"] < 50


def test_a_card_is_read_again_only_when_something_about_it_changed():
    version = published(5)
    swept()
    with CaptureQueriesContext(connection) as quiet:
        swept()
    reads = '"catalog_modelcard"."data",'
    assert not [query for query in quiet if reads in query["sql"]]
    score = version.model.health.card_score
    ModelVersion.objects.filter(pk=version.pk).update(risk_tier="high")
    with CaptureQueriesContext(connection) as graver:
        swept()
    version.model.health.refresh_from_db()
    assert [query for query in graver if reads in query["sql"]]
    assert version.model.health.card_score <= score and version.model.health.card_needed == 100


def test_a_low_rating_of_five_teams():
    version = published(5)
    factories.rating(factories.subscription(version), stars=1)
    RegisteredModel.objects.filter(pk=version.model_id).update(
        rating_mean=Decimal("2.9"), rating_count=4
    )
    swept()
    assert not items("rating").exists()
    RegisteredModel.objects.filter(pk=version.model_id).update(rating_count=5)
    swept()
    assert kinds.in_words(one("rating"), TODAY) == "2.90 of 5 from 5 teams"


def test_an_issue_without_an_answer_for_more_than_60_days():
    issue = factories.discussion(published(5))
    Discussion.objects.update(opened_at=NOW - timedelta(days=60))
    swept()
    assert not items("issue").exists()
    swept(1)
    item = one("issue")
    assert item.subject == f"discussion:{issue.pk}" and "61 days" in kinds.in_words(
        item, TODAY + timedelta(days=1)
    )
    Discussion.objects.update(state="answered")
    swept(2)
    item.refresh_from_db()
    assert item.state == "gone"


def test_a_case_of_two_models_is_one_item_and_ends_with_the_decision():
    case = factories.case(published(5).model)
    RegisteredModel.objects.filter(pk=case.second_id).update(last_published_at=NOW)
    swept()
    item = one("conflict")
    assert (item.model_id, item.subject) == (case.first_id, f"case:{case.pk}")
    case.state = "coexist"
    case.save()
    swept(1)
    item.refresh_from_db()
    assert item.state == "gone"


def test_a_service_level_missed_in_three_complete_months():
    version = published(5)
    held = factories.subscription(version)
    for month, bad in ((date(2026, 3, 9), 10), (date(2026, 4, 9), 10), (date(2026, 5, 9), 4)):
        day = factories.called(held, 990, day=month)
        UsageDay.objects.filter(pk=day.pk).update(upstream_errors=bad, calls=990 + bad)
    swept()
    assert not items("service").exists()  # 99.60 % in May, 99.5 % are promised
    UsageDay.objects.filter(day=date(2026, 5, 9)).update(upstream_errors=10, calls=1000)
    swept()
    assert kinds.in_words(one("service"), TODAY) == (
        f"{version.number}: availability 99.00, 99.00, 99.00 % in three months; promised 99.5 %"
    )
    UsageDay.objects.filter(day=date(2026, 3, 9)).delete()
    swept(1)
    assert one("service").state == "gone"


@pytest.mark.slow
def test_the_statements_do_not_grow_with_models():
    published()
    with CaptureQueriesContext(connection) as few:
        swept()
    for number in range(6):
        published(name=f"Model number {number}")
    with CaptureQueriesContext(connection) as many:
        swept()
    assert items("stale").count() == 7
    assert len(many) <= len(few) + 2  # rows that go on are written in one more statement


# ── Any history ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", only(range(3), 0))
def test_after_any_history_what_is_open_is_what_is_so(seed):
    """Ages, calls and dismissals by chance; after each night the open findings are compared with a plain recount."""
    chance = random.Random(seed)
    versions = [published(chance.randrange(1, 500), name=f"Model {n}") for n in "abc"]
    held = {version.pk: factories.subscription(version) for version in versions}
    published_on = {v.pk: TODAY - (NOW - v.published_at) for v in versions}
    last_call, rests = {}, {}
    for night in range(0, 400, 40):
        today = TODAY + timedelta(days=night)
        for version in versions:
            if chance.random() < 0.3:
                called(held[version.pk], -night)
                last_call[version.pk] = today
            elif chance.random() < 0.2:
                aged(version, -night)
                published_on[version.pk] = today
        swept(night)
        expected = {
            (kind, version.model_id)
            for version in versions
            for kind, is_so in recounted(
                today, published_on[version.pk], last_call.get(version.pk)
            ).items()
            if is_so and rests.get((kind, version.model_id), today) <= today
        }
        opened = CurationItem.objects.open().filter(kind__in=["stale", "unused"])
        assert set(opened.values_list("kind", "model")) == expected, (seed, night)
        before = snapshot()
        swept(night)
        assert snapshot() == before
        for item in opened:
            key = (item.kind, item.model_id)
            rests.pop(key, None)
            if chance.random() < 0.3:
                rests[key] = today + timedelta(days=chance.choice([40, 100]))
                CurationItem.objects.filter(pk=item.pk).update(
                    state="dismissed", closed_at=NOW, look_again_on=rests[key]
                )
        for key in set(rests) - set(
            CurationItem.objects.filter(state="dismissed").values_list("kind", "model")
        ):
            del rests[key]


def recounted(today, published_on, last_call):
    """{kind: is it so?} of a model with one version, by the words of docs/curation.md."""
    idle = (today - max(last_call or published_on, published_on)).days
    age = (today - published_on).days
    return {"stale": age > 182, "unused": idle >= 60 and age >= 120}
