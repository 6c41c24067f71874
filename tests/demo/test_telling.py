"""Issue 14: what the demo company is told, and its inventory with owners, by the verbs and once."""

import pytest

from catalog.models import RegisteredModel
from marketplace.demo.company import inventory, journey, telling
from marketplace.demo.company.people import build_people
from marketplace.insights.inventory import coverage
from marketplace.insights.models import (
    Announcement,
    CompanyEvent,
    ProductionModel,
    PublicationCampaign,
    Story,
)

pytestmark = pytest.mark.django_db


def rows():
    kinds = (Announcement, CompanyEvent, ProductionModel, PublicationCampaign, Story)
    return [kind.objects.count() for kind in kinds]


def test_the_inventory_has_owners_and_everything_is_told_once():
    build_people()
    journey.build_inventory()
    assert ProductionModel.objects.count() == 34
    nobody = ProductionModel.objects.filter(owner_team=None).values_list("name", flat=True)
    assert set(nobody) == set(inventory.OF_NOBODY)
    telling.tell()
    before = rows()
    telling.tell()
    assert rows() == before == [2, 1, 34, 1, 0]
    missing = coverage.total(
        coverage.by_unit(
            RegisteredModel.objects.published(), PublicationCampaign.objects.get().until
        )
    )
    assert (missing.published, missing.excepted, missing.running) == (0, 1, 34)
