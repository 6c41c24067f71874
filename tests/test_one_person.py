"""No act of one publisher takes anything from consumers at once, through any page or operation (issue 9, B5).

Every route that writes is asked as the publisher with the body of the permission table, and as publisher and as marketplace
manager with bodies that would take something. Then what Maya's application relies on is compared. Emergencies are named.
"""

import pytest
from django.db import transaction
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from consumption import affected
from consumption.models import Plan, ScheduledChange, Subscription
from hosting.models import Deployment, Upstream
from tests.endpoint_permissions import API, BODIES, LONG, PAGES
from tests.test_endpoint_permissions import EndpointFixtures, filled, fixtures  # noqa: F401  (a fixture)
from tests.tiers import one_of_each

REASON = {"reason": LONG, "effective_from": ""}
# At once, because waiting would harm: suspension, stopping, a leaked key (docs/money.md).
EMERGENCIES = {
    "api:version-suspend",
    "governance:suspend",
    "api:deployment-stop",
    "api:deployment-roll-back",
    "hosting:manage_deployment",
    "api:key-revoke",
    "consumption:revoke_key",
}
# The consumer asked for another plan, and its owner says yes: what the plan of before had is what they gave up (docs/moves.md).
ASKED_FOR = {"consumption:decide_move", "api:move-approve"}
LESS = {"min_replicas": 0, "max_replicas": 1, "target_ongoing_requests": 64}
WORSE_TERMS = [
    {"price_micros_per_1000": 9_000_000},
    {"rate_per_second": 1},
    {"burst": 1},
    {"concurrency": 1},
    {"monthly_quota": 1},
    {"is_offered": False},
    {"is_always_on": False},
]
STANDARD = {"model": "@live.model.slug", "slug": "standard", "name": "Standard"}
SUNSET = {"sunset_at": "2030-01-01T00:00:00Z", "reason": LONG}
TERMS_PAGE = {
    "step": "propose",
    "price": "9",
    "rate_per_second": 1,
    "burst": 1,
    "concurrency": 1,
    "monthly_quota": 1,
    **REASON,
}
SMALL = {"minimum": 0, "maximum": 1, "target_ongoing_requests": 4}
# (route, method, what it is about): bodies that would take something.
ATTACKS = {
    ("api:model-detail", "patch", "model"): [
        {"visibility": "restricted"},
        {"visibility": "business_units"},
        {"summary": f"{LONG} {LONG}"},
    ],
    ("api:plan-list", "post", None): [STANDARD | worse for worse in WORSE_TERMS],
    ("api:deployment-size", "put", "deployment"): [
        SMALL,
        SMALL | {"minimum": 2, "maximum": 3},
        SMALL | {"minimum": 2, "maximum": 4, "target_ongoing_requests": 1},
    ],
    ("api:version-deprecate", "post", "live id"): [SUNSET],
    ("api:version-sla", "put", "live id"): [BODIES["api:version-sla"]],
    ("api:version-endpoint", "put", "live id"): [{"url": "https://models.example.com/other"}],
    ("api:version-card", "patch", "live id"): [BODIES["api:version-card"]],
    ("api:version-withdraw", "post", "live id"): [{}],
    ("api:change-list", "post", None): [
        {"kind": "withdrawal", "plan": "@subscription.plan.pk", "reason": LONG},
        {
            "kind": "visibility",
            "model": "@live.model.slug",
            "visibility": "restricted",
            "reason": LONG,
        },
        {"kind": "subscription", "subscription": "@subscription.pk", "reason": LONG},
        {"kind": "capacity", "version": "@live.pk", "reason": LONG, **LESS},
        {"kind": "deprecation", "version": "@live.pk", "reason": LONG},
    ],
    ("consumption:change_terms", "post", "model's plan"): [TERMS_PAGE],
    ("consumption:withdraw_plan", "post", "model's plan"): [{"step": "propose"} | REASON],
    ("consumption:end_subscription", "post", "subscription"): [{"step": "propose"} | REASON],
    ("consumption:change_visibility", "post", "model"): [
        {"step": "propose", "visibility": "restricted"} | REASON
    ],
    ("consumption:close", "post", "subscription"): [{}],
    ("hosting:change_capacity", "post", "version"): [{"step": "propose"} | LESS | REASON],
    ("hosting:manage_deployment", "post", "version"): [
        {"verb": "size", "minimum": 0, "maximum": 1, "target_ongoing_requests": 64}
    ],
    ("publishing:deprecate", "post", "version"): [
        SUNSET
        | {"sunset_at": "2030-01-01", "confirm": "income-verification 1.0.0"}
        | dict.fromkeys(("what_changes", "steps", "checks"), LONG)
    ],
}
# How the publisher's attack is answered: refused by its rule (409, on pages 422), proposed, or harmless for who has the plan.
UNDERSTOOD = dict.fromkeys((name for name, _, _ in ATTACKS), (302,)) | {
    "api:model-detail": (409,),
    "api:plan-list": (409, 201),
    "api:deployment-size": (409,),
    "api:version-deprecate": (202,),
    "api:version-sla": (409,),
    "api:version-endpoint": (409,),
    "api:version-card": (409,),
    "api:version-withdraw": (409,),
    "api:change-list": (201,),
    "consumption:change_terms": (422,),  # the fixtures's proposal waits already
    "consumption:close": (403,),
    "hosting:manage_deployment": (422,),
}
TABLE = {
    (name, method, thing): [BODIES.get(name, {})]
    for (name, method), (thing, _) in {**PAGES, **API}.items()
    if method != "get" and name not in EMERGENCIES | ASKED_FOR
}


@pytest.fixture(scope="module")
def relying(fixtures):  # noqa: F811
    """The fixtures with a deployment that has something to lose."""
    Deployment.objects.update(min_replicas=2, max_replicas=4, target_ongoing_requests=4)
    Upstream.objects.update(credential=b"sealed")
    Plan.objects.filter(pk=fixtures.subscription.plan_id).update(is_always_on=True)
    return fixtures


def relied_on(fixtures):  # noqa: F811
    """What Maya's application has now; of sizes and limits it may only become more."""
    subscription = Subscription.objects.select_related("plan").get(pk=fixtures.subscription.pk)
    live = ModelVersion.objects.get(pk=fixtures.live.pk)
    versions = list(ModelVersion.objects.filter(model=live.model_id))
    sizes = Deployment.objects.values_list("min_replicas", "max_replicas").get(
        pk=fixtures.deployment.pk
    )
    exact = {
        "subscription": subscription.state,
        "keys": subscription.keys.live().count(),
        "price": subscription.plan.price_micros_per_1000,
        "concurrency of a replica": Deployment.objects.get(
            pk=fixtures.deployment.pk
        ).target_ongoing_requests,
        "always on": subscription.plan.is_always_on,
        "version": (live.state, live.suspended_at, live.sunset_at, live.sla, live.signature),
        "card": live.card.data,
        "answers": affected.resolve(subscription.version_policy, live, versions).number,
        "credential": bool(Upstream.objects.get(version=live).credential),
        "summary": RegisteredModel.objects.get(pk=live.model_id).summary,
        "visible": RegisteredModel.objects.visible_to(fixtures.people["charlie"]).count(),
    }
    quota = subscription.plan.monthly_quota
    limits = [
        getattr(subscription.plan, name) for name in ("rate_per_second", "burst", "concurrency")
    ]
    return exact, [*sizes, *limits, 10**15 if quota is None else quota]


CASES = [("alice", *item, False) for item in TABLE.items()] + [
    (who, *item, True) for item in ATTACKS.items() for who in ("alice", "rita")
]


def of_a_kind(who, route, bodies, is_attack):
    """Rows of the table whose answers are the same; every attack is its own."""
    name, method, _ = route
    return (who, name) if is_attack else (method, {**PAGES, **API}[name, method][1])


@pytest.mark.parametrize(
    ("who", "route", "bodies", "is_attack"),
    one_of_each(CASES, of_a_kind),
    ids=[
        f"{route[0]}-{route[1]}-{len(bodies)}-{who}-{'attack' if is_attack else 'table'}"
        for who, route, bodies, is_attack in CASES
    ],
)
def test_no_act_of_one_person_takes_anything_from_consumers_at_once(
    relying, who, route, bodies, is_attack
):
    name, method, thing = route
    address = reverse(name, kwargs=relying.arguments(thing))
    kind = {"content_type": "application/json"} if name.startswith("api:") else {}
    client = relying.clients[who]
    for body in bodies:
        exact, at_least = relied_on(relying)
        cookies = client.cookies.copy()
        with transaction.atomic():
            response = getattr(client, method)(address, filled(relying, body), **kind)
            then_exact, then = relied_on(relying)
            proposed = ScheduledChange.objects.filter(state="proposed").count()
            transaction.set_rollback(True)
        client.cookies = cookies
        facts = (name, body, response.status_code, proposed)
        assert then_exact == exact, facts
        if is_attack and who == "alice":
            assert response.status_code in UNDERSTOOD[name], facts
        assert all(new >= old for old, new in zip(at_least, then, strict=True)), facts


@pytest.mark.django_db  # so that the database is set up for the whole module
def test_the_attacks_are_understood():
    """Each names a route that there is; a body that is misspelt would take nothing for another reason."""
    routes = {**PAGES, **API}
    assert all((name, method) in routes for name, method, _ in ATTACKS)
