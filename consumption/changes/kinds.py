"""What each kind of ScheduledChange takes away: from whom, what is done when it is announced, withdrawn and due, and how it reads.

Kinds about what runs and about versions belong to hosting and publishing, which register theirs when they start (`register`).
"""

from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.text import capfirst

from catalog.actions import change_visibility
from catalog.models import RegisteredModel
from consumption.models import Plan, PlanTerms, ScheduledChange, Subscription
from consumption.permissions import can_change
from consumption.plans import pricing, terms
from consumption.subscribing.actions.access import close_subscription
from governance.policies import change_notice_days
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core import field_limits
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.invalidation import invalidate
from marketplace.core.money import show_amount
from marketplace.core.templatetags.formatting import quantity

KINDS = {}


def register(kind, behaviour):
    """Say how changes of a ScheduledChange.Kind behave."""
    KINDS[kind] = behaviour


def first_start(days=None):
    """The first moment from which a change that is confirmed now may hold: the UTC midnight after the notice.

    days  the notice; by default policies.change_notice_days. Without a notice it is now.
    """
    now, days = timezone.now(), change_notice_days() if days is None else days
    if not days:
        return now
    day = (now + timedelta(days=days + 1)).astimezone(UTC).date()
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class Kind:
    """How one kind of change behaves. A change that takes nothing from anybody begins at once."""

    title = ""
    notice_kind = "change"  # of the notices to those from whom it takes something
    latest = timedelta(days=730)  # it begins at most so long after the notice; None: at any time
    begins_by_clock = True  # False: its app begins it, when more than the time has come

    def notice_days(self, change):
        """How long those who are affected have notice, from the confirmation on."""
        return change_notice_days()

    def may_propose(self, user, change):
        return can_change(user, change.model)

    def before(self, change):
        """What it is now: plain JSON."""
        return {}

    def check(self, change):
        """Bring `change.after` into its usual form. Raises Invalid, RuleError."""

    def takes_away(self, change):
        return True

    def subscriptions(self, change):
        """From whom it takes something: a queryset."""
        raise NotImplementedError

    def concerns(self, change, subscription):
        """Is the announced change shown to this subscription?"""
        return subscription.pk in {row["subscription"] for row in change.affected}

    def announce(self, by, change):
        """What is done when the second person has confirmed. By default nothing: all stays as it is until the notice has run."""

    def retract(self, by, change):
        """Undo `announce`."""

    def apply(self, by, change):
        """What is done when the notice has run."""

    def differences(self, change):
        """What changes, in words: [terms.Difference]."""
        raise NotImplementedError

    def headline(self, change):
        """One line for a notice, without a full stop."""
        raise NotImplementedError

    def cost_then(self, change, affected):
        """What an Affected's calls of thirty days would cost then; None where no price changes."""
        return

    def consequence(self, change, affected):
        """What it means for one Affected, in a sentence or two."""
        raise NotImplementedError


class NewTerms(Kind):
    """Another price, other limits of a plan. Better ones need neither a notice nor a second person; mixed ones are worse."""

    title = "New terms of a plan"

    def before(self, change):
        return terms.values(change.plan)

    def check(self, change):
        after = change.before | change.after
        field_limits.require(
            PlanTerms(plan=change.plan, effective_from=change.effective_from, **after)
        )
        change.after = terms.completed(change.before, change.after)
        if change.after == change.before:
            raise Invalid("Nothing differs from the terms in force.", field="price")

    def takes_away(self, change):
        return terms.is_worse(change.before, change.after)

    def subscriptions(self, change):
        return change.plan.subscriptions.all()

    def concerns(self, change, subscription):
        return subscription.plan_id == change.plan_id

    def announce(self, by, change):
        """The terms are written down with their start: from then on calls are valued by them, whatever happens to the sweep."""
        change.effective_from = terms.write(
            by, change.plan, change.after, change.effective_from
        ).effective_from

    def retract(self, by, change):
        change.plan.terms.filter(effective_from=change.effective_from).delete()

    def apply(self, by, change):
        terms.begin(by, change.plan, change.after)

    def differences(self, change):
        return terms.differences(change.before, change.after, change.plan.currency)

    def headline(self, change):
        return f"the {change.plan} plan of {change.model} changes"

    def cost_then(self, change, affected):
        before, after = pricing.Price.of(change.before), pricing.Price.of(change.after)
        return None if before == after else affected.cost_at(after)

    def consequence(self, change, affected):
        before, after = pricing.Price.of(change.before), pricing.Price.of(change.after)
        if before == after:
            return f"You made {quantity(affected.calls, 'call,calls')} in the last 30 days."
        old, new = affected.cost_at(before), affected.cost_at(after)
        currency = change.plan.currency
        billed = quantity(affected.units, "billed call,billed calls")
        return (
            f"Your {billed} of the last 30 days cost {show_amount(old, currency)} at the old price "
            f"and {show_amount(new, currency)} at the new one: "
            f"{show_amount(abs(new - old), currency)} {'more' if new > old else 'less'}."
        )


class PlanWithdrawal(Kind):
    """A plan ends: nobody new takes it from the announcement on, and who has it goes on until it is due."""

    title = "End of a plan"

    def before(self, change):
        return {"is_offered": change.plan.is_offered}

    def check(self, change):
        change.after = {"is_offered": False}

    def subscriptions(self, change):
        return change.plan.subscriptions.all()

    def concerns(self, change, subscription):
        return subscription.plan_id == change.plan_id

    def announce(self, by, change):
        Plan.objects.filter(pk=change.plan_id).update(is_offered=False)

    def retract(self, by, change):
        Plan.objects.filter(pk=change.plan_id).update(is_offered=change.before["is_offered"])

    def apply(self, by, change):
        _end_all(by, self.subscriptions(change), change)

    def differences(self, change):
        return [terms.Difference("Plan", "offered", "no longer there", True)]

    def headline(self, change):
        return f"the {change.plan} plan of {change.model} ends"

    def consequence(self, change, affected):
        return (
            "Your subscription goes on until then, and ends with its keys. "
            f"Move it to another plan before: {change.model.get_absolute_url()}plans/"
        )


class NarrowerVisibility(Kind):
    """Fewer may use a model. `after`: {"visibility", "units": [slug], "teams": [slug]}."""

    title = "Fewer teams may use the model"

    def before(self, change):
        model = change.model
        return _who(model.visibility, model.visible_units.all(), model.visible_teams.all())

    def check(self, change):
        after = change.after
        change.after = _who(
            after["visibility"],
            BusinessUnit.objects.filter(slug__in=after["units"]),
            Team.objects.filter(slug__in=after["teams"]),
        )
        if change.after == change.before:
            raise Invalid("Nothing differs from who may use it now.", field="visibility")

    def subscriptions(self, change):
        """Those of teams that could not subscribe any more."""
        visibility = change.after["visibility"]
        of_model = Subscription.objects.filter(model=change.model)
        if visibility == RegisteredModel.Visibility.ENTERPRISE:
            return of_model.none()
        may = Q(application__team=change.model.owner_team_id)
        if visibility == RegisteredModel.Visibility.BUSINESS_UNITS:
            may |= Q(application__team__business_unit__slug__in=change.after["units"])
        else:
            may |= Q(application__team__slug__in=change.after["teams"])
        return of_model.exclude(may)

    def apply(self, by, change):
        change_visibility(
            by,
            change.model,
            change.after["visibility"],
            units=BusinessUnit.objects.filter(slug__in=change.after["units"]),
            teams=Team.objects.filter(slug__in=change.after["teams"]),
        )
        _end_all(by, self.subscriptions(change), change)

    def differences(self, change):
        before, after = self._words(change.before), self._words(change.after)
        return [terms.Difference("May use it", before, after, True)]

    def headline(self, change):
        return f"{change.model} will be for fewer teams"

    def consequence(self, change, affected):
        return (
            f"{affected.subscription.application.team} will not be among them: "
            "your subscription goes on until then, and ends with its keys."
        )

    def _words(self, who):
        visibility = RegisteredModel.Visibility(who["visibility"])
        if visibility == RegisteredModel.Visibility.ENTERPRISE:
            return visibility.label.lower()
        return ", ".join(who["names"]) or "its own team alone"


class SubscriptionEnd(Kind):
    """The publisher ends one subscription: it goes on until the notice has run, then ends with its keys."""

    title = "End of a subscription"

    def before(self, change):
        return {"state": change.subscription.state}

    def check(self, change):
        if change.subscription.state not in (
            Subscription.State.ACTIVE,
            Subscription.State.PAUSED,
        ):
            state = change.subscription.get_state_display().lower()
            raise RuleError(
                f"{change.subscription} is {state}: there is nothing to end.",
                field="subscription",
                remedy="A request that waits is approved or denied.",
            )
        change.after = {"state": Subscription.State.CLOSED.value}

    def subscriptions(self, change):
        return Subscription.objects.filter(pk=change.subscription_id)

    def concerns(self, change, subscription):
        return subscription.pk == change.subscription_id

    def apply(self, by, change):
        _end_all(by, self.subscriptions(change), change)

    def differences(self, change):
        state = Subscription.State(change.before["state"])
        return [terms.Difference("Subscription", state.label.lower(), "ended", True)]

    def headline(self, change):
        return f"its subscription to {change.model} ends"

    def consequence(self, change, affected):
        return (
            "Your subscription goes on until then, and ends with its keys. "
            f"{change.model.owner_team} answers questions: {change.model.support_contact}."
        )


def _who(visibility, units, teams):
    """Who may use a model, as plain JSON; the names of those that count are for reading."""
    counting = {
        RegisteredModel.Visibility.BUSINESS_UNITS: units,
        RegisteredModel.Visibility.RESTRICTED: teams,
    }.get(visibility, ())
    return {
        "visibility": visibility,
        "units": sorted(unit.slug for unit in units),
        "teams": sorted(team.slug for team in teams),
        "names": sorted(group.name for group in counting),
    }


def _end_all(by, subscriptions, change):
    """What was announced: the subscriptions end with their keys, and their people are told."""
    for subscription in subscriptions.open().for_list():
        close_subscription(
            by,
            subscription,
            f"{capfirst(change.get_kind_display())}, announced before. {change.reason}",
        )
        invalidate("subscription", subscription=subscription.pk)


register(ScheduledChange.Kind.TERMS, NewTerms())
register(ScheduledChange.Kind.WITHDRAWAL, PlanWithdrawal())
register(ScheduledChange.Kind.VISIBILITY, NarrowerVisibility())
register(ScheduledChange.Kind.SUBSCRIPTION, SubscriptionEnd())
SYSTEM = "changes"


def system():
    """Who acts when a notice has run."""
    return User.objects.system(SYSTEM)
