"""Issue 9, line 8: whoever may not see a model finds no trace of it: no page, list, count, suggestion or refusal differs."""

import json
import re
from difflib import ndiff

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog import neighbours, search
from catalog.models import RegisteredModel
from consumption.models import PlanTerms, UsageDay
from hosting.models import Deployment, HealthSample, Incident
from marketplace.insights.metrics import rollup
from marketplace.insights.models import ProductionModel
from marketplace.insights.start_page import figures
from tests import factories
from tests.tiers import only

pytestmark = pytest.mark.django_db
ADDRESSES = [
    "/",
    "/insights/",
    "/insights/metrics/published-models/",
    "/insights/metrics/units-with-ai/?as=csv",
    "/models/",
    "/models/?q=zephyr",
    "/models/?q=income",
    "/models/?q=zephir%20income",
    "/models/?domain=consumer-lending",
    "/models/?sort=-created_at",
    "/models/income-check/",
    "/models/income-check/versions/",
    "/models/income-check/usage/",
    "/models/zephyr-income/",
    "/publish/",
    reverse("publishing:register"),
    "/publish/similar/?name=Zephyr+income&summary=Estimates+the+monthly+income",
    "/access/",
    "/usage/",
    "/reviews/",
    "/notices/",
    "/api/v1/models/",
    "/api/v1/models/?q=zephyr",
    "/api/v1/models/zephyr-income/",
    "/api/v1/versions/",
    "/api/v1/versions/?model=zephyr-income",
    "/api/v1/plans/",
    "/api/v1/deployments/",
    "/api/v1/incidents/",
    "/api/v1/health-samples/",
    "/api/v1/usage/",
    "/api/v1/subscriptions/",
    "/api/v1/reviews/",
    "/api/v1/audit-events/",
    "/api/v1/notices/",
    "/api/v1/metrics/",
    "/api/v1/metrics/published-models/rows/",
]
CHANGING = re.compile(
    r'csrfmiddlewaretoken" value="[^"]+"|(?i:X-CSRFToken)[^}]*|urn:request:[0-9a-f]+|[0-9a-f]{32}|\d\d:\d\d(:\d\d)?(\.\d+)?'
)


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def seen_by(client):
    """{address: (status, text)} without what changes with every request."""
    answers = {address: client.get(address) for address in ADDRESSES}
    return {
        address: (answer.status_code, CHANGING.sub("", answer.content.decode()))
        for address, answer in answers.items()
    }


def differences(before, after):
    """The lines that are not in both."""
    return [
        line
        for line in ndiff(*(f"{status}\n{text}".splitlines() for status, text in (before, after)))
        if line[0] in "+-"
    ]


def used(version, person, team):
    """A subscription of another unit that called the version today."""
    held = factories.subscription(
        version, by=person, app=factories.application(person, team, name="Advice")
    )
    UsageDay.objects.create(
        day=timezone.now().date(),
        subscription=held,
        version=version,
        team=team,
        business_unit=team.business_unit,
        terms=PlanTerms.objects.filter(plan=held.plan).first(),
        calls=9,
        ok=9,
        client_errors=0,
        upstream_errors=0,
        aborted=0,
        unknown=0,
        units=9,
        cost=0,
        duration_us=9,
    )


def settle():
    while neighbours.refresh_due(5):
        pass
    rollup.count_due(timezone.now())


@pytest.mark.parametrize("visibility", only(("restricted", "business_units"), "restricted"))
def test_a_hidden_model_leaves_no_trace(visibility):
    summary = "Estimates the monthly income of an applicant from account credits."
    first = factories.published_version(factories.model(name="Income check", summary=summary))
    factories.subscription(first)
    nina = factories.person("nina", factories.wealth())
    maya = signed_in(factories.maya())
    seen_by(maya)  # what she searches for is counted, too: once a day
    settle()
    before = seen_by(maya)
    hidden = factories.published_version(
        factories.model(
            name="Zephyr income",
            summary=summary,
            visibility=visibility,
            visible_teams=[factories.wealth()],
            visible_units=[factories.wealth().business_unit],
        )
    )
    used(hidden, nina, factories.wealth())
    Deployment.objects.create(version=hidden, app_name="zephyr", state="ready")
    Incident.objects.create(version=hidden, summary="It does not answer.")
    HealthSample.objects.create(version=hidden, is_ok=False)
    ProductionModel.objects.create(
        name="Old income model", business_unit=factories.lending().business_unit
    )
    settle()
    inventory = seen_by(maya)["/insights/"]
    ProductionModel.objects.update(published_as=hidden.model)
    after = seen_by(maya)
    assert differences(inventory, after["/insights/"]) == []
    assert {
        address: found
        for address in ADDRESSES
        if address != "/insights/" and (found := differences(before[address], after[address]))
    } == {}
    assert all(
        "zephyr" not in text.lower().replace("q=zephyr", "")
        for address, (_, text) in after.items()
        if "ephyr" not in address
    )


def test_figures_are_over_what_the_reader_sees():
    factories.published_version(factories.model(name="Income check"))
    hidden = factories.published_version(
        factories.model(name="Zephyr", visibility="restricted", visible_teams=[factories.wealth()])
    )
    nina = factories.person("nina", factories.wealth())
    used(hidden, nina, factories.wealth())
    few, many = figures.story(factories.maya()), figures.story(nina)
    assert (few.models, few.teams, few.calls_30d) == (1, 0, 0)
    assert (many.models, many.teams, many.calls_30d) == (2, 1, 9)
    assert figures.story(factories.vera()).models == 2
    RegisteredModel.objects.filter(pk=hidden.model.pk).update(visibility="enterprise")
    assert figures.story(factories.maya()).models == 2
    RegisteredModel.objects.filter(pk=hidden.model.pk).update(visibility="restricted")
    assert figures.story(factories.maya()).models == 1


def test_spelling_suggests_no_hidden_word():
    factories.published_version(factories.model(name="Income check"))
    factories.published_version(factories.model(name="Zephyrine", visibility="restricted"))
    once_open = factories.published_version(factories.model(name="Quetzal ranking")).model
    assert _understood(factories.maya(), "zephyrin quetzel incme") == "zephyrin quetzal income"
    RegisteredModel.objects.filter(pk=once_open.pk).update(visibility="restricted")
    assert _understood(factories.maya(), "quetzel") == ""
    assert _understood(factories.alice(), "zephyrinn") == "zephyrine"


def _understood(person, text):
    return search.find(person, search.Asked(text=text)).understood


def test_registering_is_told_of_no_hidden_model():
    factories.published_version(factories.model(name="Income check", visibility="restricted"))
    client = signed_in(factories.maya())
    facts = {
        "owner_team": factories.mortgage().slug,
        "name": "Income check",
        "summary": factories.listing()["summary"],
        "support_contact": "x@example.com",
    }
    words = {name: term.slug for name, term in factories.vocabulary().items()}
    answer = client.post(
        reverse("api:model-list"), json.dumps(facts | words), content_type="application/json"
    )
    assert (answer.status_code, answer.json()["slug"]) == (201, "income-check")
