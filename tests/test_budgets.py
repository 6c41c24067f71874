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
    discovery_factories,
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
    ("home", "maya", 45),
    ("home", "cleo", 32),
    ("catalog:models", "maya", 19),
    ("catalog:model", "maya", 36),
    ("catalog:versions", "alice", 16),
    ("catalog:suggest", "maya", 6),
    ("catalog:glossary", "rita", 9),
    ("api:glossary-list", "maya", 6),
    ("catalog:saved_searches", "maya", 7),
    ("api:saved-search-list", "maya", 5),
    ("consumption:access", "maya", 26),
    ("consumption:access", "alice", 25),
    ("consumption:application", "maya", 25),
    ("consumption:evaluations", "maya", 15),
    ("consumption:usage", "maya", 24),
    ("consumption:limits", "maya", 21),
    ("consumption:calls", "maya", 11),
    ("consumption:publisher", "alice", 17),
    ("consumption:consumers", "alice", 18),
    ("consumption:model_usage", "alice", 32),
    ("consumption:try", "maya", 16),
    ("consumption:plans", "maya", 18),
    ("consumption:latency", "maya", 17),
    ("consumption:statement", "maya", 20),
    ("consumption:statement", "vera", 20),
    ("consumption:budgets", "maya", 9),
    ("consumption:disputes", "maya", 12),
    ("consumption:rates", "maya", 12),
    ("consumption:finance", "finn", 24),
    ("api:budget-list", "maya", 14),
    ("api:dispute-list", "maya", 12),
    ("consumption:reconciliation", "vera", 15),
    ("audit:record", "vera", 12),
    ("governance:queue", "rita", 18),
    ("governance:figures", "rita", 13),
    ("governance:benchmarks", "alice", 7),
    ("operations:operations", "otto", 29),
    ("hosting:deployment", "maya", 27),
    ("notices:notices", "alice", 10),
    ("notices:channels", "alice", 9),
    ("api:watch-list", "alice", 5),
    ("notices:letters", "alice", 12),
    ("consumption:webhooks", "maya", 16),
    ("api:webhook-list", "maya", 12),
    ("api:webhook-delivery-list", "maya", 12),
    ("api:letter-list", "alice", 5),
    ("tokens:tokens", "alice", 9),
    ("organisation:teams", "maya", 14),
    ("organisation:units", "maya", 15),
    ("organisation:unit", "maya", 17),
    ("organisation:team", "ada", 17),
    ("organisation:people", "ada", 14),
    ("organisation:person", "ada", 28),
    ("api:team-list", "maya", 12),
    ("api:unit-list", "maya", 5),
    ("api:unit-move-list", "ada", 12),
    ("api:membership-list", "maya", 12),
    ("api:join-request-list", "ada", 12),
    ("api:person-list", "ada", 12),
    ("publishing:automation", "alice", 11),
    ("api:registry-connection-list", "alice", 12),
    ("api:registry-import-list", "alice", 12),
    ("publishing:home", "alice", 11),
    ("publishing:changes", "alice", 14),
    ("publishing:gate_runs", "alice", 14),
    ("insights:insights", "vera", 19),
    ("insights:metric", "vera", 16),
    ("api:metric-list", "vera", 8),
    ("api:metric-detail", "vera", 8),
    ("api:metric-rows", "vera", 10),
    ("insights:value", "vera", 22),
    ("insights:value", "maya", 17),
    ("insights:claims", "vera", 14),
    ("insights:business_cases", "maya", 16),
    ("api:value", "vera", 13),
    ("api:uncounted-uses", "vera", 12),
    ("api:reuse-event-list", "vera", 12),
    ("api:value-claim-list", "vera", 12),
    ("api:publishing-effort-list", "alice", 12),
    ("api:business-case-list", "maya", 12),
    ("insights:curation", "rita", 16),
    ("insights:my_findings", "alice", 8),
    ("api:curation-item-list", "rita", 6),
    ("insights:demand", "rita", 10),
    ("api:demand-list", "maya", 12),
    ("api:demand-gap-list", "rita", 12),
    ("insights:quality_reviews", "rita", 8),
    ("api:quality-review-list", "rita", 12),
    ("api:succession-list", "rita", 12),
    ("insights:inventory", "rita", 12),
    ("insights:inventory_coverage", "rita", 16),
    ("insights:publication_campaigns", "rita", 14),
    ("insights:announcements", "rita", 14),
    ("insights:events", "maya", 14),
    ("insights:stories", "maya", 9),
    ("insights:contributions", "maya", 17),
    ("insights:rollout", "maya", 23),
    ("insights:spotlights", "rita", 14),
    ("api:contributions", "maya", 15),
    ("api:rollout", "maya", 22),
    ("api:spotlight-list", "rita", 12),
    ("api:story-list", "maya", 7),
    ("api:announcement-list", "maya", 6),
    ("api:event-list", "maya", 5),
    ("api:production-model-list", "maya", 12),
    ("api:publication-campaign-list", "maya", 12),
    ("api:model-list", "maya", 12),
    ("api:version-list", "alice", 12),
    ("api:review-list", "rita", 12),
    ("api:evaluation-list", "rita", 7),
    ("api:condition-list", "rita", 12),
    ("api:version-thread-list", "rita", 14),
    ("api:absence-list", "rita", 5),
    ("governance:away", "rita", 8),
    ("governance:threads", "rita", 11),
    ("api:waiver-list", "rita", 12),
    ("api:retirement-waiver-list", "rita", 12),
    ("catalog:search_records", "maya", 15),
    ("governance:same_purpose", "rita", 9),
    ("api:same-purpose-case-list", "rita", 12),
    ("consumption:ratings", "alice", 23),
    ("consumption:model_discussions", "alice", 18),
    ("consumption:inbox", "alice", 8),
    ("api:rating-list", "maya", 14),
    ("api:discussion-list", "maya", 12),
    ("catalog:needs", "maya", 8),
    ("catalog:collections", "maya", 14),
    ("catalog:collection", "maya", 10),
    ("api:collection-list", "maya", 12),
    ("api:search-record-list", "maya", 12),
    ("api:need-list", "maya", 12),
    ("governance:roles", "vera", 10),
    ("governance:policies", "vera", 8),
    ("governance:controls", "vera", 20),
    ("api:role-change-list", "vera", 12),
    ("api:policy-change-list", "vera", 5),
    ("api:evaluation-run-list", "rita", 7),
    ("api:benchmark-list", "alice", 5),
    ("api:plan-list", "maya", 12),
    ("api:change-list", "alice", 12),
    ("api:application-list", "maya", 12),
    ("api:subscription-list", "alice", 12),
    ("api:deadline-list", "maya", 20),
    ("api:deadline-list", "rita", 22),
    ("api:move-list", "maya", 12),
    ("api:acceptance-example-list", "maya", 5),
    ("api:acceptance-run-list", "maya", 12),
    ("api:rollout-list", "maya", 12),
    ("api:key-list", "maya", 12),
    ("api:rejection-list", "maya", 12),
    ("api:limit-list", "maya", 16),
    ("api:call-list", "maya", 8),
    ("api:adoption", "alice", 16),
    ("api:batch-evaluation-list", "maya", 12),
    ("api:deployment-list", "maya", 12),
    ("api:incident-list", "maya", 12),
    ("api:health-sample-list", "maya", 12),
    ("api:audit-event-list", "vera", 12),
    ("api:notice-list", "alice", 5),
    ("api:token-list", "alice", 12),
]


@pytest.mark.slow
@pytest.mark.django_db
def test_more_rows_do_not_need_more_queries():
    keep_their_budgets(LISTS)


@pytest.mark.django_db
def test_more_rows_do_not_need_more_queries_on_one_list_of_ten():
    keep_their_budgets(LISTS[::10])


def keep_their_budgets(lists):
    everything(1)
    before = {route: count(*route) for route in lists}
    everything(2)
    after = {route: count(*route) for route in lists}
    grown = {
        f"{name} as {who}": (before[name, who, most], after[name, who, most])
        for name, who, most in lists
        if after[name, who, most] > before[name, who, most] + 1
    }
    assert grown == {}
    assert {
        f"{name} as {who}": after[name, who, most]
        for name, who, most in lists
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
NAMES = ["First", "Paper clips", "Sea weather"]


def _collect(name, entry):
    """Another featured collection, as far as home shows them, and another model in the first one."""
    one = Collection.objects.first() or discovery_factories.collection(entry)
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
        discovery_factories.need(title=name)
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
