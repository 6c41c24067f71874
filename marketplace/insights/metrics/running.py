"""Metrics of running: incidents, and how long versions were suspended."""

from collections import defaultdict
from datetime import datetime

from catalog.models import ModelVersion
from hosting.models import Incident
from marketplace.audit.models import AuditEvent
from marketplace.insights.metrics.metric import Metric, NoTarget, Row, count
from marketplace.insights.metrics.scope import COMPANY, Scope

MINUTE_S = 60
SUSPEND, RESUME = "version.suspend", "version.resume"


def incident_rows(scope: Scope) -> list[Row]:
    """Incidents that began in the quarter."""
    found = Incident.objects.filter(
        opened_at__gte=scope.quarter.begins_at, opened_at__lt=scope.until
    )
    if scope.sight != COMPANY:
        found = found.filter(version__in=scope.versions())
    rows = []
    for one in found.select_related("version__model").order_by("opened_at", "pk"):
        place = scope.places[one.version.model.owner_team_id]
        closed = one.closed_at if one.closed_at and one.closed_at <= scope.until else None
        minutes = _minutes(one.opened_at, closed or scope.until)
        facts = (f"{one.opened_at:%Y-%m-%d %H:%M}", minutes, "closed" if closed else "open")
        url = one.version.get_absolute_url()
        rows.append(Row(str(one.version), place.team, place.unit, 1, 1, url, facts))
    return rows


def suspension_rows(scope: Scope) -> list[Row]:
    """Minutes of the quarter in which a version was suspended, one row for each suspension."""
    spans = [
        (pk, since, until)
        for pk, since, until in _suspensions(scope)
        if until > scope.quarter.begins_at
    ]
    versions = scope.versions().filter(pk__in={pk for pk, _, _ in spans}).select_related("model")
    by_id: dict[int, ModelVersion] = {one.pk: one for one in versions}
    rows = []
    for pk, since, until in spans:
        if version := by_id.get(pk):
            place = scope.places[version.model.owner_team_id]
            minutes = _minutes(max(since, scope.quarter.begins_at), until)
            facts = (f"{since:%Y-%m-%d %H:%M}", f"{until:%Y-%m-%d %H:%M}")
            url = version.get_absolute_url()
            rows.append(Row(str(version), place.team, place.unit, minutes, 1, url, facts))
    return rows


def _suspensions(scope: Scope) -> list[tuple[int, datetime, datetime]]:
    """(version id, since, until) of suspensions that began before the end; until the end where they go on."""
    events = AuditEvent.objects.filter(
        action__in=(SUSPEND, RESUME), object_type="catalog.modelversion", at__lt=scope.until
    )
    acts: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for pk, at, action in events.order_by("at", "pk").values_list("object_id", "at", "action"):
        acts[int(pk)].append((at, action))
    spans = []
    for version, acts_of_one in acts.items():
        since = None
        for at, action in acts_of_one:
            if action == SUSPEND:
                since = since or at
            elif since:
                spans.append((version, since, at))
                since = None
        if since:
            spans.append((version, since, scope.until))
    return sorted(spans, key=lambda span: (span[1], span[0]))


def _minutes(since: datetime, until: datetime) -> int:
    """Whole minutes."""
    return int((until - since).total_seconds() // MINUTE_S)


INCIDENTS = Metric(
    name="incidents",
    title="Incidents",
    definition="Times that began in the quarter in which a version did not answer its probes.",
    definition_version="1.0",
    numerator="Incidents",
    denominator="",
    unit="count",
    target="",
    columns=("Began", "Minutes", "State"),
    rows=incident_rows,
    summary=count,
    judge=NoTarget(),
)
SUSPENDED_MINUTES = Metric(
    name="suspended-minutes",
    title="Suspended minutes",
    definition="Minutes of the quarter in which versions were suspended, added up over all versions.",
    definition_version="1.0",
    numerator="Minutes suspended",
    denominator="",
    unit="minutes",
    target="",
    columns=("Suspended", "Until"),
    rows=suspension_rows,
    summary=count,
    judge=NoTarget("minutes"),
)
