"""The start pages of an executive (figures, and what is stuck, instead of what a consumer needs) and of finance."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consumption.models import ClosedMonth, Plan, Subscription
from governance.models import Review
from marketplace.insights.metrics import rollup
from marketplace.insights.metrics.scope import COMPANY, OPEN
from marketplace.insights.models import MetricValue, ProductionModel
from marketplace.insights.start_page import executive
from tests import factories
from tests.tiers import only

pytestmark = pytest.mark.django_db


def home(person):
    client = Client()
    client.force_login(person)
    return client.get(reverse("home")).content.decode()


def test_only_executives_start_with_figures():
    assert "What the marketplace brings" in home(factories.cleo())
    assert "What the marketplace brings" not in home(factories.maya())


def test_finance_reads_the_value_and_the_closed_months_beside_what_waits():
    ClosedMonth.objects.create(
        month=date(2026, 3, 1),
        closed_by=factories.finn(),
        line_count=2,
        totals={"USD": {"charged": "1453.94", "shown": "3.00"}},
        reconciled={},
        sha256="0" * 64,
    )
    page = home(factories.finn())
    assert "March 2026" in page and "1,453.94" in page and "What reuse saved in" in page
    assert "Closed months" not in home(factories.maya())


def test_before_the_first_count_it_says_so():
    page = home(factories.cleo())
    assert "the first count is still to come" in page and "Nothing waits for too long" in page


@pytest.mark.parametrize("step", only((6, 1), 6))
def test_while_the_first_count_is_under_way_the_pages_show_what_was_counted(step):
    factories.published_version()
    rollup.count_due(timezone.now())
    names = list(MetricValue.objects.values_list("metric", flat=True).distinct())
    reader = Client()
    reader.force_login(factories.cleo())
    pages = [reverse("home"), reverse("insights:insights")]
    pages += [reverse("insights:metric", args=[name]) for name in names]
    assert "units-with-ai" in names
    for count in range(0, len(names), step):
        MetricValue.objects.filter(metric__in=names[: count + 1]).delete()
        shown = pages if count == 0 else pages[:2]
        assert {reader.get(page).status_code for page in shown} == {200}, names[count]
    MetricValue.objects.all().delete()
    assert {reader.get(page).status_code for page in pages[::step]} == {200}


def test_targets_that_are_missed_lead_to_their_rows():
    version = factories.published_version()
    ProductionModel.objects.create(
        name="Income", business_unit=factories.lending().business_unit, published_as=version.model
    )
    ProductionModel.objects.create(
        name="Old score", business_unit=factories.lending().business_unit
    )
    rollup.count_due(timezone.now() + timedelta(days=2))
    page = home(factories.cleo())
    assert "Behind by 9 models" in page
    assert "missed or behind. Models that everyone in the company may see." in page
    assert "All business units and all models." in page
    assert reverse("insights:metric", args=["published-models"]) in page
    assert "1 of 2" in page


def test_what_is_stuck():
    version = factories.published_version()
    factories.plan(version.model, slug="production", approval=Plan.Approval.OWNER)
    held = factories.subscription(version, plan_slug="production")
    nothing = executive.stuck(OPEN)
    assert nothing.is_nothing
    Subscription.objects.filter(pk=held.pk).update(requested_at=timezone.now() - timedelta(days=20))
    judged = factories.in_review_version(version.model, "1.1.0")
    hidden = factories.in_review_version(factories.model(name="Not published yet"))
    Review.objects.filter(version__in=[judged, hidden]).update(
        due_at=timezone.now() - timedelta(hours=1)
    )
    rollup.count_due(timezone.now())
    found, everything = executive.stuck(OPEN), executive.stuck(COMPANY)
    assert (found.requests, found.late_count) == (1, 1)
    assert (found.late[0].days, found.late[0].model) == (20, version.model.name)
    assert found.late[0].next.startswith(f"Waits for {version.model.owner_team}")
    assert 0 < found.reviews < everything.reviews
    page = home(factories.cleo())
    assert "1 integration has been open for more than 14 days" in page
    assert "1 request for access has waited" in page
