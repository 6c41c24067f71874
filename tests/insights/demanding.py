"""What tests of demand are about: searches in vain on chosen days."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from catalog.models import SearchLog
from marketplace.insights.demand.count import count
from marketplace.insights.models import DemandGap

LONG = "Several teams look for it, and nothing in the catalog does it."


def searched(text, team, days_ago=0, results=0, clicked=False):
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    return SearchLog.objects.create(
        query=text, team=team, day=day, results=results, was_clicked=clicked
    )


def counted():
    count()
    return DemandGap.objects.order_by("pk")


def gap(*teams, title="Forged payslips", **facts):
    """A gap that nobody took up."""
    today = timezone.localdate()
    given = {
        "words": ["forg", "payslip"],
        "queries": ["forged payslips"],
        "team_ids": [team.pk for team in teams],
        "teams": len(teams),
        "searches": 4,
        "score": 10.0,
        "first_on": today,
        "last_on": today,
    }
    return DemandGap.objects.create(title=title, **given | facts)
