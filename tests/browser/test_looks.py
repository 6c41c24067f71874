"""Main pages in Chromium: axe finds nothing serious, nothing breaks the policy, nothing runs off a phone's screen (issue 2, done 9)."""

import copy
from datetime import timedelta

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.utils import timezone

from consumption.metering import rejections
from consumption.models import RejectedHour
from governance.actions import open_thread, record_gate
from governance.models import Review
from hosting.models import Deployment, Incident, Replica
from marketplace.insights.metrics import rollup
from marketplace.organisation.actions import joining, moves
from publishing import actions
from tests import (
    adoption,
    discovery_factories,
    ending_versions,
    factories,
    move_factories,
    rollout_factories,
)
from tests.insights import curating, demanding
from tests.notices import made

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GRAVE = {"serious", "critical"}
WIDE, PHONE = 1440, 390
# Axe runs no rule whose violations are never grave, and says of each rule one place.
VIOLATIONS = """async () => {
  const mild = axe._audit.rules.filter(one => ["minor", "moderate"].includes(one.impact));
  const rules = Object.fromEntries(mild.map(one => [one.id, {enabled: false}]));
  const found = await axe.run({resultTypes: ["violations"], rules: rules});
  return found.violations.map(one => ({id: one.id, impact: one.impact, html: one.nodes[0].html}));
}"""
LOOKS = [
    pytest.param([("light", WIDE), ("dark", PHONE)], id="light-wide, dark-phone"),
    pytest.param([("dark", WIDE), ("light", PHONE)], id="dark-wide, light-phone"),
]


@pytest.fixture
def addresses():
    """Each main page with who looks at it, on a catalog with one published model and one version in review."""
    held = factories.subscription()
    key, _ = factories.key(held)
    desk = factories.application(name="Desk")
    graver = factories.subscription(held.pinned_version, app=desk, use=factories.GRAVE_USE)
    factories.token()
    entry = held.model
    judged = factories.in_review_version(entry, "1.1.0")
    condition = factories.condition(judged)
    open_thread(factories.rita(), judged, "changelog", "Which of the two data sets is meant?")
    waiver = factories.waiver(judged)
    record_gate(waiver.version, "health", "error", "The run broke off.", tool="test")
    breaking = factories.draft_version(entry, "1.2.0")
    told = adoption.story(held, quote="It works.", quoted_person=factories.maya())
    production_model, event = adoption.production_model(), adoption.event()
    searched, need = factories.search_record(), discovery_factories.need()
    collection = discovery_factories.collection(entry)
    factories.rating(held)
    move_factories.failed_example(held)
    discussion = factories.discussion(held.pinned_version, payload='{"income": 1}')
    signature = copy.deepcopy(breaking.signature)
    signature["inputs"][0] |= {"unit": "EUR", "maximum": 9000}
    actions.describe_interface(factories.alice(), breaking, signature, breaking.example)
    model, publish = entry.get_absolute_url(), f"/publish/{entry.slug}/1.1.0"
    review = Review.objects.get(version=judged, kind="curation")
    live = held.pinned_version
    deployment = Deployment.objects.create(
        version=live, app_name="live", state="unhealthy", reason="It did not answer."
    )
    Replica.objects.create(deployment=deployment, replica_id="a", state="running")
    Incident.objects.create(version=live, summary=f"{live} does not answer. ready answered 503.")
    for limit in rejections.LIMITS:
        RejectedHour.objects.create(
            hour=timezone.now(), subscription=held, limit=limit, calls=312, last_at=timezone.now()
        )
    ending = ending_versions.ending(factories.model(name="Ending model"))
    end = f"{ending.model.get_absolute_url()}versions/{ending.number}"
    moving = ending.pinned_subscriptions.get()
    spreading = rollout_factories.spreading()
    runtime = [f"{model}deployment/", f"{model}versions/{live.number}/deployment/"]
    ends = [
        f"/publish/{entry.slug}/{live.number}/deprecate/",
        f"{model}versions/{live.number}/suspend/",
        f"{end}/migration/",
        f"{end}/migration/edit/",
        f"{end}/board/",
        f"{end}/board/{moving.pk}/waiver/",
        ending_versions.retirement_waiver(ending).get_absolute_url(),
    ]
    rollup.count_due(timezone.now())
    finding = curating.finding(live, asked_at=timezone.now())
    curating.health(live)
    gap, quality = demanding.gap(held.application.team), curating.quality_finding(live)
    return {
        "alice": [
            "/findings/",
            f"/findings/{finding.pk}/",
            quality.review.get_absolute_url(),
            *runtime,
            *ends,
            spreading.get_absolute_url(),
            f"{model}usage/",
            "/",
            "/models/",
            "/models/?q=income&view=cards",
            "/models/?q=zzzzqqq&tier=high",
            f"/compare/?model={entry.slug}&model={entry.slug}@1.1.0",
            "/searches/",
            "/publish/",
            "/publish/use/",
            "/publish/new/",
            "/discussions/",
            discussion.get_absolute_url(),
            "/tokens/",
            "/notices/",
            "/notices/channels/",
            "/notices/mail/",
            "/notices/calendar/",
            f"{publish}/risk/",
            f"{publish}/card/?section=fairness",
            f"{publish}/card/import/",
            f"{publish}/card/preview/",
            f"{publish}/submit/",
            f"/publish/{entry.slug}/1.2.0/interface/",
            f"{model}versions/1.2.0/changes/",
            f"{model}versions/1.1.0/checks/",
            f"{model}versions/1.1.0/checks/health/waiver/",
            waiver.get_absolute_url(),
        ],
        "maya": [
            model,
            f"{model}health/",
            "/demand/",
            f"{model}api/",
            "/docs/clients/",
            f"{model}try/",
            f"{model}evidence/",
            f"{model}usage/",
            "/usage/",
            "/usage/limits/",
            "/usage/calls/",
            "/webhooks/",
            made.webhook()[0].get_absolute_url(),
            "/access/",
            "/collections/",
            collection.get_absolute_url(),
            "/search-records/",
            "/search-records/new/",
            searched.get_absolute_url(),
            "/needs/",
            "/needs/new/",
            need.get_absolute_url(),
            f"{model}ratings/",
            f"{model}discussion/",
            f"{model}discussion/new/",
            discussion.get_absolute_url(),
            f"{end}/board/",
            held.application.get_absolute_url(),
            "/",
            f"{model}subscribe/",
            f"{model}subscribe/?step=use",
            f"/keys/{key.kid}/revoke/",
            f"/keys/{key.kid}/rotate/",
            f"/subscriptions/{held.pk}/confirm/",
            graver.use_reviews.get().get_absolute_url(),
            graver.application.get_absolute_url(),
            spreading.get_absolute_url(),
            f"/subscriptions/{held.pk}/move/",
            f"/subscriptions/{held.pk}/plan/",
            f"/subscriptions/{held.pk}/examples/",
        ],
        "rita": [
            "/curation/",
            f"/curation/{finding.pk}/?act=dismiss",
            "/demand/",
            f"/demand/{gap.pk}/",
            "/quality-reviews/",
            curating.quality_review(live).get_absolute_url(),
            f"{model}succession/",
            collection.get_absolute_url(),
            "/collections/new/",
            "/reviews/",
            f"/reviews/{review.pk}/",
            f"/reviews/{review.pk}/hand-over/",
            "/reviews/away/",
            condition.get_absolute_url(),
            f"{model}versions/1.1.0/threads/",
            "/operations/",
            "/insights/",
            "/insights/metrics/time-to-integrate/",
            "/insights/inventory/",
            "/insights/inventory/coverage/",
            "/insights/inventory/campaigns/",
            "/insights/inventory/campaigns/new/",
            "/announcements/",
            "/announcements/new/",
            adoption.announcement().get_absolute_url(),
            "/following/",
            "/stories/",
            "/stories/new/",
            "/insights/contributions/",
            "/insights/rollout/",
            "/insights/spotlights/",
            told.get_absolute_url(),
            "/events/",
            "/events/new/",
            event.get_absolute_url(),
            f"{event.get_absolute_url()}attendance/",
            "/insights/inventory/import/",
            production_model.get_absolute_url(),
            adoption.campaign(production_model).get_absolute_url(),
            adoption.inventory_import("name,colour\na,b\n").get_absolute_url(),
            "/audit/",
            "/roles/",
            factories.role_change().get_absolute_url(),
            "/policies/",
            "/controls/",
            "/vocabularies/domains/",
            "/same-purpose/",
            factories.case(entry).get_absolute_url(),
            "/policies/periods/",
            "/policies/review_matrix/",
            factories.policy_change().get_absolute_url(),
        ],
        "cleo": ["/"],
        "finn": ["/"],
        "gus": ["/policies/review_matrix/propose/"],
        "ada": organisation(entry.owner_team),
        "mira": unreviewed(),
    }


def unreviewed():
    """A high-risk version whose approval has ended: its page, the re-review, and putting off its suspension."""
    factories.mira()
    version = factories.published_version(factories.model(name="Unreviewed model"), tier="high")
    now = timezone.now()
    type(version).objects.filter(pk=version.pk).update(
        approved_until=now - timedelta(days=9), suspends_at=now + timedelta(days=21)
    )
    address = f"{version.model.get_absolute_url()}versions/{version.number}"
    return [version.model.get_absolute_url(), f"{address}/renew/", f"{address}/extend/"]


def organisation(team):
    """Pages of units, teams and people, with a request to join and a planned move."""
    alice, bob = factories.alice(), factories.bob()
    alice.memberships.update(role="lead")
    asked = joining.ask_to_join(factories.charlie(), team, "I work on loans.")
    unit, there = team.business_unit, factories.maya().teams().get().business_unit
    day = timezone.now().date() + timedelta(days=30)
    moves.schedule_move(
        factories.ada(), team, unit=there, begins_on=day, reason="It was handed over in spring."
    )
    own = team.get_absolute_url()
    ends = bob.memberships.get().pk
    return [
        "/teams/",
        "/teams/?q=nobody",
        "/teams/new/",
        "/teams/join/",
        own,
        f"{own}settings/",
        f"{factories.mortgage().get_absolute_url()}unit/",
        f"{own}members/{ends}/end/",
        asked.get_absolute_url(),
        "/units/",
        unit.get_absolute_url(),
        f"{unit.get_absolute_url()}archive/",
        "/people/",
        "/people/new/",
        "/people/import/",
        f"/people/{alice.pk}/",
        f"/people/{alice.pk}/deactivate/",
    ]


def signed_in(chromium, live_server, client, username):
    """A browser context in which nothing moves: colours change at once."""
    client.force_login(getattr(factories, username)())
    context = chromium.new_context(reduced_motion="reduce")
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    return context


def seen_as(page, scheme, width):
    """What is wrong with a loaded page in this look."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(VIOLATIONS)
    wrong = [f"{one['id']}: {one['html'][:120]}" for one in found if one["impact"] in GRAVE]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append("runs off the side")
    return [f"{page.url}, {scheme}, {width} px: {one}" for one in wrong]


@pytest.mark.slow
@pytest.mark.parametrize("looks", LOOKS)
def test_every_page(chromium, live_server, client, addresses, looks):
    assert wrong_with(chromium, live_server, client, addresses, looks) == []


def test_main_pages(chromium, live_server, client):
    """A list, a page of facts, a chart, a form, a table and a dashboard, wide in light colours and on a phone in dark ones."""
    held = factories.subscription()
    model, judged = held.model.get_absolute_url(), factories.in_review_version(held.model, "1.1.0")
    addresses = {
        "alice": ["/models/?q=income&view=cards", f"/publish/{held.model.slug}/1.1.0/submit/"],
        "maya": ["/", model, f"{model}try/", "/usage/"],
        "rita": [f"/reviews/{judged.reviews.get(kind='curation').pk}/"],
        "cleo": ["/"],
    }
    assert wrong_with(chromium, live_server, client, addresses, LOOKS[0].values[0]) == []


def wrong_with(chromium, live_server, client, addresses, looks):
    """What is wrong with these pages, as these people, in these looks."""
    wrong = []
    for username, paths in addresses.items():
        context = signed_in(chromium, live_server, client, username)
        page = context.new_page()
        page.on(
            "console",
            lambda message, kept=wrong: message.type == "error" and kept.append(message.text),
        )
        for path in paths:
            assert page.goto(live_server.url + path).status == 200, path
            wrong += [one for scheme, width in looks for one in seen_as(page, scheme, width)]
        context.close()
    return wrong
