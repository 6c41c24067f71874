"""What was seen running: replica rows, restarts, and an engine's words made plain."""

import json
import re
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from hosting.models import Replica

ANSI = re.compile(r"\x1b\[[0-9;]*m")
CANNOT_LOAD = re.compile(r"CannotLoad: (.+)")
LAST_ERROR = re.compile(r"^\s*(?:[\w.]+(?:Error|Exception)): (.+)$", re.MULTILINE)
STARTS_MEASURED = 5
LONGEST_START = timedelta(
    minutes=5
)  # what takes longer was not looked at, or waited for something else
SEEN = {
    "running": Replica.State.RUNNING,
    "stopping": Replica.State.UNHEALTHY,
    "starting": Replica.State.STARTING,
}


def record(deployment, app, machines=(), counts_restarts=True):
    """Write down the replicas of one deployment as the engine tells them. Returns how many crashed since the last look.

    A replica that is gone although as many are wanted as before has crashed. One that is gone because fewer are wanted,
    because the specification changed, or with its machine (one that is not in `machines`), is just gone.
    """
    reported = {replica.replica_id: replica for replica in app.replicas} if app else {}
    known = {row.replica_id: row for row in deployment.replicas.filter(ended_at=None)}
    for replica_id, replica in reported.items():
        _write(deployment, known.get(replica_id), replica)
    gone = [row for replica_id, row in known.items() if replica_id not in reported]
    begun = sum(
        row.state != Replica.State.STARTING for row in known.values()
    )  # the others are there to take a place
    surplus = begun - (app.target if app else begun) if counts_restarts else len(known)
    crashed = [row for row in gone[max(surplus, 0) :] if row.node in machines]
    left = [
        row
        for replica_id, row in known.items()
        if row.state == "running" == getattr(reported.get(replica_id), "state", "")
    ]
    _end([row for row in gone if row not in crashed], state=Replica.State.GONE)
    _end(crashed, state=Replica.State.CRASHED, left_none=not left)
    return len(crashed)


def _write(deployment, row, replica):
    """An engine knows machine and process of a replica only some time after it has begun to start it."""
    fields = {"state": SEEN.get(replica.state, Replica.State.STARTING)}
    fields |= {
        name: value for name, value in (("node", replica.node[:80]), ("pid", replica.pid)) if value
    }
    if fields["state"] == Replica.State.RUNNING and (row is None or row.running_at is None):
        fields["running_at"] = timezone.now()
    if row is None:
        if replica.started_at:
            fields["started_at"] = replica.started_at
        Replica.objects.get_or_create(
            deployment=deployment, replica_id=replica.replica_id, defaults=fields
        )
    elif any(getattr(row, name) != value for name, value in fields.items()):
        Replica.objects.filter(pk=row.pk).update(**fields)


def _end(rows, **facts):
    if rows:
        Replica.objects.filter(pk__in=[row.pk for row in rows]).update(
            ended_at=timezone.now(), **facts
        )


def crashes(deployment, window):
    """(crashes, those of them that left no replica running) within `window` (timedelta), and not before the last time
    that somebody started it."""
    since = timezone.now() - window
    if deployment.started_at:
        since = max(since, deployment.started_at)
    crashed = deployment.replicas.filter(state=Replica.State.CRASHED, ended_at__gte=since)
    return crashed.count(), crashed.filter(left_none=True).count()


def quickest_start_s(deployment):
    """Seconds from the engine's decision to the answer, of the quickest of the last starts that were seen; None when none was.

    The quickest, because a look comes up to some seconds after the start has ended.
    """
    last = deployment.replicas.filter(
        running_at__gt=F("started_at"), running_at__lt=F("started_at") + LONGEST_START
    )
    rows = last.order_by("-started_at").values_list("started_at", "running_at")[:STARTS_MEASURED]
    return min(((running - started).total_seconds() for started, running in rows), default=None)


def down_since(deployment):
    """When its last replica ended; None when one lives or none ever did."""
    last = deployment.replicas.order_by("-ended_at").filter(ended_at__isnull=False).first()
    return last.ended_at if last else None


def plain_reason(message):
    """The sentence inside an engine's traceback that a publisher can act on."""
    text = ANSI.sub("", message or "")
    if messages := CANNOT_LOAD.findall(text):
        return messages[-1].removesuffix(" from None").strip('"').strip()
    if messages := LAST_ERROR.findall(text):
        return f"Its process failed at start: {messages[-1][:300]}"
    return (
        text.strip().splitlines()[0][:300]
        if text.strip()
        else "The engine could not start it and said no more."
    )


def plain_line(line):
    """A log line as people read it: the message of a JSON line, without colours."""
    try:
        entry = json.loads(line)
        return f"{entry.get('levelname', '')} {entry.get('message', '')}".strip()
    except (json.JSONDecodeError, AttributeError):
        return ANSI.sub("", line)
