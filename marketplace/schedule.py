"""What the clock starts, and how often; a run that waited for longer than its `expires` is dropped."""

from typing import Any

from celery.schedules import crontab

HOUR, DAY = 3600, 86_400  # seconds


def _run(task: str, every: int | crontab, expires: int | None = None, *args: Any) -> dict[str, Any]:
    """`every` and `expires` in seconds; `expires` is `every` where nothing else is said."""
    entry: dict[str, Any] = {"task": task, "schedule": every}
    if args:
        entry["args"] = list(args)
    entry["options"] = {"expires": every if expires is None else expires}
    return entry


# Sweeps: each finds the rows whose task was lost.
SCHEDULE = {
    "audit-sequence": _run("audit.sequence", 5),
    "audit-checkpoint": _run("audit.checkpoint", 300),
    "audit-watch": _run("audit.watch", 60),
    "notices-letters": _run("notices.compose_letters", 30),
    "notices-webhooks": _run("notices.deliver", 10),
    "notices-clean": _run("notices.clean", HOUR),
    "tokens-sweep": _run("tokens.sweep", 300),
    "catalog-sweep": _run("catalog.sweep", 30),
    "catalog-saved-searches": _run("catalog.tell_saved_searches", 60),
    "governance-sweep": _run("governance.sweep", 10),
    "governance-sweep-evaluations": _run("governance.sweep_evaluations", 60),
    "governance-find-cases": _run("governance.find_cases", DAY, HOUR),
    "governance-remind": _run("governance.remind", 900),
    "hosting-reconcile": _run("hosting.reconcile", 3, 3, True),
    "insights-ledger": _run("insights.sweep_ledger", DAY, HOUR),
    "hosting-probe": _run("hosting.probe", 10),
    "hosting-project": _run("hosting.project", 60),
    "hosting-forget": _run("hosting.delete_old_samples", DAY, HOUR),
    "hosting-forget-changes": _run("hosting.delete_old_changes", 600),
    "organisation-moves": _run("organisation.make_moves", 300),
    "publishing-trials": _run("publishing.sweep_trials", 60),
    "publishing-gates": _run("publishing.sweep_gates", 20),
    "publishing-registries": _run("publishing.sweep_registries", 60),
    "publishing-ends": _run("publishing.end_versions", 60),
    "publishing-replay": _run("publishing.replay", crontab(hour="3", minute="30"), HOUR),
    "publishing-sweep": _run("publishing.sweep", 5),
    "consumption-rollup": _run("consumption.roll_up", 5),
    "consumption-reconcile": _run("consumption.reconcile", 60),
    "consumption-access": _run("consumption.sweep_access", 300),
    "consumption-changes": _run("consumption.begin_changes", 5),
    "consumption-budgets": _run("consumption.watch_budgets", 60),
    "consumption-fees": _run("consumption.charge_fees", 300),
    "consumption-moves": _run("consumption.make_moves", 10),
    "consumption-updates": _run("consumption.follow_updates", 15),
    "consumption-evaluations": _run("consumption.sweep_evaluations", 30),
    "insights-metrics": _run("insights.count_metrics", 6 * HOUR, HOUR),
    "insights-announcements": _run("insights.sweep_announcements", 60),
    "insights-events": _run("insights.sweep_events", 900),
    "insights-spotlight": _run("insights.propose_spotlights", crontab(hour="3", minute="0"), HOUR),
    "insights-digest": _run(
        "insights.tell_followers", crontab(day_of_week="mon", hour="5,11,17", minute="15"), HOUR
    ),
    "insights-campaigns": _run("insights.sweep_campaigns", HOUR),
    "consumption-projections": _run("consumption.project", 30),
    "insights-demand": _run("insights.count_demand", crontab(hour="2", minute="40"), HOUR),
    "insights-quality": _run("insights.plan_quality_reviews", crontab(hour="2", minute="0"), HOUR),
    "insights-curation": _run("insights.sweep_curation", crontab(hour="2", minute="10"), HOUR),
}
