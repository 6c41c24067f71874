"""Builders of versions that end, beside tests/factories.py."""

from datetime import timedelta

from django.utils import timezone

from consumption.changes import actions as changes
from publishing import actions
from tests import factories
from tests.snapshots import replayed

GUIDE = actions.GuideText(
    "It reads a year of credits instead of a quarter.",
    "Send the new field, then switch the version.",
    "Compare ten applicants; two per cent may differ.",
)


@replayed
def ending(entry=None, **app):
    """1.0.0 of a model, which maya's application calls, ends in 100 days; 2.0.0 takes over. Announced by alice and rita."""
    version = factories.published_version(entry)
    factories.subscription(version, app=factories.application(**app))
    successor = factories.published_version(version.model, "2.0.0")
    change = actions.deprecate(
        factories.alice(),
        version,
        sunset_at=timezone.now() + timedelta(days=100),
        reason=factories.REASON,
        successor=successor,
        guide=GUIDE,
        with_brownouts=True,
    )
    changes.confirm(factories.rita(), change)
    version.refresh_from_db()
    return version


def retirement_waiver(version, by=None):
    """Asked for by the owner team of a version that ends, for maya's application."""
    return actions.ask_retirement_waiver(
        by or factories.alice(),
        version,
        version.pinned_subscriptions.get(),
        factories.REASON,
        "They use their own table of incomes until autumn.",
        timezone.localdate() + timedelta(days=120),
    )
