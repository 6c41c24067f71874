"""Issue 14: the weekly digest by followed domain, spotlights by rule, and the rollout that reads real figures."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from marketplace.core.errors import NotAllowed, RuleError
from marketplace.insights.digest import weekly
from marketplace.insights.following.actions import follow, unfollow
from marketplace.insights.inventory import actions as inventory
from marketplace.insights.ledger import actions as ledger
from marketplace.insights.models import Follow, HealthScore, MetricValue, Spotlight
from marketplace.insights.rollout.phases import phases
from marketplace.insights.spotlight import actions
from marketplace.notices.models import Notice
from tests import adoption, discovery_factories, factories
from tests.insights import ledgers

pytestmark = pytest.mark.django_db
WEDNESDAY = datetime(2026, 8, 19, 5, 15, tzinfo=UTC)
IN_THE_WEEK = datetime(2026, 8, 12, 9, tzinfo=UTC)
WHY = "It is new, and half the company needs it."


def published(name="Income check", at=IN_THE_WEEK, **listing):
    version = factories.published_version(factories.model(name=name, **listing))
    ModelVersion.objects.filter(pk=version.pk).update(published_at=at)
    version.refresh_from_db()
    return version


def digests(person):
    return list(Notice.objects.filter(recipient=person, key__startswith="weekly-digest"))


def test_one_notice_a_week_says_what_is_new_in_a_followed_domain():
    version = published()
    published("Too old", at=IN_THE_WEEK - timedelta(days=7))
    published("Too new", at=WEDNESDAY)
    follow(factories.maya(), domain=version.model.domain)
    factories.charlie()
    assert [weekly.sweep(WEDNESDAY) for _ in range(2)] == [1, 0]
    (notice,) = digests(factories.maya())
    assert notice.body == f"New: {version}" and notice.kind == "following"
    assert digests(factories.charlie()) == []
    assert weekly.sweep(WEDNESDAY + timedelta(days=7)) == 1


def test_what_one_may_not_see_or_no_longer_follows_is_not_told():
    hidden = published("Zephyr", visibility="restricted", visible_teams=[factories.wealth()])
    follow(factories.maya(), domain=hidden.model.domain)
    assert weekly.sweep(WEDNESDAY) == 0
    published()
    unfollow(factories.maya(), Follow.objects.get())
    assert weekly.sweep(WEDNESDAY) == 0


def test_a_collection_is_followed_by_its_models():
    version = published()
    follow(factories.maya(), collection=discovery_factories.collection(version.model))
    weekly.sweep(WEDNESDAY)
    assert "Income check" in digests(factories.maya())[0].body


# ── Spotlight ─────────────────────────────────────────────────────────────


def proposed(version, score=90):
    HealthScore.objects.update_or_create(
        model=version.model,
        defaults={
            "score": score,
            "card_score": 90,
            "card_needed": 60,
            "card_passes": True,
            "known_from": timezone.localdate(),
        },
    )
    actions.sweep(timezone.localdate())
    return Spotlight.objects.filter(rule="new", model=version.model).first()


def on_home(person, text):
    client = Client()
    client.force_login(person)
    return text in client.get("/").content.decode()


def test_a_rule_proposes_and_a_manager_shows():
    version = factories.published_version(factories.model(name="Income check"))
    assert proposed(version, score=79) is None
    spotlight = proposed(version)
    assert actions.sweep(timezone.localdate()) == 0
    assert Spotlight.objects.filter(rule="new").count() == 1
    assert not on_home(factories.maya(), spotlight.why)
    with pytest.raises(NotAllowed):
        actions.show(factories.also(factories.alice(), "curator"), spotlight, WHY)
    actions.show(factories.rita(), spotlight, WHY)
    assert on_home(factories.maya(), spotlight.why)
    actions.sweep(spotlight.until + timedelta(days=1))
    spotlight.refresh_from_db()
    assert spotlight.state == "ended" and not on_home(factories.maya(), spotlight.why)


def test_the_first_reuse_across_units_is_proposed_once():
    held = factories.subscription(factories.published_version())
    actions.sweep(timezone.localdate())
    spotlight = Spotlight.objects.get(rule="reuse")
    assert spotlight.model == held.model
    actions.dismiss(factories.rita(), spotlight, WHY)
    actions.sweep(timezone.localdate())
    assert Spotlight.objects.filter(rule="reuse").count() == 1


def test_three_are_shown_at_most():
    versions = [
        factories.published_version(factories.model(name=name))
        for name in ("Income check", "Borrower check", "Payroll check", "Churn forecast")
    ]
    shown = [adoption.spotlight(version.model) for version in versions]
    for spotlight in shown[:3]:
        actions.show(factories.rita(), spotlight, WHY)
    with pytest.raises(RuleError):
        actions.show(factories.rita(), shown[3], WHY)


def test_the_biggest_saving_is_proposed_once_finance_signed_it_without_its_amount():
    line = ledgers.mortgage_line()
    ledgers.called(line.subscription, 1, 1, ledgers.quarters.last_day(line.quarter))
    actions.sweep(timezone.localdate())
    assert not Spotlight.objects.filter(rule="saving").exists()
    with ledgers.after_quarter(line):
        quarter = ledger.sign_quarter(factories.finn(), line.quarter)
        actions.sweep(timezone.localdate())
        actions.sweep(timezone.localdate())
        spotlight = Spotlight.objects.get(rule="saving")
        assert spotlight.model == line.model
        assert spotlight.why == (
            f"{quarter.name}: the biggest saving that finance signed, at {line.team}"
        )
        ledger.reject_line(factories.finn(), line, ledgers.LONG)
        spotlight.delete()
        actions.sweep(timezone.localdate())
        assert not Spotlight.objects.filter(rule="saving").exists()


def test_a_model_on_quality_watch_is_in_no_spotlight():
    version = factories.published_version(factories.model(name="Income check"))
    spotlight = actions.show(factories.rita(), proposed(version), WHY)
    waits = adoption.spotlight(factories.published_version(factories.model(name="Churn")).model)
    assert on_home(factories.maya(), spotlight.why)
    RegisteredModel.objects.update(quality_watch_since=timezone.localdate())
    waits.model.refresh_from_db()
    assert not on_home(factories.maya(), spotlight.why)
    with pytest.raises(RuleError, match="quality watch"):
        actions.show(factories.rita(), waits, WHY)
    Spotlight.objects.all().delete()
    assert proposed(version) is None


# ── Rollout ───────────────────────────────────────────────────────────────


def criterion(label):
    return next(
        one
        for phase in phases(factories.vera())
        for one in phase.criteria
        if one.label.startswith(label)
    )


def test_the_checklist_reads_real_figures_and_admits_what_it_does_not_know():
    assert criterion("Production models").ok is None
    entry = adoption.production_model()
    assert criterion("Production models").ok is False
    inventory.match(factories.rita(), entry, factories.published_version().model)
    assert criterion("Production models").ok is True
    assert criterion("Time to integrate").ok is None
    value = {"definition_version": "1", "numerator": 9, "denominator": 1, "verdict": "met"}
    for days, is_met in ((9.0, True), (14.0, False)):
        MetricValue.objects.update_or_create(
            metric="time-to-integrate",
            sight="company",
            quarter=timezone.localdate().replace(day=1),
            defaults=value | {"value": days, "verdict_text": "as it is"},
        )
        assert criterion("Time to integrate").ok is is_met


def test_nothing_is_reached_in_an_empty_company():
    found = phases(factories.vera())
    assert [phase.is_reached for phase in found] == [False] * 4
    client = Client()
    client.force_login(factories.charlie())
    assert "phase 1" in client.get("/insights/rollout/").content.decode()
    assert len(client.get("/api/v1/rollout/").json()) == 4
