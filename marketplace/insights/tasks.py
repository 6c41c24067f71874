"""Background work of insights."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from catalog import discovery_log
from marketplace.insights.announcements import actions as announcements
from marketplace.insights.curation import sweep
from marketplace.insights.demand import count
from marketplace.insights.digest import weekly
from marketplace.insights.events import actions as events
from marketplace.insights.inventory import campaigns
from marketplace.insights.ledger import posting
from marketplace.insights.metrics import rollup
from marketplace.insights.quality import schedule
from marketplace.insights.spotlight import actions as spotlight

LATELY = timedelta(hours=5)  # a restart of the clock counts nothing twice


@shared_task(name="insights.count_metrics", statement_s=240)
def count_metrics() -> None:
    """Count the success metrics of the running quarter, and of past ones that are not fixed; forget old looks and searches."""
    now = timezone.now()
    rollup.count_due(now, again_after=LATELY)
    discovery_log.forget_old(now.date())


@shared_task(name="insights.sweep_ledger", statement_s=240)
def sweep_ledger() -> None:
    """Post the uses that qualify, and take back those that stopped."""
    posting.sweep()


@shared_task(name="insights.sweep_curation", time_limit=900, statement_s=120)
def sweep_curation() -> None:
    """What is to be looked at in the catalog; nightly, and again when the night's run was lost."""
    sweep.sweep()


@shared_task(name="insights.count_demand", time_limit=600, statement_s=120)
def count_demand() -> None:
    """What was searched for in vain, nightly."""
    count.count()


@shared_task(name="insights.plan_quality_reviews", time_limit=300, statement_s=60)
def plan_quality_reviews() -> None:
    """The reviews of the running quarter, who has them, and which models are on quality watch; nightly."""
    schedule.plan()


@shared_task(name="insights.sweep_campaigns", time_limit=120)
def sweep_campaigns() -> None:
    """Remind the owners of campaigns, and close what is reached or over."""
    campaigns.sweep(timezone.localdate())


@shared_task(name="insights.sweep_announcements", time_limit=120)
def sweep_announcements() -> None:
    """Show announcements that are due, end those that are over."""
    announcements.sweep(timezone.now())


@shared_task(name="insights.sweep_events", time_limit=120)
def sweep_events() -> None:
    """Remind who comes a day ahead, and close events that are over."""
    events.sweep(timezone.now())


@shared_task(name="insights.propose_spotlights", time_limit=120)
def propose_spotlights() -> None:
    """Propose models for the start page, and end what was shown long enough."""
    spotlight.sweep(timezone.localdate())


@shared_task(name="insights.tell_followers", time_limit=280)
def tell_followers() -> None:
    """The weekly digest of those who follow domains and collections."""
    weekly.sweep(timezone.now())
