"""What the clock starts, and how often, in seconds; a run that waited for longer than `expires` is dropped."""

from typing import Any

from celery.schedules import crontab

# Sweeps: each finds the rows whose task was lost.
SCHEDULE: dict[str, dict[str, Any]] = {
    "audit-sequence": {"task": "audit.sequence", "schedule": 5, "options": {"expires": 5}},
    "audit-checkpoint": {"task": "audit.checkpoint", "schedule": 300, "options": {"expires": 300}},
    "audit-watch": {"task": "audit.watch", "schedule": 60, "options": {"expires": 60}},
    "notices-letters": {
        "task": "notices.compose_letters",
        "schedule": 30,
        "options": {"expires": 30},
    },
    "notices-webhooks": {
        "task": "notices.deliver",
        "schedule": 10,
        "options": {"expires": 10},
    },
    "notices-clean": {"task": "notices.clean", "schedule": 3600, "options": {"expires": 3600}},
    "tokens-sweep": {"task": "tokens.sweep", "schedule": 300, "options": {"expires": 300}},
    "catalog-sweep": {"task": "catalog.sweep", "schedule": 30, "options": {"expires": 30}},
    "catalog-saved-searches": {
        "task": "catalog.tell_saved_searches",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "governance-sweep": {"task": "governance.sweep", "schedule": 10, "options": {"expires": 10}},
    "governance-sweep-evaluations": {
        "task": "governance.sweep_evaluations",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "governance-find-cases": {
        "task": "governance.find_cases",
        "schedule": 86400,
        "options": {"expires": 3600},
    },
    "governance-remind": {
        "task": "governance.remind",
        "schedule": 900,
        "options": {"expires": 900},
    },
    "hosting-reconcile": {
        "task": "hosting.reconcile",
        "schedule": 3,
        "args": [True],
        "options": {"expires": 3},
    },
    "insights-ledger": {
        "task": "insights.sweep_ledger",
        "schedule": 86400,
        "options": {"expires": 3600},
    },
    "hosting-probe": {"task": "hosting.probe", "schedule": 10, "options": {"expires": 10}},
    "hosting-project": {"task": "hosting.project", "schedule": 60, "options": {"expires": 60}},
    "hosting-forget": {
        "task": "hosting.delete_old_samples",
        "schedule": 86400,
        "options": {"expires": 3600},
    },
    "hosting-forget-changes": {
        "task": "hosting.delete_old_changes",
        "schedule": 600,
        "options": {"expires": 600},
    },
    "organisation-moves": {
        "task": "organisation.make_moves",
        "schedule": 300,
        "options": {"expires": 300},
    },
    "publishing-trials": {
        "task": "publishing.sweep_trials",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "publishing-gates": {
        "task": "publishing.sweep_gates",
        "schedule": 20,
        "options": {"expires": 20},
    },
    "publishing-registries": {
        "task": "publishing.sweep_registries",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "publishing-ends": {
        "task": "publishing.end_versions",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "publishing-sweep": {"task": "publishing.sweep", "schedule": 5, "options": {"expires": 5}},
    "consumption-rollup": {"task": "consumption.roll_up", "schedule": 5, "options": {"expires": 5}},
    "consumption-reconcile": {
        "task": "consumption.reconcile",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "consumption-access": {
        "task": "consumption.sweep_access",
        "schedule": 300,
        "options": {"expires": 300},
    },
    "consumption-changes": {
        "task": "consumption.begin_changes",
        "schedule": 5,
        "options": {"expires": 5},
    },
    "consumption-budgets": {
        "task": "consumption.watch_budgets",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "consumption-fees": {
        "task": "consumption.charge_fees",
        "schedule": 300,
        "options": {"expires": 300},
    },
    "consumption-moves": {
        "task": "consumption.make_moves",
        "schedule": 10,
        "options": {"expires": 10},
    },
    "consumption-updates": {
        "task": "consumption.follow_updates",
        "schedule": 15,
        "options": {"expires": 15},
    },
    "consumption-evaluations": {
        "task": "consumption.sweep_evaluations",
        "schedule": 30,
        "options": {"expires": 30},
    },
    "insights-metrics": {
        "task": "insights.count_metrics",
        "schedule": 6 * 3600,
        "options": {"expires": 3600},
    },
    "insights-announcements": {
        "task": "insights.sweep_announcements",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "insights-events": {
        "task": "insights.sweep_events",
        "schedule": 900,
        "options": {"expires": 900},
    },
    "insights-spotlight": {
        "task": "insights.propose_spotlights",
        "schedule": crontab(hour="3", minute="0"),
        "options": {"expires": 3600},
    },
    "insights-digest": {
        "task": "insights.tell_followers",
        "schedule": crontab(day_of_week="mon", hour="5,11,17", minute="15"),
        "options": {"expires": 3600},
    },
    "insights-campaigns": {
        "task": "insights.sweep_campaigns",
        "schedule": 3600,
        "options": {"expires": 3600},
    },
    "consumption-projections": {
        "task": "consumption.project",
        "schedule": 30,
        "options": {"expires": 30},
    },
    "insights-demand": {
        "task": "insights.count_demand",
        "schedule": crontab(hour="2", minute="40"),
        "options": {"expires": 3600},
    },
    "insights-quality": {
        "task": "insights.plan_quality_reviews",
        "schedule": crontab(hour="2", minute="0"),
        "options": {"expires": 3600},
    },
    "insights-curation": {
        "task": "insights.sweep_curation",
        "schedule": crontab(hour="2", minute="10"),
        "options": {"expires": 3600},
    },
}
