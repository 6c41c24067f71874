"""Issue 9, line 2: usage is grouped by identity; labels are for reading, and tell two of one name apart."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.metering import usage
from consumption.models import Application, PlanTerms, UsageDay
from tests import factories

pytestmark = pytest.mark.django_db


def called(version, app, calls):
    held = factories.subscription(version, app=app, by=factories.member_of(app.team))
    UsageDay.objects.create(
        day=timezone.now().date(),
        subscription=held,
        version=version,
        team=app.team,
        business_unit=app.team.business_unit,
        terms=PlanTerms.objects.filter(plan=held.plan).first(),
        calls=calls,
        ok=calls,
        client_errors=0,
        upstream_errors=0,
        aborted=0,
        unknown=0,
        units=calls,
        cost=0,
        duration_us=1,
    )


@pytest.fixture
def twins():
    """Two models of one name, as there were before names had to differ, of two teams."""
    first = factories.published_version(factories.model(name="Income check"))
    nina = factories.person("nina", factories.wealth())
    second = factories.published_version(
        factories.model(by=nina, owner_team=factories.wealth(), name="Other")
    )
    RegisteredModel.objects.filter(pk=second.model_id).update(name="INCOME  check")
    return first, second


def test_two_models_of_one_name_are_two_rows(twins):
    for version, calls in zip(twins, (7, 5), strict=True):
        called(version, factories.application(), calls)
    rows = usage.by(usage.of_teams([factories.mortgage()]), usage.window("30d"), "model")
    assert [(row.label, row.counts["calls"]) for row in rows] == [
        ("Income check · Consumer lending AI", 7),
        ("INCOME  check · Wealth advice", 5),
    ]
    client = Client()
    client.force_login(factories.maya())
    page = client.get(reverse("consumption:usage")).content.decode()
    assert "Income check · Consumer lending AI" in page and "INCOME  check · Wealth advice" in page


def test_two_applications_of_one_name_are_two_rows(twins):
    nina = factories.member_of(factories.wealth())
    factories.maya()
    called(twins[0], factories.application(name="Advice"), 3)
    called(twins[0], factories.application(nina, factories.wealth(), name="Advice"), 2)
    assert Application.objects.filter(name="Advice").count() == 2
    rows = usage.by(usage.of_model(twins[0].model), usage.window("30d"), "application")
    assert [(row.label, row.counts["calls"]) for row in rows] == [
        ("Advice · Mortgage origination", 3),
        ("Advice · Wealth advice", 2),
    ]


def test_a_name_that_stands_alone_is_left_as_it_is(twins):
    called(twins[0], factories.application(), 3)
    assert [
        row.label for row in usage.by(usage.of_model(twins[0].model), usage.window("30d"), "model")
    ] == ["Income check"]
