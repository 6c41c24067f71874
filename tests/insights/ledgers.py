"""What lines of the ledger are made from, for tests: real subscriptions, days of usage, the sweep, the verbs."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from catalog.search_record_actions import decide_search_record
from consumption.models import Subscription
from marketplace.accounts.models import Membership
from marketplace.demo.company import clock
from marketplace.insights.ledger import actions, posting, quarters
from marketplace.insights.models import ReuseEvent
from tests import factories
from tests.snapshots import replayed

LONG = "The plan was on the board's list, and I would have run the project."
LARGE = {"sources": "many", "task": "text", "regulated": "eligibility", "labels": "none"}
MEDIUM = {"sources": "some", "task": "text", "regulated": "no", "labels": "there"}


def lead(username, team):
    """A person who leads a team."""
    user = factories.person(username, team)
    Membership.objects.filter(user=user, team=team).update(role=Membership.Role.LEAD)
    return user


def hanna():
    """Leads another team of mortgage's unit."""
    return lead("hanna", factories.team("Mortgage analytics", "Mortgage"))


def held(team, user, version=None, counterfactual="would_build", regulated="none"):
    """An active subscription of a team's production system to a model of alice's team."""
    version = version or factories.published_version()
    app = factories.application(user, team, name=f"System of {team}")
    made = factories.subscription(version, by=user, app=app, counterfactual=counterfactual)
    Subscription.objects.filter(pk=made.pk).update(use=factories.USE | {"regulated": regulated})
    return made


def today():
    return timezone.now().date()


def called(subscription, calls=40, days=20, until=None):
    """So many answered calls on each of the days that end with `until`: by default the day before yesterday."""
    until = until or today() - timedelta(days=2)
    for back in range(days):
        factories.called(subscription, calls, day=until - timedelta(days=back))
    return subscription


def line_of(team):
    return ReuseEvent.objects.for_page().get(team=team, kind="reuse")


def swept(subscription):
    """The line that the sweep posts for the team of a subscription; None where it posts none."""
    posting.sweep()
    return (
        ReuseEvent.objects.for_page()
        .filter(team=subscription.application.team, kind="reuse")
        .first()
    )


def confirmed(line, by, complexity=None, counterfactual="would_build", licence_price=None):
    facts = {"complexity": complexity, "licence_price": licence_price, "reason": LONG}
    actions.confirm_line(by, line, counterfactual=counterfactual, **facts)
    return line_of(line.team)


def described(line, by, integration=None, **plan):
    actions.describe_line(by, line, integration=integration, **plan)
    return line_of(line.team)


def plan():
    return {
        "plan_reference": "MO-2026-07",
        "plan_amount": Decimal(200_000),
        "plan_ended_on": today() - timedelta(days=1),
        "plan_text": "Six months of three people; the board gave it up.",
    }


@replayed
def mortgage_line():
    """131 / 161 / 191 thousand: large, the plan documented, integration logged, confirmed by hanna."""
    subscription = held(factories.mortgage(), factories.maya())
    record = factories.search_record()
    position = next(
        c.position for c in record.candidates.all() if c.model_id == subscription.model_id
    )
    decide_search_record(
        factories.maya(),
        record,
        decision="reuse",
        position=position,
        sponsor="Head of mortgage",
        reason=LONG,
    )
    line = swept(called(subscription))
    line = described(line, factories.maya(), Decimal(9000), **plan())
    return confirmed(line, hanna(), LARGE)


def after_quarter(line, days=5):
    """The clock stands some days after the end of the quarter that the line is posted in."""
    now = timezone.now()
    end = quarters.next_quarter(line.quarter)
    return clock.at(now + timedelta(days=(end - now.date()).days + days))


def later(days):
    return clock.at(timezone.now() + timedelta(days=days))
