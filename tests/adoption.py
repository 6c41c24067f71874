"""Rows of adoption: the inventory, announcements, events, stories; for tests that are not about them."""

from datetime import timedelta

from django.utils import timezone

from marketplace.insights.announcements import actions as announcing
from marketplace.insights.events import actions as planning
from marketplace.insights.inventory import actions, campaigns, imports
from marketplace.insights.models import Spotlight
from marketplace.insights.stories import actions as telling
from tests import factories

CSV = "name,business_unit,owner_team\nNew model,{unit},{team}\n"


def production_model(name="Old scorecard", **facts):
    """Of the lending team, missing in the catalog."""
    team = factories.lending()
    facts = {"business_unit": team.business_unit, "owner_team": team} | facts
    return actions.add(factories.rita(), name=name, **facts)


def inventory_import(text=None, kind="csv", **given):
    team = factories.lending()
    text = text or CSV.format(unit=team.business_unit.slug, team=team.slug)
    return imports.keep(factories.rita(), kind=kind, text=text, **given)


def campaign(*entries, days=30, title="Publish what runs"):
    until = timezone.localdate() + timedelta(days=days)
    return campaigns.start(factories.rita(), title=title, until=until, models=entries)


def announcement(by=None, **facts):
    """A draft for everybody, to be shown from now on for a week."""
    now = timezone.now()
    facts = {
        "title": "Three new models",
        "text": "See https://models.example.com for more.",
        "audience": "everybody",
        "shown_from": now,
        "shown_until": now + timedelta(days=7),
    } | facts
    return announcing.write(by or factories.rita(), **facts)


def story(held=None, by=None, **texts):
    """A draft about the model of a subscription, by its team."""
    held = held or factories.subscription(factories.published_version())
    texts = {
        "title": "Two weeks, not six months",
        "problem": "We could not verify incomes.",
        "before": "A clerk read three statements for each applicant.",
        "after": "The model answers while the applicant waits.",
    } | texts
    team = held.application.team
    return telling.write(by or factories.maya(), model=held.model, team=team, **texts)


def event(**facts):
    """In ten days, an hour long."""
    begins = timezone.now() + timedelta(days=10)
    facts = {
        "title": "Demo day",
        "text": "Lending shows its income model.",
        "starts_at": begins,
        "ends_at": begins + timedelta(hours=1),
        "place": "Room 4",
    } | facts
    return planning.plan(factories.rita(), **facts)


def published_story(held, by, **texts):
    told = telling.submit(by, story(held, by, **texts))
    return telling.publish(factories.rita(), told, "It is true, and short enough to read.")


def spotlight(model):
    """Proposed because it is new."""
    return Spotlight.objects.create(
        model=model, rule=Spotlight.Rule.NEW, key=f"new:{model.pk}", why="New, and healthy"
    )
