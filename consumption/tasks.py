"""Background tasks of consumption: roll-ups and projections. The gateway's shipping process does the first by itself."""

from celery import shared_task

from consumption import actions
from consumption.budgets import uses as budgets
from consumption.changes import actions as changes
from consumption.evaluations.lock import at_rows
from consumption.metering import fees, projections, quota_notices, reconciliation, rollups
from consumption.models import BatchEvaluation
from consumption.playground import latency
from consumption.subscribing import drafts

MISSED_S = 60  # an hour that waits longer has nobody: the shipping process recomputes at a pace that fits the cost


@shared_task(name="consumption.roll_up", statement_s=240)
def roll_up():
    """Recompute the hours and days that got events and that no shipping process saw to."""
    rollups.roll_up_all(stale_s=MISSED_S)


@shared_task(name="consumption.reconcile", statement_s=240)
def reconcile():
    """Count the days that are due by events, hours and days."""
    reconciliation.count_due()


@shared_task(name="consumption.project", statement_s=60)
def project():
    """Refresh the figures of the catalog, make room for next month's events, tell whose quota is nearly used."""
    rollups.open_next_month()
    projections.project()
    quota_notices.notify_of_quotas()
    latency.sweep()


@shared_task(name="consumption.charge_fees", statement_s=60)
def charge_fees():
    """Charge today's part of the monthly fees, and complete the days that are over."""
    fees.charge_days()


@shared_task(name="consumption.watch_budgets", statement_s=60)
def watch_budgets():
    """Tell of budgets that are nearly used up; pause what a hard one stops, and let go on what may."""
    budgets.watch()


@shared_task(name="consumption.sweep_access")
def sweep_access():
    """Remind of requests and of what ends, end what is over, pause keys that nobody uses, forget requests nobody went on with."""
    actions.remind_of_requests()
    actions.remind_of_moves()
    actions.sweep_ends()
    actions.pause_unused_keys()
    drafts.forget_old()


@shared_task(name="consumption.begin_changes")
def begin_changes():
    """Begin the announced changes whose time has come."""
    changes.begin_what_is_due()


@shared_task(name="consumption.make_moves")
def make_moves():
    """Make the moves of subscriptions whose time has come."""
    actions.make_due_moves()


@shared_task(name="consumption.follow_updates")
def follow_updates():
    """End holds whose time is over, have examples run on what was published, and spread minor updates by share."""
    actions.end_holds()
    actions.offer_updates()
    actions.advance_rollouts()


@shared_task(name="consumption.run_acceptance")
def run_acceptance(run_id):
    """Run the acceptance examples of a subscription on a version."""
    actions.run_queued(run_id)


@shared_task(name="consumption.sweep_evaluations")
def sweep_evaluations():
    """Wake batch evaluations whose task was lost, and delete rows whose time is over."""
    actions.sweep_evaluations()


@shared_task(name="consumption.end_evaluation")
def end_evaluation(evaluation_id):
    """The run has ended and its rows were to go then."""
    evaluation = BatchEvaluation.objects.filter(pk=evaluation_id).first()
    if evaluation:
        actions.end_retention(evaluation)


@shared_task(name="consumption.erase_evaluation")
def erase_evaluation(evaluation_id):
    """Remove the files of rows whose key is destroyed, and complete the receipt."""
    evaluation = BatchEvaluation.objects.filter(pk=evaluation_id).first()
    if evaluation:
        with at_rows(evaluation_id) as is_alone:
            if is_alone:  # else a worker ends what it has in hand, and the sweep comes again
                actions.complete_receipt(evaluation)


@shared_task(name="consumption.measure_latency", time_limit=180)
def measure_latency(run_id):
    """Measure how fast a version answers in the sandbox."""
    latency.measure(run_id)
