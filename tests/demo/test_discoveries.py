"""How the demo company's teams found their models, and the figures that follow."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import ModelView, SearchLog
from consumption.models import Subscription
from marketplace.demo.company import discoveries
from marketplace.insights.models import MetricValue
from tests import factories

pytestmark = pytest.mark.django_db


def test_looks_come_before_the_request_and_once(monkeypatch):
    held = factories.subscription()
    asked = timezone.now() - timedelta(days=40)
    Subscription.objects.filter(pk=held.pk).update(requested_at=asked)
    searches = (("maya", "income of an applicant", 60, True), ("maya", "zxqv", 3, False))
    monkeypatch.setattr(discoveries, "SEARCHES", searches)
    for _ in range(2):
        discoveries.build_discoveries()
    looks = sorted(ModelView.objects.values_list("day", flat=True))
    assert len(looks) == 2  # one of the search that was opened, one before the request
    assert all(
        1 <= (asked.date() - day).days <= 9
        for day in looks
        if day != (timezone.now() - timedelta(days=60)).date()
    )
    logged = SearchLog.objects.order_by("day").values_list("query", "results", "was_clicked")
    assert list(logged) == [("income of an applicant", 1, True), ("zxqv", 0, False)]
    assert MetricValue.objects.filter(metric="search-success").exists()
