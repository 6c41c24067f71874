"""Waivers of retirement that wait for a decision stand in the review queue (docs/governance.md, "Retirement")."""

from collections.abc import Iterator

from governance import queue_items
from governance.queue_items import QueueItem
from marketplace.accounts.models import User
from publishing.models import RetirementWaiver

MOST = 50


def waiting_for(user: User) -> Iterator[QueueItem]:
    """Those that the person may decide, the first to end on top."""
    for waiver in RetirementWaiver.objects.to_decide(user).for_page()[:MOST]:
        ends = f"until {waiver.ends_on:%-d %B %Y}"
        yield QueueItem(str(waiver), waiver.get_absolute_url(), f"{ends}. {waiver.reason}")


queue_items.register(waiting_for)
