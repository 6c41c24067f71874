"""How the demo company's teams found the models that they use: looks before they asked for access, and what they searched for.

Written through the portal's own verbs under the demo clock, then the metrics are counted. May run twice: a day's row is written once.
"""

from __future__ import annotations

from datetime import timedelta
from zlib import crc32

from django.utils import timezone

from catalog import discovery_log, search
from catalog.models import ModelView, RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import User
from marketplace.insights.metrics import rollup

from . import clock
from .submissions import person

# Who searched for what, how many days ago, and whether a result was opened.
SEARCHES: tuple[tuple[str, str, int, bool], ...] = (
    ("maya", "verify income from payslips", 70, True),
    ("maya", "income verification", 69, True),
    ("uma", "affordability of a loan", 64, True),
    ("uma", "probability of default", 63, True),
    ("wendy", "income of a client", 58, True),
    ("wendy", "portfolio suitability", 57, True),
    ("walt", "which clients leave", 52, True),
    ("xenia", "documents of a new client", 50, False),
    ("quinn", "motor claims triage", 47, True),
    ("quinn", "fraud in motor claims", 46, True),
    ("petra", "property valuation", 44, True),
    ("petra", "flood risk of an address", 43, False),
    ("zoe", "customers who leave", 40, True),
    ("zoe", "next best offer", 39, True),
    ("pavel", "income of a sole trader", 33, True),
    ("bettina", "prepayment of mortgages", 31, True),
    ("tara", "rank money laundering alerts", 29, True),
    ("ursula", "route complaints", 27, True),
    ("ursula", "how many calls tomorrow", 26, True),
    ("maya", "property valuation", 24, True),
    ("petra", "roof age from aerial photos", 21, False),
    ("quinn", "damage from photos", 18, False),
    ("xenia", "zxqv identity", 15, False),
    ("wendy", "retirement income projection", 12, False),
    ("uma", "thin file score", 9, True),
    ("zoe", "hardship plan", 6, True),
    ("pavel", "income verification", 5, True),
    ("maya", "seasonal income", 3, True),
)


def build_discoveries() -> None:
    """Looks and searches of the past, and the metrics of the quarters so far."""
    for held in Subscription.objects.select_related("application__team", "model", "requested_by"):
        _looked(held)
    for username, text, days_ago, opened in SEARCHES:
        with clock.at(clock.ago(days=days_ago)):
            _searched(person(username), text, opened)
    rollup.count_due(timezone.now())


def _looked(held: Subscription) -> None:
    """One to nine days before the request, the same at every build; not again where the team has looked before."""
    team = held.application.team
    if ModelView.objects.filter(
        team=team, model=held.model, day__lte=held.requested_at.date()
    ).exists():
        return
    days = 1 + crc32(f"{held.application.slug}/{held.model.slug}".encode()) % 9
    with clock.at(held.requested_at - timedelta(days=days)):
        discovery_log.keep_view(held.requested_by, held.model)


def _searched(by: User, text: str, opened: bool) -> None:
    found = search.find(by, search.Asked(text=text))
    discovery_log.keep_search(by, text, found.total)
    first: RegisteredModel | None = next((hit.model for hit in found.page("1").object_list), None)
    if opened and first:
        discovery_log.keep_view(by, first, f"/models/?q={text.replace(' ', '+')}")
