"""What the marketplace's manager tells the demo company: announcements, a demo day, a success story, a campaign. By the verbs."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import Team
from marketplace.insights.announcements import actions as announcements
from marketplace.insights.events import actions as events
from marketplace.insights.following.actions import follow
from marketplace.insights.inventory import actions as inventory
from marketplace.insights.inventory import campaigns
from marketplace.insights.models import (
    Announcement,
    CompanyEvent,
    ProductionModel,
    PublicationCampaign,
    Story,
)
from marketplace.insights.spotlight import actions as spotlight
from marketplace.insights.stories import actions as stories

from . import clock
from . import inventory as listing
from .submissions import person

CURATOR = "mona"
EXCEPTED = "Mortality table model"
EXCEPTION = (
    "It is replaced by the group's actuarial platform in spring; nobody shall start to rely on it."
)
CAMPAIGN = "Wealth and insurance by the end of the quarter"
CAMPAIGN_UNITS = ("wealth-management", "insurance")
LIVE = ("income-verification", "mortgage-origination")


def tell() -> None:
    """All of it, once; what is there is left alone."""
    today = timezone.localdate()
    match_inventory()
    _except()
    _start_campaign()
    _announce()
    _plan_event()
    _tell_story()
    for name in ("maya", "wendy", "quinn"):
        income = RegisteredModel.objects.filter(slug=LIVE[0]).first()
        if income is not None:
            follow(person(name), domain=income.domain)
    spotlight.sweep(today)


def match_inventory() -> None:
    """The manager confirms which listings are the models of the inventory."""
    listed = RegisteredModel.objects.published()
    for name, _unit, _since, slug in listing.MODELS:
        entry = ProductionModel.objects.filter(name=name, published_as=None).first()
        model = listed.filter(slug=slug).first() if slug else None
        if entry is not None and model is not None:
            with clock.at(clock.ago(days=40)):
                inventory.match(person(CURATOR), entry, model)


def _except() -> None:
    entry = ProductionModel.objects.filter(name=EXCEPTED, exceptions=None).first()
    if entry is not None:
        until = timezone.localdate() + timedelta(days=120)
        inventory.grant_exception(person(CURATOR), entry, reason=EXCEPTION, until=until)


def _start_campaign() -> None:
    """Started three weeks ago, for what is still missing in two units; it has forty days left."""
    if PublicationCampaign.objects.filter(title=CAMPAIGN).exists():
        return
    today = timezone.localdate()
    missing = ProductionModel.objects.missing(RegisteredModel.objects.published(), today)
    wanted = list(missing.filter(business_unit__slug__in=CAMPAIGN_UNITS))
    with clock.at(clock.ago(days=21)):
        campaigns.start(
            person(CURATOR),
            title=CAMPAIGN,
            until=today + timedelta(days=40),
            models=wanted,
            text="Others look for these models and do not find them. Register yours; the card can be a draft at first.",
        )


def _announce() -> None:
    if Announcement.objects.exists():
        return
    with clock.at(clock.ago(days=3)):
        now = timezone.now()
        made = announcements.write(
            person(CURATOR),
            title="Search before you build: from this quarter on for every project",
            text="A project that needs a model searches first and records what it found. It takes ten minutes, "
            "and mortgage origination saved half a year that way. The record is on the page Needs.",
            audience="everybody",
            shown_from=now,
            shown_until=now + timedelta(days=28),
        )
        announcements.schedule(person(CURATOR), made)
    now = timezone.now()
    coming = announcements.write(
        person(CURATOR),
        title="Reviewers: new checklist for models that affect people",
        text="From next Monday the fairness review asks one more question.",
        audience="role",
        role="fairness_reviewer",
        shown_from=now + timedelta(days=4),
        shown_until=now + timedelta(days=18),
    )
    announcements.schedule(person(CURATOR), coming)


def _plan_event() -> None:
    """Two weeks ahead, at ten o'clock UTC."""
    if CompanyEvent.objects.exists():
        return
    begins = (timezone.now() + timedelta(days=14)).replace(
        hour=10, minute=0, second=0, microsecond=0
    )
    event = events.plan(
        person(CURATOR),
        title="Demo day: income, claims and fraud at work",
        text="Lending AI, Claims Analytics and Fraud Analytics show their models on live examples; bring your own rows.",
        starts_at=begins,
        ends_at=begins + timedelta(hours=2),
        place="Head office, auditorium",
        capacity=60,
    )
    for name in ("maya", "wendy", "quinn", "zoe", "xenia"):
        events.sign_up(person(name), event)


def _tell_story() -> None:
    """Mortgage on income verification: the person who is quoted agrees, the manager publishes."""
    model = RegisteredModel.objects.published().filter(slug=LIVE[0]).first()
    team = Team.objects.get(slug=LIVE[1])
    uses = Subscription.objects.filter(model=model, application__team=team)
    if model is None or Story.objects.exists() or not uses.exists():
        return
    with transaction.atomic(), clock.at(clock.ago(days=6)):
        story = stories.write(
            person("alice"),
            model=model,
            team=team,
            title="Income checked in seconds, live in two weeks",
            problem="Mortgage origination could not verify incomes of applicants with several employers without reading statements.",
            before="The team had planned six months and three people for a model of its own, with labels made by hand.",
            after="It found Lending AI's model in the catalog, tried it on its own rows, and ran on it two weeks later. "
            "Lending AI knows who depends on it, and told mortgage of the new version before it came.",
            quote="We meant to build this for six months. It ran in our platform in two weeks.",
            quoted_person=person("maya"),
        )
        stories.submit(person("alice"), story)
        stories.agree(person("maya"), story)
        stories.publish(
            person(CURATOR), story, "Mortgage and lending both confirm it, and it is dated."
        )
