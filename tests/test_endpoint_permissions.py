"""Every endpoint × everybody: the answers match the permission table. A route without a row here fails.

By default each endpoint is asked by who is outside, and one endpoint of each kind by everybody else; the slow tier has the rest.
"""

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.http import HttpResponseNotFound
from django.template import engines
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from catalog import watches
from catalog.glossary_actions import explain_word
from consumption.actions import respond
from consumption.changes.actions import propose
from consumption.models import Plan, Rollout
from governance.actions import be_away, open_thread, propose_amendment
from governance.models import Review
from hosting.models import Deployment, Incident
from marketplace import urls, views
from marketplace.accounts.models import RoleGrant
from marketplace.insights.events.actions import sign_up
from marketplace.insights.following.actions import follow as follow_domain
from marketplace.insights.metrics import rollup
from marketplace.notices.models import Notice
from marketplace.organisation.actions import joining, moves
from publishing import clients
from tests import (
    adoption,
    discovery_factories,
    ending_versions,
    factories,
    finance,
    move_factories,
    rollout_factories,
    values,
)
from tests.endpoint_permissions import API, BODIES, LONG, OPEN, PAGES, PEOPLE, WHERE
from tests.insights import curating, demanding
from tests.notices import made
from tests.pages import repeated_ids
from tests.publishing import registries
from tests.tiers import one_of_each

OUTSIDERS, INSIDERS = PEOPLE[:2], PEOPLE[2:]


class EndpointFixtures:
    """One thing of each kind, in the states that endpoints are about."""

    def __init__(self):
        self.people = {name: getattr(factories, name)() for name in PEOPLE if name != "anonymous"}
        self.live = factories.published_version()
        self.subscription = factories.subscription(self.live)
        self.key, _ = factories.key(self.subscription)
        self.token, _ = factories.token()
        self.client_package = clients.names()["python"]
        self.deployment = Deployment.objects.create(
            version=self.live, app_name="live", state="ready"
        )
        self.incident = Incident.objects.create(version=self.live, summary="It does not answer.")
        factories.plan(self.live.model, slug="production", approval=Plan.Approval.OWNER)
        self.pending = factories.subscription(
            self.live, plan_slug="production", app=factories.application(name="Second system")
        )
        graver = factories.subscription(
            self.live, app=factories.application(name="Lending desk"), use=factories.GRAVE_USE
        )
        self.use_review = graver.use_reviews.get()
        self.made_move = move_factories.move(self.subscription, version_policy="auto_patch")
        self.move = move_factories.plan_move(self.subscription, "production")
        self.example_result = move_factories.failed_example(self.subscription)
        self.example = self.example_result.example
        self.rollout, (self.follower,) = rollout_factories.announced()
        Rollout.objects.update(needs_yes=True)
        self.judged = factories.in_review_version(factories.model(name="Judged model"))
        self.review = Review.objects.get(version=self.judged, kind="curation")
        self.condition = factories.condition(self.judged)
        day = timezone.localdate() + timedelta(days=40)
        self.absence, self.day = be_away(self.people["rita"], day, day), day.isoformat()
        self.thread = open_thread(self.people["rita"], self.judged, "changelog", LONG)
        self.waiver = factories.waiver(self.judged)
        self.ending = ending_versions.ending(
            factories.model(name="Ending model"), name="Old system"
        )
        self.moving = self.ending.pinned_subscriptions.get()
        self.retirement_waiver = ending_versions.retirement_waiver(self.ending)
        self.role_change = factories.role_change()
        self.policy_change = factories.policy_change()
        self.role = RoleGrant.objects.filter(revoked_at=None).first()
        self.amendment = propose_amendment(
            self.people["alice"], self.live.model, {"summary": f"{LONG} {LONG}"}, LONG
        )
        self.benchmark = factories.benchmark()
        self.saved_search = discovery_factories.saved_search()
        self.glossary_entry = explain_word(
            self.people["rita"], word="NBO", meaning="next best offer"
        )
        self.leave, self.close = "leave", "close"
        self.rating = factories.rating(self.subscription)
        self.discussion = factories.discussion(self.live)
        respond(self.people["alice"], self.discussion, state="answered", text=LONG)
        self.case = factories.case(self.live.model)
        self.finding, self.health = curating.answered(self.live), curating.health(self.live)
        self.dismiss, self.report = "dismiss", "report"
        self.gap, self.succession = (
            demanding.gap(self.subscription.application.team),
            curating.succession(self.live),
        )
        self.quality_review = curating.quality_review(self.live)
        self.quality_finding = curating.quality_finding(self.live)
        self.searched, self.need = factories.search_record(), discovery_factories.need()
        self.collection, self.withdraw = discovery_factories.collection(self.live.model), "withdraw"
        self.request_id = str(factories.call(self.subscription).event_id)
        self.change = propose(
            self.people["alice"],
            "terms",
            model=self.live.model,
            plan=self.subscription.plan,
            after={"rate_per_second": 1},
            reason=LONG,
        )
        self.evaluation, self.export = factories.evaluation(self.live), "figures"
        self._organisation()
        self.budget = finance.budget(self.subscription.application.team)
        self.charging = finance.charging(self.subscription.application.team.business_unit)
        self.dispute, self.shared_cost = (
            finance.dispute(self.subscription),
            finance.shared_cost(),
        )
        self.line, self.claim = values.line(self.subscription), values.claim(self.subscription)
        self.effort, self.business_case = values.effort(self.live.model), values.case()
        self.quarter = "2026-Q1"
        self.production_model = adoption.production_model()
        self.inventory_import = adoption.inventory_import()
        self.publication_campaign = adoption.campaign(self.production_model)
        self.announcement, self.schedule_verb = adoption.announcement(), "schedule"
        self.company_event, self.sign_up_verb = adoption.event(), "sign-up"
        sign_up(self.people["maya"], self.company_event)
        self.follow = follow_domain(self.people["maya"], domain=self.live.model.domain)
        moments = [timezone.now() + timedelta(days=5, hours=hours) for hours in (0, 2, 48)]
        self.soon, self.soon_after, self.later = [moment.isoformat() for moment in moments]
        self.told_story = adoption.story(
            self.subscription, quote="It works.", quoted_person=self.people["maya"]
        )
        self.submit_verb, self.board_quarter = "submit", "1999-Q1"
        self.spotlight, self.dismiss_verb = adoption.spotlight(self.live.model), "dismiss"
        self.remind_verb, self.discard_verb = "remind", "discard"
        self.month, self.vocabulary, self.verb = "2026-01", "domains", "rename"
        self.grouping = "model"
        self.draft = factories.draft_version(factories.model(name="Secret draft"))
        self.application = self.subscription.application
        self.problem, self.low = "rule", factories.LOW
        self.integration, self.sandbox_verb = "script", "rows"
        self.notice = Notice.objects.filter(recipient=factories.alice()).first()
        self.kind_of_notice = "rating"
        watches.watch(self.people["maya"], self.live.model, "watched")
        self.webhook, _ = made.webhook()
        self.challenge, self.delivery = "challenge", made.delivery(self.webhook)
        self.registry = registries.registry()
        self.registry_import = registries.incomplete(self.registry)
        self.letter = made.letter(self.people["maya"])
        self.event = self.people["alice"].audit_events.first()
        self.metric = "published-models"
        rollup.count_due(timezone.now())
        self.clients = {name: Client(raise_request_exception=True) for name in PEOPLE}
        for name, person in self.people.items():
            self.clients[name].force_login(person)

    def _organisation(self):
        """The team of alice and bob, which charlie asks to join, and which moves to another unit. Nobody leads it."""
        team = self.live.model.owner_team
        self.membership = factories.bob().memberships.select_related("user").get(team=team)
        self.join_request = joining.ask_to_join(self.people["charlie"], team, "I am new.")
        self.today, later = (
            timezone.now().date().isoformat(),
            timezone.now().date() + timedelta(days=30),
        )
        self.unit_move = moves.schedule_move(
            factories.ada(),
            team,
            unit=factories.mortgage().business_unit,
            begins_on=later,
            reason=LONG,
        )

    def arguments(self, thing):
        """`WHERE` says which of the fixtures's things a route is about."""
        return {name: follow(self, path) for name, path in WHERE[thing].items()} if thing else {}


def follow(obj, path):
    for name in path.split("."):
        obj = getattr(obj, name)
    return obj


@pytest.fixture(scope="module")
def fixtures(django_db_setup, django_db_blocker, tmp_path_factory):
    """Built once, taken back at the end; each visit is taken back at once.

    What visits have in common is drawn once: the navigation of a person, and the page that says "not found"
    (tests/test_hidden_like_missing.py reads that).
    """
    engine = engines["django"].engine
    processors = tuple(map(remembered_for_each_person, engine.template_context_processors))
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "template_context_processors", processors)
        patch.setattr(urls, "handler404", lambda request, exception: HttpResponseNotFound())
        try:
            with transaction.atomic():
                yield EndpointFixtures()
                transaction.set_rollback(True)
        finally:
            connection.close()


def remembered_for_each_person(processor):
    """The context processor of the navigation, asked once for each person; another one as it is."""
    if processor is not views.navigation_context:
        return processor
    known = {}

    def context(request):
        if request.user.pk not in known:
            known[request.user.pk] = processor(request)
        return known[request.user.pk]

    return context


def answers(fixtures, name, thing, method="get", people=PEOPLE):
    """{person: status} of asking an endpoint, with what one sends there."""
    address = reverse(name, kwargs=fixtures.arguments(thing))
    sent = {} if method == "get" else {"data": filled(fixtures, BODIES.get(name, {}))}
    if name.startswith("api:"):
        sent["content_type"] = "application/json"
    found = {}
    for person in people:
        client = fixtures.clients[person]
        cookies = client.cookies.copy()
        with transaction.atomic():
            response = getattr(client, method)(address, **sent)
            transaction.set_rollback(True)
        assert not repeated_ids(response), f"{name} as {person}"
        assert says_who_can_help(response), f"{name} as {person}"
        client.cookies, found[person] = cookies, response.status_code
    return found


def says_who_can_help(response):
    """A refusal (403, and 409 of the API) names whom to ask, or what one can do."""
    is_json = "json" in response.get("Content-Type", "")
    if response.status_code not in ((403, 409) if is_json else (403,)):
        return True
    if is_json:
        told = response.json()
    else:
        error = response.context and response.context.get("error")
        told = {"remedy": error.remedy, "ask": error.ask} if error else {}
    helps = [told.get("remedy") or "", told.get("ask") or ""]
    return any(helps) and "None" not in helps


def filled(fixtures, body):
    """The body with "@path" replaced by what the fixtures has there."""
    if isinstance(body, str):
        return follow(fixtures, body[1:]) if body.startswith("@") else body
    if isinstance(body, list):
        return [filled(fixtures, value) for value in body]
    return (
        {name: filled(fixtures, value) for name, value in body.items()}
        if isinstance(body, dict)
        else body
    )


def expected(codes, people):
    answers = dict(zip(PEOPLE, codes, strict=True))
    return {person: answers[person] for person in people}


def of_a_kind(name, method):
    """Rows that give everybody the same answers to the same method."""
    _, codes = (PAGES | API)[name, method]
    return method, codes


@pytest.mark.parametrize(("name", "method"), PAGES | API)
def test_outsiders(fixtures, name, method):
    """Who is not signed in, and who belongs to nothing."""
    thing, codes = (PAGES | API)[name, method]
    assert answers(fixtures, name, thing, method, OUTSIDERS) == expected(codes, OUTSIDERS)


@pytest.mark.parametrize(("name", "method"), one_of_each(PAGES, of_a_kind))
def test_pages(fixtures, name, method):
    thing, codes = PAGES[name, method]
    assert answers(fixtures, name, thing, method, INSIDERS) == expected(codes, INSIDERS)


@pytest.mark.parametrize(("name", "method"), one_of_each(API, of_a_kind))
def test_api(fixtures, name, method):
    thing, codes = API[name, method]
    assert answers(fixtures, name, thing, method, INSIDERS) == expected(codes, INSIDERS)


@pytest.mark.parametrize("name", sorted({name for name, _ in API}))
def test_what_there_is_to_ask_is_told(fixtures, name):
    """OPTIONS of an address: it names the methods, and asks no verb, whoever asks."""
    thing = next(thing for (other, _), (thing, _) in API.items() if other == name)
    for status in answers(fixtures, name, thing, "options", ("anonymous", "maya")).values():
        assert status in (200, 401, 403, 404, 405)


# ── Nothing is missing from the table ─────────────────────────────────────


def routes(patterns=None, space=""):
    """(name, pattern) of every route but the admin's."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}", pattern
        elif pattern.namespace != "admin":
            yield from routes(
                pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space
            )


def methods(pattern):
    return [
        method for method in getattr(pattern.callback, "actions", None) or {} if method != "head"
    ]


def test_every_page_has_a_row():
    pages = {name for name, _ in routes() if not (name.startswith("api:") or name in OPEN)}
    assert pages == {name for name, _ in PAGES}


def test_every_move_of_the_api_has_a_row():
    moves = {
        (name, method)
        for name, pattern in routes()
        if name.startswith("api:")
        for method in methods(pattern) or ["get"]
    }
    assert moves == set(API)


def test_every_route_has_a_name():
    assert [str(pattern.pattern) for name, pattern in routes() if name.endswith("None")] == []


def test_only_the_known_few_are_open_to_the_world():
    """LoginRequiredMiddleware guards all others."""
    unguarded = {
        name
        for name, pattern in routes()
        if not getattr(pattern.callback, "login_required", True) and not name.startswith("api:")
    }
    assert unguarded <= OPEN | {
        "accounts:demo_login",
        "consumption:leaked_keys",
        "consumption:key_pattern",
        "insights:api_catalog",  # tokens.authentication.for_programs guards these
        "insights:llms",
        "insights:model_markdown",
        "insights:mcp",  # and for_tokens this one
        "publishing:openapi",
        "governance:card_readme",
        "governance:card_bom",
        "publishing:download",
        "publishing:registry_events",  # signed by its sender
    }


def test_the_support_desk_is_for_staff():
    for person in ("alice", "rita", "vera", "maya", "charlie"):
        client = Client()
        assert re.match("/admin/login/", client.get("/admin/").headers["Location"]), person


test_the_support_desk_is_for_staff.pytestmark = [pytest.mark.django_db]
