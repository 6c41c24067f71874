"""What the pages of consumption show of a plan and of a subscription, and the page on which a change is proposed.

The kinds of changes of upper apps use that page too.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected, deadlines
from consumption.affected import Affected
from consumption.changes import actions as changes
from consumption.changes.kinds import KINDS
from consumption.deadlines import Deadline
from consumption.metering import rejections, usage
from consumption.metering.rejections import RejectionCount
from consumption.metering.usage import MonthlyUse
from consumption.models import Plan, PlanTerms, ScheduledChange, Subscription, UseReview
from consumption.plans import terms
from consumption.stations import Station
from consumption.subscribing import track as request_track
from governance.policies import change_notice_days
from marketplace.core.forms import show, submitted


@dataclass(frozen=True)
class PlanCard:
    """A plan, and its terms with those that are announced, newest first."""

    plan: Plan
    history: list[terms.Step]

    @property
    def upcoming(self):
        """The terms that begin last of those that have not begun; None when there are none."""
        now = timezone.now()
        return next((step for step in self.history if step.terms.effective_from > now), None)


@dataclass(frozen=True)
class SubscriptionCard:
    """A subscription with its keys, and what its team has to know of it.

    rejections   of the last 24 hours.
    version      what answers its calls.
    may_change   whether there is another plan.
    deadlines    what of it needs somebody, soonest first.
    track        where its request is; [] unless it waits.
    """

    subscription: Subscription
    month: MonthlyUse
    rejections: list[RejectionCount]
    version: ModelVersion
    may_change: bool
    deadlines: list[Deadline]
    track: list[Station]

    @property
    def is_granted(self):
        """May it be moved to another version?"""
        return self.subscription.state in (Subscription.State.ACTIVE, Subscription.State.PAUSED)


@dataclass(frozen=True)
class Loss:
    """Whom a proposed change affects, and what the same calls would cost then; None where no price changes."""

    affected: Affected
    cost_then: Decimal | None


def plan_cards(plans):
    """[PlanCard] of a queryset of plans. One query for all their terms."""
    by_start = PlanTerms.objects.select_related("created_by").order_by("effective_from")
    return [
        PlanCard(plan, terms.history(plan))
        for plan in plans.prefetch_related(Prefetch("terms", by_start))
    ]


def subscription_cards(subscriptions):
    """[SubscriptionCard] of a queryset for_list(), those at risk first. As many queries for one as for many."""
    reviews = UseReview.objects.select_related("decided_by").order_by("-opened_at")
    shown = list(subscriptions.prefetch_related("keys", Prefetch("use_reviews", reviews)))
    months = usage.this_month(shown)
    rejected = rejections.of(shown, timezone.now() - usage.DAY)
    answering = affected.answering(shown)
    models = [subscription.model_id for subscription in shown]
    due = deadlines.of_subscriptions(shown)
    offered = list(Plan.objects.filter(is_offered=True, model__in=models))
    cards = [
        SubscriptionCard(
            subscription,
            months[subscription.pk],
            [row for row in rejected if row.subscription == subscription],
            answering[subscription.pk],
            subscription.state in Subscription.OPEN
            and any(
                plan.model_id == subscription.model_id and plan.pk != subscription.plan_id
                for plan in offered
            ),
            [deadline for deadline in due if deadline.subscription == subscription],
            _track(subscription),
        )
        for subscription in shown
    ]
    return sorted(cards, key=lambda card: not any(one.is_at_risk for one in card.deadlines))


def _track(subscription):
    if subscription.state != Subscription.State.PENDING:
        return []
    return request_track.of(subscription, next(iter(subscription.use_reviews.all()), None))


def propose_page(request, model, kind, form_class, **about):
    """What it would be and whom it affects first; then, with the same form, the proposal. Raises Http404 for others.

    form_class  a consumption.forms.ChangeForm, which knows what it becomes.
    about       `plan`, `version` or `subscription`: what the change is about, unless it is the model as a whole.
    """
    behaviour = KINDS[kind]
    if not behaviour.may_propose(request.user, ScheduledChange(kind=kind, model=model, **about)):
        raise Http404
    form = form_class(request.POST or None, model=model, **about)
    is_proposing = request.POST.get("step") == "propose"
    verb = changes.propose if is_proposing else changes.preview

    def run(reason, effective_from, **_):
        return verb(
            request.user,
            kind,
            model=model,
            **about,
            after=form.after(),
            reason=reason,
            effective_from=effective_from,
        )

    done, result = submitted(request, form, run)
    if done and is_proposing:
        waits = result.state == ScheduledChange.State.PROPOSED
        messages.success(
            request,
            "Proposed. Somebody else confirms it."
            if waits
            else "It is in force: nobody loses anything by it.",
        )
        return redirect(result)
    subject = next(iter(about.values()), model)
    context = {
        "model": model,
        "subject": subject,
        "kind": behaviour,
        "notice_days": change_notice_days(),
    }
    if not done:
        return show(request, "consumption/propose.html", form, **context)
    change, affected_rows = result
    context |= {
        "change": change,
        "affected": [
            Loss(affected_row, behaviour.cost_then(change, affected_row))
            for affected_row in affected_rows
        ],
        "differences": behaviour.differences(change),
    }
    return render(request, "consumption/propose.html", {"form": form, **context})
