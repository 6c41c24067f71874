"""Alerts for operators: what is wrong, since when, who is affected, what to do. Worst first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from hosting.models import DeploymentState

JOURNAL_LATE_S = 60  # docs/reliability.md, F4: the journal drains within a minute
QUEUE_LONG = 100
PROBE_LATE = timedelta(minutes=3)  # after a probe was due
SKEW_S = 2  # the gateway's own warning
FULL_PERCENT = 90
MANY = 3
FAILED_CALLS, FAILED_PERCENT = 10, 5  # in a minute: enough to be no accident
CRASHES = 5  # within an hour; one or two are what restarts are for
BROKEN = (DeploymentState.UNHEALTHY, DeploymentState.RESTARTING)
GIB = 1 << 30
EVERYBODY = "Every consumer of every model."


class Severity(StrEnum):
    """How urgent an alert is."""

    CRITICAL = "critical"  # calls fail now, or the record was tampered with
    WARNING = "warning"  # can wait for the morning


@dataclass(frozen=True)
class Alert:
    """One problem that an operator must act on. `since` is None when unknown; `why` is the known cause or empty."""

    severity: Severity
    what: str
    affected: str
    remedy: str
    since: datetime | None = None
    url: str = ""
    link: str = ""
    why: str = ""


def alerts(summary):
    """[Alert] of an OperationsSummary: critical first, then those that affect everybody, then the oldest."""
    hosted = list(_versions(summary))
    down = [
        row
        for row, _ in hosted
        if not row.deployment.is_external and (row.incident or row.deployment.state in BROKEN)
    ]
    if len(down) >= MANY:
        hosted = [(row, alert) for row, alert in hosted if row not in down] + [
            (None, _together(down, summary))
        ]
    alerts = [
        *_stores(summary),
        *_journal(summary),
        *_background(summary),
        *_record_and_search(summary),
        *_disks(summary),
        *(alert for _, alert in hosted),
    ]
    latest = timezone.now()
    return sorted(
        alerts,
        key=lambda alert: (
            alert.severity is not Severity.CRITICAL,
            not alert.affected.startswith(EVERYBODY),
            alert.since or latest,
        ),
    )


def _stores(summary):
    gateway = summary.gateway
    if not gateway.workers:
        yield Alert(
            Severity.CRITICAL,
            "The gateway is not reachable: none of its processes has reported in the last ten seconds.",
            EVERYBODY,
            "Read gateway.log. If it runs on another machine, give this portal its address: GATEWAY_METRICS_URL.",
            summary.last_gateway_report,
        )
    if not gateway.is_postgres_up:
        yield Alert(
            Severity.CRITICAL,
            "The gateway cannot reach Postgres.",
            "Known keys work for two minutes more, then no call does. Usage waits in the journal; none is lost.",
            "This page reached it: look at the gateway machine's network, then at Postgres' connections.",
            gateway.postgres_away_since,
        )
    if not gateway.is_redis_up or summary.queue is None:
        yield Alert(
            Severity.WARNING,
            "Redis does not answer.",
            "No call fails. Each gateway process keeps its share of every rate alone; background work waits for the sweeps.",
            "Read redis.log and start it again. Nothing in it needs to be restored.",
            gateway.redis_away_since,
        )
    if gateway.shed:
        yield Alert(
            Severity.WARNING,
            f"{gateway.shed} calls were turned away in the last hour because the gateway was too busy.",
            "Callers of every model got 503 with Retry-After, those of test keys first.",
            "Give it more processes (GATEWAY_WORKERS) or another machine.",
        )
    if gateway.skew_s > SKEW_S:
        yield Alert(
            Severity.WARNING,
            f"A gateway machine's clock is {gateway.skew_s:.1f} s off Postgres' clock.",
            "Nobody yet: keys and quotas are judged by Postgres' clock. Its log lines carry wrong times.",
            "Look at the machine's time synchronisation.",
        )


def _journal(summary):
    journal = summary.backlog
    if journal.oldest_s and journal.oldest_s > JOURNAL_LATE_S:
        yield Alert(
            Severity.WARNING,
            "Usage piles up in the journal: its oldest call is more than a minute old.",
            "No call is lost; figures and statements lag behind.",
            "Is the gateway's shipping process alive? Read gateway.log.",
            timezone.now() - timedelta(seconds=journal.oldest_s),
        )
    if journal.archive and journal.archive.retention_s is not None:
        yield Alert(
            Severity.WARNING,
            f"Recorded calls are kept for {journal.archive.retention_s / 3600:.1f} hours for a restore, not {settings.JOURNAL_ARCHIVE_HOURS}.",
            "Nobody yet: after a restore of an older backup, calls before that time are missing from figures and statements.",
            f"There are more calls than the journal's archive has space for: set JOURNAL_ARCHIVE_MIB to {journal.archive.mib_needed} or more.",
        )


def _background(summary):
    tasks, due_since = summary.queue, summary.probes_due_since
    if not summary.engine_answers:
        yield Alert(
            Severity.WARNING,
            "The engine's control interface does not answer.",
            "Models may be serving all the same; nothing can be started, sized or restarted.",
            "Read engine.log. The supervisor restarts the engine, and everything is deployed again by itself.",
        )
    if summary.engine_is_saturated:
        yield Alert(
            Severity.WARNING,
            "The engine's machine has more to do than it has processors.",
            "Answers and starts take longer. No model is given up for it, and deadlines wait (docs/hosting.md).",
            "Move other programs elsewhere, or give the engine more processors.",
        )
    if due_since and timezone.now() - due_since > PROBE_LATE:
        yield Alert(
            Severity.WARNING,
            "No model is being probed: background work stands still.",
            "Failures are not noticed, nothing is restarted, no notice goes out.",
            "Read worker.log and beat.log.",
            due_since,
        )
    if tasks and tasks.waiting > QUEUE_LONG:
        yield Alert(
            Severity.WARNING,
            f"Background tasks pile up: {tasks.waiting} wait.",
            "Checks, notices and restarts are late.",
            "Are the workers alive? Read worker.log; start more of them.",
        )
    if letter := summary.late_letter:
        yield Alert(
            Severity.WARNING,
            "The mail server takes no mail.",
            "Who is told by mail reads it on the page of notices only; letters wait for up to three days.",
            "Look at the mail server and EMAIL_URL (docs/notices.md).",
            letter.made_at,
            why=letter.problem,
        )
    if summary.not_archived_since:
        yield Alert(
            Severity.WARNING,
            "Postgres cannot bring its log to the backup.",
            "Nobody yet: a restore would lose what changed since then, and the log that waits fills Postgres' disk.",
            "Is the backup's disk full or away? Read postgres.log.",
            summary.not_archived_since,
        )


def _record_and_search(summary):
    if summary.audit_waiting > QUEUE_LONG:
        yield Alert(
            Severity.WARNING,
            f"{summary.audit_waiting} events of the record are not chained yet.",
            "Nobody; the record's proof lags behind.",
            "Read worker.log: the task is called audit.sequence.",
        )
    if summary.meaning_problem:
        yield Alert(
            Severity.WARNING,
            "Search finds by words only, not by meaning.",
            "No call fails. Who searches in other words than the publisher's misses models.",
            "Install the packages of the lock anew, or set EMBEDDER_PATH (docs/search.md).",
            why=summary.meaning_problem,
        )
    if (watch := summary.record_watch) and watch.broken_since:
        yield Alert(
            Severity.CRITICAL,
            "The record is not intact: somebody changed it past the marketplace.",
            "No call fails. Nobody can rely on what the record says, until it is known what was changed.",
            "Tell an auditor. Keep the database and the witness file as they are; compare them with the last backup.",
            watch.broken_since,
            reverse("audit:record"),
            "The record",
            " ".join(watch.faults[:MANY]),
        )


def _disks(summary):
    """What stops as a disk fills; the order is that of core.disk_space."""
    for name, space in summary.disks:
        if not space.stops_test_calls:
            continue
        what = f"The disk of the {name} has {space.free / GIB:.1f} GiB left; {space.reserve / GIB:.1f} are kept free."
        if space.stops_calls:
            yield Alert(
                Severity.CRITICAL,
                what,
                f"{EVERYBODY} Calls are refused until there is space.",
                "Free space now.",
            )
        elif space.stops_uploads:
            yield Alert(
                Severity.WARNING,
                what,
                "Test calls and uploads are refused; production calls follow.",
                "Free space.",
            )
        else:
            yield Alert(
                Severity.WARNING, what, "Test calls are refused; uploads follow.", "Free space."
            )


def _together(down, summary):
    """Several hosted versions at once have their cause in common: one alert, not one for each."""
    named = ", ".join(str(row.version) for row in down[:MANY])
    rest = f" and {len(down) - MANY} more" if len(down) > MANY else ""
    if summary.engine_answers:
        remedy = "What they have in common is the engine: read engine.log. Each one's own lines are on its Deployment tab."
    else:
        remedy = "The engine does not answer either: read engine.log. The supervisor restarts it, and all is deployed again by itself."
    since = min((row.since for row in down if row.since), default=None)
    return Alert(
        Severity.CRITICAL,
        f"{len(down)} hosted versions do not answer: {named}{rest}.",
        "The consumers of all of them.",
        remedy,
        since,
    )


def _versions(summary):
    """(row, Alert) of each version that needs somebody."""
    shut = summary.gateway.open_breakers
    for row in summary.versions:
        if alert := _of_state(row) or _of_calls(row, row.deployment.version_id in shut):
            yield row, alert


def _of_state(row):
    """The Alert that its incident or state tells, or None."""
    if row.incident:
        detail = row.incident.summary.removeprefix(f"{row.version} does not answer.").strip()
        return _of(
            row, Severity.CRITICAL, f"{row.version} does not answer.", _remedy(row), why=detail
        )
    if row.deployment.state == DeploymentState.FAILED:
        return _of(
            row,
            Severity.CRITICAL,
            f"{row.version} does not run.",
            "Mend it and start it again.",
            why=row.deployment.reason,
        )
    if row.deployment.state in BROKEN:
        return _of(
            row,
            Severity.CRITICAL,
            f"{row.version} is {row.deployment.get_state_display().lower()}.",
            _remedy(row),
            why=row.deployment.reason,
        )
    if row.deployment.state == DeploymentState.DEGRADED:
        what = f"{row.version} runs {row.deployment.running} of at least {row.deployment.min_replicas} replicas."
        return _of(
            row,
            Severity.WARNING,
            what,
            "It heals by itself; if it does not within a minute, read its logs.",
            why=row.deployment.reason,
        )
    return None


def _of_calls(row, is_breaker_open):
    """The Alert of a version that seems well and yet loses processes or fails or refuses calls, or None."""
    if row.deployment.crashed >= CRASHES:
        what = f"{row.version} lost {row.deployment.crashed} processes in the last hour; others took over."
        return _of(
            row,
            Severity.WARNING,
            what,
            "Read what they wrote last. Does it need more memory than it declares?",
        )
    if is_breaker_open:
        return _of(
            row,
            Severity.CRITICAL,
            f"{row.version} fails call after call: the gateway pauses before it asks again.",
            _remedy(row),
        )
    if row.load.failed >= FAILED_CALLS and row.load.failed * 100 >= row.load.calls * FAILED_PERCENT:
        what = f"{row.version} failed {row.load.failed} of {row.load.calls} calls in the last minute, though it answers the probes."
        return _of(row, Severity.CRITICAL, what, _remedy(row))
    if (
        row.full_percent
        and row.full_percent >= FULL_PERCENT
        and row.deployment.running >= row.deployment.max_replicas
    ):
        what = f"{row.version} is {row.full_percent:.0f} % full and may not grow: {row.deployment.max_replicas} of {row.deployment.max_replicas} replicas run."
        return _of(row, Severity.WARNING, what, "Allow it more replicas.", link="Size it")
    return None


def _remedy(row):
    if row.deployment.is_external:
        return f"Ask who hosts it; its owner is {row.version.model.owner_team}, {row.version.model.support_contact}."
    return "Read what its processes wrote. Stop and start it, or roll back to the version before."


def _of(row, severity, what, remedy, *, link="Logs and controls", why=""):
    """Of one version; nobody's calls fail where nobody subscribes, so that it can wait for the morning."""
    severity = severity if row.affected.applications else Severity.WARNING
    if row.deployment.is_external:
        url, link = reverse("hosting:deployment", args=[row.version.model.slug]), "Its deployment"
    else:
        url = reverse(
            "hosting:manage_deployment", args=[row.version.model.slug, row.version.number]
        )
    return Alert(severity, what, str(row.affected), remedy, row.since, url, link, why)
