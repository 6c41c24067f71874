"""The demo company's versions go the real way: the verbs decide, the story only says who calls them and when."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import ModelVersion, Need, SearchRecord
from consumption.models import (
    BatchEvaluation,
    Budget,
    ClosedMonth,
    SharedCost,
    Subscription,
    UnitCharging,
    UsageEvent,
)
from governance import renewals
from governance.models import Condition, Decision, Thread, Waiver
from hosting.models import Upstream
from marketplace.audit.models import AuditEvent
from marketplace.demo.company import (
    books,
    clock,
    consumers,
    journey,
    models,
    own_rows,
    people,
    savings,
    submissions,
    training,
    usage,
    voices,
)
from marketplace.insights.ledger import quarters
from marketplace.insights.models import ReuseEvent, SignedQuarter, ValueClaim
from publishing import contract_diff
from publishing.actions import publish_what_is_ready
from tests import tried_once
from tests.tiers import only

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("company-journey")


@pytest.fixture(autouse=True)
def company(settings, tmp_path, cache, monkeypatch):
    """The people are there, and models trained, inspected and run for one test serve the others."""
    tried_once.remember(monkeypatch)
    settings.RUN_DIR, settings.DEMO_MODE = tmp_path, True
    monkeypatch.setattr(submissions, "trained", kept_in(cache))
    monkeypatch.setattr(journey, "trained", kept_in(cache))
    people.build_people()


def kept_in(folder):
    def trained(listing, release):
        return (
            training.cached(release.recipe, models.key(listing, release), folder)
            if release.recipe
            else None
        )

    return trained


def built(slug, place=0):
    listing = models.listing(slug)
    journey.build_version(listing, listing.releases[place])
    return ModelVersion.objects.get(model__slug=slug, number=listing.releases[place].number)


def hosted(version):
    """As hosting leaves it once a version answers."""
    Upstream.objects.create(
        version=version, kind="engine", base_url="http://127.0.0.1:1/v2", is_ready=True
    )
    publish_what_is_ready()
    version.refresh_from_db()
    return version


def test_a_waiting_version_waits_for_its_curator_alone_at_first():
    version = built("policy-lapse")
    assert version.state == ModelVersion.State.IN_REVIEW
    assert not Decision.objects.filter(review__version=version).exists()
    assert timezone.now() - version.submitted_at > timedelta(days=1)


def test_the_biased_one_is_rejected_with_the_measured_figures():
    version = built("credit-line-preapproval")
    assert version.state == ModelVersion.State.REJECTED
    decision = Decision.objects.get(review__version=version, outcome="rejected")
    ratio = version.evaluations.get(metric="selection_rate_ratio", slice="sex")
    assert ratio.kind == "independent" and ratio.value < 0.7
    assert f"a ratio of {ratio.value:.2f}" in decision.reason
    assert gate_verdict(version, "fairness") == "fail"
    assert decision.at < timezone.now() - timedelta(days=30)


@pytest.mark.slow
def test_its_fair_sibling_is_measured_on_the_same_rows_and_approved():
    biased, fair = built("credit-line-preapproval"), built("credit-line-preapproval", 1)
    assert fair.state == ModelVersion.State.APPROVED
    assert gate_verdict(fair, "fairness") == "pass"
    assert {run.dataset for run in fair.evaluation_runs.all()} == {
        run.dataset for run in biased.evaluation_runs.all()
    }

    def auc(version):
        return version.evaluations.get(metric="roc_auc", slice="").value

    assert auc(fair) > auc(biased)


@pytest.mark.slow
def test_its_approval_has_a_condition_with_a_day():
    fair = built("credit-line-preapproval", 1)
    condition = Condition.objects.get(version=fair)
    assert (condition.state, condition.owner.username) == ("open", "goran")
    assert 20 < (condition.due_on - timezone.localdate()).days < 40


@pytest.mark.slow
def test_a_waiver_near_its_end_opens_a_check_that_really_failed():
    version = built("retail-customer-churn")
    waiver = Waiver.objects.get(version=version)
    assert gate_verdict(version, "licences") == "fail"
    assert (version.state, waiver.state) == ("approved", "granted")
    assert 3 < (waiver.ends_on - timezone.localdate()).days < 14


def test_a_change_that_breaks_callers_is_held_as_a_draft():
    built("affordability")
    held = built("affordability", 1)
    assert held.state == "draft"
    assert "It needs a major version, and 1.3.0 is a minor version" in contract_diff.problem(held)


@pytest.mark.slow
def test_what_else_becomes_of_submissions():
    """Sent back by the evaluator on measured figures, taken back by its team, asked about; and an approval that has run out."""
    built("complaint-routing")
    sent_back = built("complaint-routing", 1)
    assert (sent_back.state, gate_verdict(sent_back, "champion")) == (
        "changes_requested",
        "inconclusive",
    )
    found = sent_back.gate_results.get(gate="champion").summary
    assert found in sent_back.reviews.get(kind="evaluation").decision.reason
    built("motor-fraud")
    assert built("motor-fraud", 1).state == "withdrawn"
    thread = Thread.objects.get(version=built("thin-file-score"))
    assert thread.resolved_at is None and thread.comments.count() == 2
    hosted(built("mortgage-prepayment"))
    assert [version.model.slug for version in renewals.due_for_renewal()] == ["mortgage-prepayment"]
    assert renewals.due_for_renewal().get().approved_until < timezone.now()


def test_what_consumers_call_is_built_before_what_nobody_calls():
    order = models.to_build()
    rest = [models.is_rest(*pair) for pair in order]
    assert rest == sorted(rest) and 5 < sum(rest) < 15
    for listing, release in order:
        assert models.is_rest(listing, release) <= (release.fate not in models.GOES_LIVE)


def gate_verdict(version, gate):
    return version.gate_results.filter(gate=gate).latest("pk").verdict


def test_the_pickle_is_refused_and_leaves_only_a_record():
    version = built("hardship-offer")
    assert version.state == ModelVersion.State.DRAFT
    assert not version.artifacts.exists()
    assert AuditEvent.objects.filter(
        action="version.upload_refused", object_id=str(version.pk)
    ).exists()


def test_building_a_version_twice_changes_nothing():
    first = built("policy-lapse")
    events = AuditEvent.objects.count()
    assert built("policy-lapse") == first
    assert AuditEvent.objects.count() == events


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "bump"),
    only(
        [
            ("property-valuation", "minor"),
            ("default-risk", "minor"),
            ("income-verification", "major"),
        ],
        ("income-verification", "major"),
    ),
)
def test_a_later_version_declares_what_its_contract_needs(slug, bump):
    """A retrained minor version goes on taking the values that its predecessor promised to take."""
    built(slug)
    later = built(slug, 1)
    evidence = later.gate_results.get(gate="contract")
    assert (evidence.verdict, evidence.metrics["declared"]) == ("pass", bump)
    assert later.state != ModelVersion.State.CHANGES_REQUESTED


@pytest.mark.slow
def test_consumers_subscribe_once_a_version_is_live_and_have_a_past(monkeypatch):
    version = hosted(built("call-volume-forecast"))
    assert version.state == ModelVersion.State.PUBLISHED
    use = next(one for one in consumers.USES if one.slug == "call-volume-forecast")
    journey.adopt(use)
    journey.adopt(use)
    made = Subscription.objects.get(model__slug=use.slug)
    assert made.keys.count() == 1
    count = usage.build_usage()
    assert count == UsageEvent.objects.filter(is_demo=True, subscription_id=made.pk).count() > 200
    assert usage.build_usage() == 0
    for _ in range(2):
        voices.build_voices()
    version.model.refresh_from_db()
    assert version.model.rating_count == 1 and Need.objects.count() == 2
    assert SearchRecord.objects.get().is_open  # income verification is not built here
    told = replace(voices.ANSWERED, slug="call-volume-forecast")
    monkeypatch.setattr(voices, "ANSWERED", told)
    for _ in range(2):
        voices.build_voices()
    need = Need.objects.get(title=told.title)
    assert (need.stage, need.model, need.budget) == ("published", version.model, told.budget)
    assert need.supports.count() == 2 and Need.objects.count() == 3


def test_the_company_is_never_built_outside_the_demo(settings):
    settings.DEMO_MODE = False
    with pytest.raises(journey.CommandError, match="demo mode"):
        journey.build(lambda *_: None)


def test_finance_keeps_the_books_once(db):
    people.build_people()
    for _ in range(2):
        books.keep_books()
    assert ClosedMonth.objects.count() <= 1 and SharedCost.objects.count() == 1
    assert Budget.objects.count() == UnitCharging.objects.count() == 3


def test_access_that_ends_ends_in_days_to_come():
    """Whoever opens the demo sees a last day ahead, though access was asked for weeks ago."""
    (use,) = [use for use in consumers.USES if use.ends_in]
    with clock.at(clock.ago(days=use.since)):
        last = consumers.last_day(use)
    assert last == timezone.localdate() + timedelta(days=use.ends_in)


@pytest.mark.slow
def test_the_ledger_tells_the_story_from_real_calls():
    """A documented plan, a further team of a unit, nothing for who would have done without; twice changes nothing."""
    for place, release in enumerate(models.listing("income-verification").releases):
        if release.fate in models.GOES_LIVE:
            hosted(built("income-verification", place))
    for use in consumers.USES:
        if use.slug == "income-verification":
            journey.adopt(use)
    usage.build_usage()
    voices.build_voices()
    savings.keep_ledger()
    savings.keep_ledger()
    for _ in range(2):
        own_rows.evaluate()
    lines = {line.team.slug: line for line in ReuseEvent.objects.for_page()}
    mortgage = lines["mortgage-origination"]
    assert (mortgage.grade, mortgage.size, mortgage.low) == ("A", "L", 131_000)
    assert mortgage.confirmed_by.username == "hanna" and mortgage.search_record
    operations = lines["wealth-operations"]
    assert (operations.grade, f"{operations.share:.2f}") == ("B", "0.25")
    assert "client-advice" not in lines and lines["lending-underwriting"].grade == "C"
    over = quarters.quarter_of(timezone.now().date())
    past = [line for line in lines.values() if line.quarter < over]
    assert all(SignedQuarter.objects.filter(quarter=line.quarter).exists() for line in past) or (
        timezone.now().date() - over < savings.SIGNED_AFTER
    )
    assert sorted(ValueClaim.objects.values_list("state", flat=True)) == [
        "finance_validated",
        "owner_confirmed",
    ]
    [trial] = BatchEvaluation.objects.visible_to(submissions.person("maya"))
    [pair] = next(found for found in trial.results["figures"] if found["metric"] == "mae")["pairs"]
    assert (trial.state, trial.rows, pair["better"]) == ("succeeded", own_rows.ROWS, 1)
