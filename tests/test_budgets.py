"""Lists have a query budget: more rows, not more queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog import collection_actions
from catalog.models import Collection, RegisteredModel
from consumption.changes.actions import propose
from consumption.models import Plan, RejectedHour
from governance.actions import fulfil, open_thread, withdraw_policy
from hosting.models import Deployment, HealthSample, Incident, Replica
from marketplace.insights.announcements import actions as announcing
from marketplace.insights.metrics import rollup
from marketplace.notices.actions import notify
from marketplace.notices.models import Watch
from marketplace.organisation.actions import joining, members, moves
from tests import (
    adoption,
    ending_versions,
    factories,
    move_factories,
    rollout_factories,
    values,
)
from tests.insights import curating, demanding
from tests.notices import made
from tests.publishing import registries

# (route, who asks, the most queries it may take, session and person included)
LISTS = [
    ("home", "maya", 58),
    ("home", "cleo", 46),
    ("catalog:models", "maya", 30),
    ("catalog:model", "maya", 53),
    ("catalog:versions", "alice", 30),
    ("catalog:suggest", "maya", 14),
    ("catalog:saved_searches", "maya", 14),
    ("api:saved-search-list", "maya", 12),
    ("consumption:access", "maya", 26),
    ("consumption:access", "alice", 25),
    ("consumption:application", "maya", 25),
    ("consumption:evaluations", "maya", 15),
    ("consumption:usage", "maya", 32),
    ("consumption:limits", "maya", 32),
    ("consumption:calls", "maya", 25),
    ("consumption:publisher", "alice", 25),
    ("consumption:consumers", "alice", 30),
    ("consumption:model_usage", "alice", 40),
    ("consumption:try", "maya", 34),
    ("consumption:plans", "maya", 34),
    ("consumption:latency", "maya", 34),
    ("consumption:statement", "maya", 20),
    ("consumption:statement", "vera", 20),
    ("consumption:budgets", "maya", 16),
    ("consumption:disputes", "maya", 12),
    ("consumption:rates", "maya", 12),
    ("consumption:finance", "finn", 24),
    ("api:budget-list", "maya", 14),
    ("api:dispute-list", "maya", 12),
    ("consumption:reconciliation", "vera", 15),
    ("audit:record", "vera", 20),
    ("governance:queue", "rita", 32),
    ("governance:figures", "rita", 22),
    ("governance:benchmarks", "alice", 15),
    ("operations:operations", "otto", 29),
    ("hosting:deployment", "maya", 35),
    ("notices:notices", "alice", 20),
    ("notices:channels", "alice", 16),
    ("api:watch-list", "alice", 12),
    ("notices:letters", "alice", 12),
    ("consumption:webhooks", "maya", 16),
    ("api:webhook-list", "maya", 12),
    ("api:webhook-delivery-list", "maya", 12),
    ("api:letter-list", "alice", 12),
    ("tokens:tokens", "alice", 20),
    ("organisation:teams", "maya", 14),
    ("organisation:units", "maya", 15),
    ("organisation:unit", "maya", 17),
    ("organisation:team", "ada", 24),
    ("organisation:people", "ada", 14),
    ("organisation:person", "ada", 36),
    ("api:team-list", "maya", 12),
    ("api:unit-list", "maya", 12),
    ("api:unit-move-list", "ada", 12),
    ("api:membership-list", "maya", 12),
    ("api:join-request-list", "ada", 12),
    ("api:person-list", "ada", 12),
    ("publishing:automation", "alice", 22),
    ("api:registry-connection-list", "alice", 12),
    ("api:registry-import-list", "alice", 12),
    ("publishing:home", "alice", 30),
    ("publishing:changes", "alice", 30),
    ("publishing:gate_runs", "alice", 24),
    ("insights:insights", "vera", 26),
    ("insights:metric", "vera", 16),
    ("api:metric-list", "vera", 8),
    ("api:metric-detail", "vera", 8),
    ("api:metric-rows", "vera", 10),
    ("insights:value", "vera", 34),
    ("insights:value", "maya", 34),
    ("insights:claims", "vera", 14),
    ("insights:business_cases", "maya", 16),
    ("api:value", "vera", 20),
    ("api:uncounted-uses", "vera", 12),
    ("api:reuse-event-list", "vera", 12),
    ("api:value-claim-list", "vera", 12),
    ("api:publishing-effort-list", "alice", 12),
    ("api:business-case-list", "maya", 12),
    ("insights:curation", "rita", 32),
    ("insights:my_findings", "alice", 16),
    ("api:curation-item-list", "rita", 14),
    ("insights:demand", "rita", 18),
    ("api:demand-list", "maya", 12),
    ("api:demand-gap-list", "rita", 12),
    ("insights:quality_reviews", "rita", 16),
    ("api:quality-review-list", "rita", 12),
    ("api:succession-list", "rita", 12),
    ("insights:inventory", "rita", 20),
    ("insights:inventory_coverage", "rita", 16),
    ("insights:publication_campaigns", "rita", 14),
    ("insights:announcements", "rita", 14),
    ("insights:events", "maya", 14),
    ("insights:stories", "maya", 16),
    ("insights:contributions", "maya", 26),
    ("insights:rollout", "maya", 34),
    ("insights:spotlights", "rita", 14),
    ("api:contributions", "maya", 22),
    ("api:rollout", "maya", 32),
    ("api:spotlight-list", "rita", 12),
    ("api:story-list", "maya", 14),
    ("api:announcement-list", "maya", 14),
    ("api:event-list", "maya", 12),
    ("api:production-model-list", "maya", 12),
    ("api:publication-campaign-list", "maya", 12),
    ("api:model-list", "maya", 12),
    ("api:version-list", "alice", 12),
    ("api:review-list", "rita", 12),
    ("api:evaluation-list", "rita", 14),
    ("api:condition-list", "rita", 12),
    ("api:version-thread-list", "rita", 14),
    ("api:absence-list", "rita", 12),
    ("governance:away", "rita", 15),
    ("governance:threads", "rita", 18),
    ("api:waiver-list", "rita", 12),
    ("api:retirement-waiver-list", "rita", 12),
    ("catalog:search_records", "maya", 15),
    ("governance:same_purpose", "rita", 18),
    ("api:same-purpose-case-list", "rita", 12),
    ("consumption:ratings", "alice", 34),
    ("consumption:model_discussions", "alice", 30),
    ("consumption:inbox", "alice", 18),
    ("api:rating-list", "maya", 14),
    ("api:discussion-list", "maya", 12),
    ("catalog:needs", "maya", 15),
    ("catalog:collections", "maya", 14),
    ("catalog:collection", "maya", 20),
    ("api:collection-list", "maya", 12),
    ("api:search-record-list", "maya", 12),
    ("api:need-list", "maya", 12),
    ("governance:roles", "vera", 20),
    ("governance:policies", "vera", 20),
    ("governance:controls", "vera", 32),
    ("api:role-change-list", "vera", 12),
    ("api:policy-change-list", "vera", 12),
    ("api:evaluation-run-list", "rita", 14),
    ("api:benchmark-list", "alice", 12),
    ("api:plan-list", "maya", 12),
    ("api:change-list", "alice", 12),
    ("api:application-list", "maya", 12),
    ("api:subscription-list", "alice", 12),
    ("api:deadline-list", "maya", 20),
    ("api:deadline-list", "rita", 22),
    ("api:move-list", "maya", 12),
    ("api:acceptance-example-list", "maya", 12),
    ("api:acceptance-run-list", "maya", 12),
    ("api:rollout-list", "maya", 12),
    ("api:key-list", "maya", 12),
    ("api:rejection-list", "maya", 12),
    ("api:limit-list", "maya", 16),
    ("api:call-list", "maya", 16),
    ("api:adoption", "alice", 16),
    ("api:batch-evaluation-list", "maya", 12),
    ("api:deployment-list", "maya", 12),
    ("api:incident-list", "maya", 12),
    ("api:health-sample-list", "maya", 12),
    ("api:audit-event-list", "vera", 12),
    ("api:notice-list", "alice", 12),
    ("api:token-list", "alice", 12),
]


@pytest.mark.django_db
def test_more_rows_do_not_need_more_queries():
    everything(1)
    before = {route: count(*route) for route in LISTS}
    everything(4)
    after = {route: count(*route) for route in LISTS}
    grown = {
        f"{name} as {who}": (before[name, who, most], after[name, who, most])
        for name, who, most in LISTS
        if after[name, who, most] > before[name, who, most] + 1
    }
    assert grown == {}
    assert {
        f"{name} as {who}": after[name, who, most]
        for name, who, most in LISTS
        if after[name, who, most] > most
    } == {}


def count(name, who, most):
    client = Client()
    client.force_login(getattr(factories, who)())
    with CaptureQueriesContext(connection) as queries:
        response = client.get(reverse(name, kwargs=ARGUMENTS.get(name)))
    assert response.status_code == 200, name
    return len(queries)


ARGUMENTS = {
    "insights:metric": {"name": "published-models"},
    "api:metric-detail": {"name": "published-models"},
    "api:metric-rows": {"name": "published-models"},
    "catalog:model": {"slug": "first"},
    "catalog:versions": {"slug": "first"},
    "publishing:changes": {"slug": "first", "number": "1.0.0"},
    "publishing:gate_runs": {"slug": "first", "number": "1.0.0"},
    "governance:figures": {"slug": "first", "number": "1.0.0"},
    "governance:threads": {"slug": "first", "number": "1.0.0"},
    "api:version-thread-list": {"slug": "first", "number": "1.0.0"},
    "api:evaluation-list": {"slug": "first", "number": "1.0.0"},
    "api:evaluation-run-list": {"slug": "first", "number": "1.0.0"},
    "consumption:consumers": {"slug": "first"},
    "catalog:collection": {"slug": "lending-decisions"},
    "consumption:ratings": {"slug": "first"},
    "consumption:model_discussions": {"slug": "first"},
    "api:rating-list": {"slug": "first"},
    "consumption:model_usage": {"slug": "first"},
    "api:adoption": {"slug": "first"},
    "consumption:plans": {"slug": "first"},
    "consumption:try": {"slug": "first"},
    "consumption:latency": {"slug": "first"},
    "hosting:deployment": {"slug": "first"},
    "consumption:application": {"slug": "loan-origination"},
    "organisation:unit": {"slug": "mortgage"},
    "organisation:team": {"slug": "mortgage-origination"},
    "organisation:person": {"pk": factories._fixed("user", "alice")},
}
NAMES = ["First", "Paper clips", "Sea weather", "Bee counting", "Ladder safety"]


def _collect(name, entry):
    """Another featured collection, as far as home shows them, and another model in the first one."""
    one = Collection.objects.first() or factories.collection(entry)
    collection_actions.put_in(factories.rita(), one, entry)
    made = collection_actions.create_collection(factories.rita(), name=name, text="Of one model.")
    collection_actions.put_in(factories.rita(), made, entry)
    collection_actions.publish_collection(factories.rita(), made)


def _organise(team, somebody, name):
    """Another person on the team that a page shows, another request to it, another team that moves."""
    ada, origination = factories.ada(), factories.mortgage()
    members.add_member(ada, origination, somebody)
    factories.also(somebody, "executive")
    joining.ask_to_join(factories.person(f"asks-{name.lower()[:5]}"), origination)
    moves.schedule_move(
        ada,
        team,
        unit=factories.lending().business_unit,
        begins_on=timezone.now().date() + timedelta(days=9),
        reason="Only for the tests of budgets.",
    )


def everything(number):
    """`number` more of each thing that lists show."""
    start = RegisteredModel.objects.filter(name__in=NAMES).count()
    for name in NAMES[start : start + number]:
        live = factories.published_version(factories.model(name=name))
        factories.plan(live.model, slug="production", approval=Plan.Approval.OWNER)
        held = factories.subscription(live)
        factories.key(held)
        move_factories.move(held, version_policy="pin_exact")
        move_factories.failed_example(held)
        rollout_factories.row(held)
        factories.evaluation(live)
        factories.token()
        now = timezone.now()
        RejectedHour.objects.create(
            hour=now.replace(minute=0, second=0, microsecond=0),
            subscription=held,
            limit="rate",
            calls=1,
            last_at=now,
        )
        factories.subscription(
            live, app=factories.application(name=f"For {name}"), plan_slug="production"
        )
        propose(
            factories.alice(),
            "visibility",
            model=live.model,
            after={"visibility": "restricted", "units": [], "teams": []},
            reason="Only for the tests of budgets.",
        )
        deployment = Deployment.objects.create(version=live, app_name=name, state="ready")
        Replica.objects.create(deployment=deployment, replica_id=name, state="running")
        Incident.objects.create(version=live, summary=f"{live} does not answer.")
        HealthSample.objects.create(version=live, is_ok=False)
        first = RegisteredModel.objects.get(name="First").versions.get(number="1.0.0")
        open_thread(factories.rita(), first, "changelog", f"Which {name}?")
        judged = factories.in_review_version(factories.model(name=f"{name} judged"))
        condition = factories.condition(judged, kind="curation")
        factories.waiver(judged)
        ending = ending_versions.ending(factories.model(name=f"{name} ending"))
        ending_versions.retirement_waiver(ending)
        factories.case(live.model)
        curating.finding(live, asked_at=now)
        curating.succession(live)
        curating.quality_finding(live)
        demanding.gap(held.application.team, title=name)
        factories.search_record(title=name)
        factories.need(title=name)
        adoption.campaign(adoption.production_model(name))
        announcing.schedule(factories.rita(), adoption.announcement(title=name))
        adoption.event(title=name)
        adoption.spotlight(live.model)
        _collect(name, live.model)
        team = factories.team(f"Team {name}", "Mortgage")
        somebody = factories.person(f"user-{start}", team)
        _organise(team, somebody, name)
        app = factories.application(somebody, team, name="System")
        first_used = factories.subscription(first, by=somebody, app=app)
        factories.rating(first_used, by=somebody)
        values.line(first_used)
        values.claim(first_used)
        values.effort(live.model)
        values.case(name)
        adoption.published_story(first_used, by=somebody, title=name)
        factories.discussion(first, by=somebody, team=team)
        factories.role_change(factories.person(f"person-{judged.pk}"))
        withdraw_policy(
            factories.gus(), factories.policy_change(), f"Taken back for {name}, again."
        )
        fulfil(factories.alice(), condition, "Measured again; the report says the same.")
        factories.draft_version(RegisteredModel.objects.get(name="First"), f"{start + 2}.0.0")
        notify([factories.alice()], "review", f"About {name}", key=f"review-open:{name}")
        made.letter(factories.alice())
        hook, _ = made.webhook()
        made.delivery(hook, key=f"version.published:{start}")
        registries.incomplete(registries.registry(name=f"Registry {start}"))
        Watch.objects.create(person=factories.alice(), model=f"watched-{start}", level="watched")
        start += 1
    rollup.count_due(timezone.now())
