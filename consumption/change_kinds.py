"""What each kind of ScheduledChange takes away: from whom, what is done when it is announced, withdrawn and due, and how it reads."""

from django.db.models import Q
from django.utils.text import capfirst

from catalog.actions import change_visibility
from catalog.models import RegisteredModel
from consumption import actions, terms
from consumption.models import Plan, PlanTerms, Subscription
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.core import field_limits
from marketplace.core.errors import Invalid
from marketplace.core.invalidation import nudge
from marketplace.core.money import show_amount
from marketplace.core.templatetags.formatting import quantity


class NewTerms:
    """Another price, other limits of a plan. Better ones need neither a notice nor a second person; mixed ones are worse."""

    title = "New terms of a plan"

    def before(self, change):
        return terms.values(change.plan)

    def check(self, change):
        if change.after == change.before:
            raise Invalid("Nothing differs from the terms in force.", field="price")
        field_limits.require(
            PlanTerms(plan=change.plan, effective_from=change.effective_from, **change.after)
        )

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

    def cost_then(self, change, one):
        """What one Affected's calls of thirty days would cost on the new terms; None where the price stays."""
        price = change.after["price_micros_per_1000"]
        return None if price == change.before["price_micros_per_1000"] else one.cost_at(price)

    def consequence(self, change, one):
        """What it means for one Affected, in money where the price changes."""
        price, currency = change.after["price_micros_per_1000"], change.plan.currency
        if price == change.before["price_micros_per_1000"]:
            return f"You made {quantity(one.calls, 'call,calls')} in the last 30 days."
        old, new = one.cost_at(change.before["price_micros_per_1000"]), one.cost_at(price)
        return (
            f"Your {quantity(one.units, 'billed call,billed calls')} of the last 30 days cost {show_amount(old, currency)} at the old price and "
            f"{show_amount(new, currency)} at the new one: {show_amount(abs(new - old), currency)} {'more' if new > old else 'less'}."
        )


class _Ending:
    """A kind that changes no price."""

    def cost_then(self, change, one):
        return None


class PlanWithdrawal(_Ending):
    """A plan ends: nobody new takes it from the announcement on, and who has it goes on until it is due."""

    title = "End of a plan"

    def before(self, change):
        return {"is_offered": change.plan.is_offered}

    def check(self, change):
        change.after = {"is_offered": False}

    def takes_away(self, change):
        return True

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

    def consequence(self, change, one):
        return f"Your subscription goes on until then, and ends with its keys. Move it to another plan before: {change.model.get_absolute_url()}plans/"


class NarrowerVisibility(_Ending):
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

    def takes_away(self, change):
        return True

    def subscriptions(self, change):
        """Those of teams that could not subscribe any more."""
        visibility, held = (
            change.after["visibility"],
            Subscription.objects.filter(model=change.model),
        )
        if visibility == RegisteredModel.Visibility.ENTERPRISE:
            return held.none()
        may = Q(application__team=change.model.owner_team_id)
        if visibility == RegisteredModel.Visibility.BUSINESS_UNITS:
            may |= Q(application__team__business_unit__slug__in=change.after["units"])
        else:
            may |= Q(application__team__slug__in=change.after["teams"])
        return held.exclude(may)

    def concerns(self, change, subscription):
        return subscription.pk in {row["subscription"] for row in change.affected}

    def announce(self, by, change):
        """Nothing yet: the model stays as it is until the notice has run."""

    def retract(self, by, change):
        """Nothing was done."""

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
        return [
            terms.Difference(
                "May use it", self._words(change.before), self._words(change.after), True
            )
        ]

    def headline(self, change):
        return f"{change.model} will be for fewer teams"

    def consequence(self, change, one):
        return f"{one.subscription.application.team} will not be among them: your subscription goes on until then, and ends with its keys."

    def _words(self, who):
        visibility = RegisteredModel.Visibility(who["visibility"])
        if visibility == RegisteredModel.Visibility.ENTERPRISE:
            return visibility.label.lower()
        return ", ".join(who["names"]) or "its own team alone"


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
        "names": sorted(one.name for one in counting),
    }


def _end_all(by, subscriptions, change):
    """What was announced: the subscriptions end with their keys, and their people are told."""
    for subscription in subscriptions.open().for_list():
        actions.close_subscription(
            by,
            subscription,
            f"{capfirst(change.get_kind_display())}, announced before. {change.reason}",
        )
        nudge("subscription", subscription=subscription.pk)


KINDS = {"terms": NewTerms(), "withdrawal": PlanWithdrawal(), "visibility": NarrowerVisibility()}
SYSTEM = "changes"


def system():
    """Who acts when a notice has run."""
    return User.objects.system(SYSTEM)
