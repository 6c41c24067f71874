"""Issue 11, line 6: a named role opens a gate for a time, with a reason; when it ends the gate blocks again and people are told."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance import actions
from governance.models import Waiver
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.notices.models import Notice
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    """In review at medium risk; only the final approval is open."""
    factories.gus()
    version = factories.in_review_version(tier="medium")
    factories.decide_all(version, but=["final"])
    return version


def final(version):
    return version.reviews.get(kind="final")


def blocking(version):
    return [result.gate for result in actions.blocking_gates(version)]


def told(person):
    return set(Notice.objects.filter(recipient=person).values_list("title", flat=True))


def test_a_granted_waiver_opens_the_gate_and_says_who_why_and_until_when(version):
    waiver = factories.waiver(version)
    assert blocking(version) == ["startup"]
    with pytest.raises(RuleError, match="A check blocks: Start and memory"):
        factories.approve(final(version))
    assert f"To decide: {waiver}" in told(factories.gus())
    actions.decide_waiver(factories.gus(), waiver, "granted", factories.REASON, True)
    assert blocking(version) == []
    event = AuditEvent.objects.get(action="waiver.granted")
    assert (event.actor, event.reason) == (factories.gus(), factories.REASON)
    assert f"{waiver}: in force" in told(factories.alice())
    factories.approve(final(version))


def test_a_version_that_was_sent_back_goes_on_with_its_waiver():
    version = factories.submitted_version()
    actions.record_gate(version, "startup", "error", "It broke off.", tool="test")
    version = actions.check(version)
    assert version.state == "changes_requested"
    factories.granted_waiver(version, "startup")
    version.refresh_from_db()
    version = factories.publishing.submit(factories.alice(), version)
    actions.record_gate(version, "startup", "error", "It broke off.", tool="test")
    assert actions.check(version).state == "in_review"


def test_a_waiver_is_about_these_bytes(version):
    factories.granted_waiver(version)
    version.manifest_sha256 = "0" * 64
    actions.record_gate(version, "startup", "fail", "Slower still.", tool="test")
    assert blocking(version) == ["startup"]


def test_the_end_closes_the_gate_again_and_reminds(version):
    waiver = factories.granted_waiver(version, days=20)
    today = timezone.localdate()
    for days, reminded in ((5, 0), (6, 1), (17, 1), (20, 1)):
        assert actions.remind_of_waivers(today + timedelta(days=days)) == reminded
    titles = [title for title in told(factories.alice()) if "ends on" in title]
    assert titles == [f"{waiver} ends on {waiver.ends_on:%-d %B %Y}"]
    reminders = Notice.objects.filter(key__startswith="waiver-ends-")
    assert reminders.filter(recipient=factories.gus()).count() == 2
    assert actions.end_waivers(today + timedelta(days=20)) == 0, "its last day counts"
    Waiver.objects.filter(pk=waiver.pk).update(ends_on=today - timedelta(days=1))
    assert blocking(version) == ["startup"], "also before the clock has looked"
    assert actions.end_waivers(today) == 1
    waiver.refresh_from_db()
    assert waiver.state == "ended" and AuditEvent.objects.filter(action="waiver.end").exists()
    assert f"{waiver} ended: the check blocks again" in told(factories.gus())
    with pytest.raises(RuleError, match="A check blocks"):
        factories.approve(final(version))
    assert factories.waiver(version).state == "open", "it may be asked for again"


def test_a_live_version_whose_waiver_ended_takes_no_new_subscription():
    version = factories.published_version()
    waiver = factories.granted_waiver(version)
    factories.subscription(version)
    Waiver.objects.filter(pk=waiver.pk).update(ends_on=timezone.localdate() - timedelta(days=1))
    with pytest.raises(RuleError, match="the check start and memory blocks"):
        factories.subscription(version, app=factories.application(name="Another program"))


@pytest.mark.parametrize("gate", ["safety", "documentation", "contract", "no-such-gate"])
def test_some_gates_no_waiver_opens(version, gate):
    with pytest.raises(Invalid) as refusal:
        actions.ask_waiver(
            factories.alice(), version, gate, "r" * 20, "i" * 20, timezone.localdate()
        )
    assert refusal.value.field == "gate"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("reason", {"reason": "short"}),
        ("instead", {"instead": "nothing"}),
        ("ends_on", {"days": 0}),
        ("ends_on", {"days": 91}),
    ],
)
def test_what_is_asked_is_judged_at_its_field(version, field, given):
    with pytest.raises(Invalid) as refusal:
        factories.waiver(version, **given)
    assert refusal.value.field == field


def test_only_a_gate_that_blocks_is_waived_and_once(version):
    with pytest.raises(RuleError, match="does not block"):
        actions.ask_waiver(
            factories.alice(),
            version,
            "batch",
            "r" * 20,
            "i" * 20,
            timezone.localdate() + timedelta(days=9),
        )
    factories.waiver(version)
    with pytest.raises(RuleError, match="or a waiver was asked for"):
        factories.waiver(version)


def test_who_asks_and_who_decides(version):
    for person in (factories.maya(), factories.rita()):
        with pytest.raises(NotAllowed):
            factories.waiver(version, by=person)
    bob_leads = factories.also(factories.bob(), "governance_lead")
    waiver = factories.waiver(version)
    for person in (factories.alice(), bob_leads, factories.rita(), factories.mira()):
        with pytest.raises(NotAllowed):
            actions.decide_waiver(person, waiver, "granted", factories.REASON, True)
    assert AuditEvent.objects.filter(action="waiver.decision_refused").count() == 4
    with pytest.raises(Invalid):
        actions.decide_waiver(factories.gus(), waiver, "granted", factories.REASON, False)
    actions.decide_waiver(factories.gus(), waiver, "refused", factories.REASON, True)
    with pytest.raises(RuleError):
        actions.decide_waiver(factories.gus(), waiver, "granted", factories.REASON, True)
    assert blocking(version) == ["startup"]


def test_the_database_knows_that_nobody_grants_the_own_wish(version):
    waiver = factories.waiver(version)
    with pytest.raises(IntegrityError), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(decided_by=factories.alice())


def test_at_high_risk_the_model_risk_officer_decides():
    version = factories.in_review_version(tier="high")
    waiver = factories.waiver(version)
    with pytest.raises(NotAllowed):
        actions.decide_waiver(factories.gus(), waiver, "granted", factories.REASON, True)
    actions.decide_waiver(factories.mira(), waiver, "granted", factories.REASON, True)


def test_asked_and_decided_by_form(version):
    actions.record_gate(version, "startup", "fail", "It took too long.", tool="test")
    checks = reverse("publishing:gate_runs", args=[version.model.slug, version.number])
    ask = reverse("governance:ask_waiver", args=[version.model.slug, version.number, "startup"])
    team, lead = Client(), Client()
    team.force_login(factories.alice())
    lead.force_login(factories.gus())
    assert ask in team.get(checks).content.decode()
    assert ask not in lead.get(checks).content.decode()
    assert "It took too long." in team.get(ask).content.decode()
    late = {"reason": "r" * 20, "instead": "i" * 20, "ends_on": "2099-01-01"}
    assert team.post(ask, late).status_code == 422
    soon = (timezone.localdate() + timedelta(days=10)).isoformat()
    assert team.post(ask, late | {"ends_on": soon}).status_code == 302
    page = Waiver.objects.get().get_absolute_url()
    assert page in lead.get(reverse("governance:queue")).content.decode()
    assert b"Record the decision" not in team.get(page).content
    assert b"Record the decision" in lead.get(page).content
    decision = {"outcome": "granted", "reason": factories.REASON, "no_conflict": "on"}
    assert lead.post(page, decision).status_code == 302
    assert Waiver.objects.get().state == "granted"
    evidence = reverse("governance:review", args=[final(version).pk])
    assert page in lead.get(evidence).content.decode()
