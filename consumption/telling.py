"""Telling a team about one of its subscriptions."""

from consumption.models import Subscription
from marketplace.accounts.models import User
from marketplace.notices.actions import notify


def tell_team(
    subscription: Subscription, title: str, *, key: str, body: str = "", kind: str = "subscription"
) -> None:
    """A notice to the people of the application's team, and an event to its webhooks. `key` names the occasion, as in `notify`."""
    team = subscription.application.team
    notify(
        User.objects.on_teams([team]),
        kind,
        title,
        body=body,
        url=subscription.get_absolute_url(),
        key=key,
        teams=[team],
        model=subscription.model.slug,
        application=subscription.application.slug,
    )
