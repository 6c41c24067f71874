"""What a large company does with its catalog: deployments, subscriptions with keys, usage, the record (bench/scale_data.py)."""

from datetime import timedelta

from bench.scale_catalog import EPOCH, LIVE, Catalog, insert_all

WHOSE = "subscription_id, version_id, team_id, business_unit_id, terms_id"
SUMS = "calls, ok, client_errors, upstream_errors, aborted, unknown, units, cost, duration_us"
# `hours` rows: each subscription in turn, one hour earlier with each round, on its pinned version.
INSERT_HOURS = f"""
INSERT INTO consumption_usagehour (hour, {WHOSE}, {SUMS}, p50_us, p95_us, p99_us)
SELECT date_trunc('hour', now(), 'UTC') - (1 + n / %(held)s) * interval '1 hour', s.id, s.pinned_version_id, s.team_id, s.business_unit_id,
    s.terms_id, 100, 98, 1, 1, 0, 0, 99, 0.1, 800000, 7000, 12000, 30000
FROM generate_series(0, %(hours)s - 1) AS n
JOIN (
  SELECT s.id, s.pinned_version_id, a.team_id, t.business_unit_id, p.id AS terms_id, row_number() OVER (ORDER BY s.id) - 1 AS place
  FROM consumption_subscription s JOIN consumption_application a ON a.id = s.application_id JOIN accounts_team t ON t.id = a.team_id
  JOIN consumption_planterms p ON p.plan_id = s.plan_id
) AS s ON s.place = n %% %(held)s
"""
INSERT_DAYS = f"""
INSERT INTO consumption_usageday (day, {WHOSE}, {SUMS}, p50_us, p95_us, p99_us)
SELECT (hour AT TIME ZONE 'UTC')::date, {WHOSE}, {", ".join(f"sum({name})" for name in SUMS.split(", "))}, 7000, 12000, 30000
FROM consumption_usagehour GROUP BY 1, {WHOSE}
"""
# The same by key, with a failure for each row.
INSERT_KEYS = f"""
INSERT INTO consumption_key{{period}} ({{period}}, {WHOSE}, key_id, environment, in_time, {SUMS}, p50_us, p95_us, p99_us)
SELECT {{period}}, {WHOSE}, (SELECT id FROM consumption_apikey k WHERE k.subscription_id = u.subscription_id LIMIT 1), 'prod', ok, {SUMS},
    p50_us, p95_us, p99_us FROM consumption_usage{{period}} u
"""
INSERT_FAILURES = """
INSERT INTO consumption_failure{period} ({period}, subscription_id, version_id, team_id, key_id, environment, outcome, http_status, calls)
SELECT {period}, subscription_id, version_id, team_id, key_id, environment, 'client_error', 422, client_errors
FROM consumption_key{period}
"""


def what_runs(made: Catalog) -> None:
    from hosting.models import Deployment, HealthSample, Replica, Upstream

    live = [version for version in made.newest if version.state in LIVE]
    gone = [*made.old[0][::2], *made.old[1][::2]]
    hosted = [version for version in live if version.kind == "onnx"]
    insert_all(
        Upstream(
            version=version,
            kind="engine" if version.kind == "onnx" else "external",
            is_ready=is_live,
            base_url=f"https://models.example.com/{version.pk}",
            probe_due_at=made.now + timedelta(hours=1) if is_live else None,
        )
        for versions, is_live in ((live, True), (gone, False))
        for version in versions
    )
    deployments = insert_all(
        Deployment(version=version, app_name=f"model-{version.pk}", state=state, ready_at=made.now)
        for versions, state in ((hosted, "ready"), (gone, "stopped"))
        for version in versions
    )
    insert_all(
        Replica(deployment=one, replica_id=f"r{one.pk}", state="running")
        for one in deployments
        if one.state == "ready"
    )
    stopped = [one for one in deployments if one.state == "stopped"]
    insert_all(
        Replica(
            deployment=one,
            replica_id=f"r{one.pk}",
            state="gone",
            ended_at=made.now - timedelta(days=200),
        )
        for one in stopped
    )
    insert_all(
        HealthSample(
            version=version,
            is_ok=True,
            latency_ms=8.0,
            replicas=1,
            at=made.now + timedelta(seconds=600 - 30 * back),
        )
        for back in range(3)
        for version in live
    )  # the newest in the future, so that no probe is due while a bench runs


def consumers(made: Catalog, keys: int) -> int:
    from consumption.metering import quota
    from consumption.models import (
        ApiKey,
        Application,
        QuotaPeriod,
        Subscription,
        SubscriptionPlan,
    )

    applications = insert_all(
        Application(
            name=f"Application {n}",
            slug=f"application-{n}",
            team=made.team_of(n),
            created_by=made.users[n % len(made.users)],
        )
        for n in range(max(len(made.teams), keys // 10))
    )
    live = [version for version in made.newest if version.state in LIVE]
    each = -(-keys // len(applications))  # models that one application holds, side by side
    pairs = (
        (applications[n // each], live[n % len(live)]) for n in range(keys)
    )  # distinct at every size, as long as there are `each` live models
    held = insert_all(
        Subscription(
            application=app,
            model_id=version.model_id,
            plan=made.plans[version.model_id],
            state="active",
            pinned_version=version,
            purpose="To decide faster.",
            requested_by=app.created_by,
        )
        for app, version in dict.fromkeys(pairs)
    )
    insert_all(SubscriptionPlan(subscription=one, plan_id=one.plan_id, since=EPOCH) for one in held)
    later = made.now + timedelta(days=80)
    insert_all(
        ApiKey(
            kid=f"{one.pk:08d}",
            mac=f"{one.pk:064x}",
            subscription=one,
            created_by=one.requested_by,
            expires_at=later,
        )
        for one in held
    )
    month = quota.period_start(made.now)
    insert_all(
        QuotaPeriod(subscription=one, period_start=month, quota=1_000_000, leased=5_000, used=4_000)
        for one in held
    )
    return len(held)


def usage(hours: int, held: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(INSERT_HOURS, {"hours": hours, "held": held})
        cursor.execute(INSERT_DAYS)
        for period in ("hour", "day"):
            cursor.execute(INSERT_KEYS.format(period=period))
            cursor.execute(INSERT_FAILURES.format(period=period))


def record(made: Catalog) -> None:
    from marketplace.audit.models import AuditEvent, Checkpoint
    from marketplace.notices.models import Notice

    events = insert_all(
        AuditEvent(
            at=version.created_at,
            actor_id=version.created_by_id,
            action="version.start",
            object_type="catalog.modelversion",
            object_id=str(version.pk),
            object_label=f"Model {version.number}",
            seq=number,
            prev_hash=f"{number - 1:064x}",
            hash=f"{number:064x}",
        )
        for number, version in enumerate((*made.old[1], *made.newest), 1)
    )
    Checkpoint.objects.create(size=len(events), head=events[-1].hash, signature="made", at=made.now)
    insert_all(
        Notice(
            recipient=user,
            kind="version.published",
            title="A version is published",
            key=f"told-{n}",
            read_at=made.now if n else None,
        )
        for user in made.users
        for n in range(5)
    )
