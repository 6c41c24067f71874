"""How much evidence there is for each control, and since when: counted from what happened, in one query a table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.urls import reverse

from catalog.models import RegisteredModel
from governance.models import (
    Condition,
    Decision,
    GateResult,
    PolicyChange,
    Review,
    RoleChange,
    TierAssessment,
    Waiver,
)
from marketplace.audit.models import AuditEvent

ACTIONS = {
    "renewals": "version.renew",
    "replays": "evaluation.replay",
    "suspensions": "version.suspend",
    "packs": "evidence.export",
}


@dataclass(frozen=True)
class Evidence:
    """What shows that a control works. `rows` is None where nobody counts; `url` is where one looks, or ""."""

    what: str
    rows: int | None
    last_at: datetime | None
    url: str = ""


def gather() -> dict[str, Evidence]:
    """Name of the evidence (Control.evidence) → Evidence."""
    queue, record = reverse("governance:queue"), reverse("audit:record")
    found = {
        "entries": _of(
            RegisteredModel.objects.all(), "entries", "created_at", reverse("catalog:models")
        ),
        "assessments": _of(TierAssessment.objects.all(), "risk assessments", "at"),
        "prohibited": _of(
            TierAssessment.objects.filter(tier="prohibited"), "assessments that ended there", "at"
        ),
        "decisions": _of(Decision.objects.all(), "decisions", "at", queue),
        "waivers": _of(Waiver.objects.all(), "waivers", "proposed_at"),
        "conditions": _of(Condition.objects.all(), "conditions", "decision__at"),
        "policies": _of(
            PolicyChange.objects.all(), "changes", "proposed_at", reverse("governance:policies")
        ),
        "roles": _of(
            RoleChange.objects.all(), "role changes", "proposed_at", reverse("governance:roles")
        ),
        "audit": Evidence(
            "events",
            None,
            AuditEvent.objects.order_by("-pk").values_list("at", flat=True).first(),
            record,
        ),
    }
    for kind, number, last in _grouped(Decision.objects.all(), "review__kind"):
        found[f"decisions:{kind}"] = Evidence(
            f"decisions about {Review.Kind(kind).label.lower()}", number, last, queue
        )
    for gate, number, last in _grouped(GateResult.objects.all(), "gate"):
        found[f"gate:{gate}"] = Evidence(f"results of the check {gate}", number, last)
    names = {action: name for name, action in ACTIONS.items()}
    for action, number, last in _grouped(AuditEvent.objects.filter(action__in=names), "action"):
        found[names[action]] = Evidence("events", number, last, f"{record}?action={action}")
    return found


def _of(rows: QuerySet[Any], what: str, moment: str, url: str = "") -> Evidence:
    counted = rows.aggregate(number=Count("pk"), last=Max(moment))
    last = counted["last"] if isinstance(counted["last"], datetime) else None
    return Evidence(what, counted["number"], last, url)


def _grouped(rows: QuerySet[Any], by: str) -> QuerySet[Any, Any]:
    return rows.order_by().values_list(by).annotate(Count("pk"), Max("at"))
