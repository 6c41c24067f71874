"""The tabs of the insights pages: one list, shown by templates/insights/_tabs.html on each of them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from marketplace.accounts.models import User
from marketplace.core.links import Tab


def everybody(reader: User) -> bool:
    """Whoever is signed in may open the page."""
    return True


@dataclass(frozen=True)
class InsightsTab:
    """One page of insights: its label, the name of its route, and who may open it. Others do not see the tab."""

    label: str
    route: str
    may_open: Callable[[User], bool] = everybody


# In the order of the screen. A page adds its line here and includes insights/_tabs.html; pages below it keep its tab.
TABS = [
    InsightsTab("Value", "insights:value"),
    InsightsTab("Adoption", "insights:insights"),
    InsightsTab("Business case", "insights:business_cases"),
    InsightsTab("Inventory", "insights:inventory"),
    InsightsTab("Contributions", "insights:contributions"),
    InsightsTab("Rollout", "insights:rollout"),
]


def tabs_for(reader: User, path: str) -> list[Tab]:
    """What a reader may open. Current is the tab with the longest address that begins `path`."""
    shown = [(tab.label, reverse(tab.route)) for tab in TABS if tab.may_open(reader)]
    begun = [url for _, url in shown if path.startswith(url)]
    current = max(begun, key=len, default="")
    return [Tab(label, url, url == current) for label, url in shown]
