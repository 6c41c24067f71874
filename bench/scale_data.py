"""A large company, written row by row and not through the verbs: thousands of listings, their versions, teams, keys, figures.

`python -m bench.scale_data <listings>` fills the database that DATABASE_URL names, which must be migrated and empty
(`python -m bench.scale_data 10000 --fresh` makes one beside it, migrates and fills it, and prints its address).

A listing has three versions: 1.0.0 and 1.1.0 are retired, 2.0.0 is in the state that its number has in NEWEST. Whatever
was published once has an upstream; every second retired version still has its stopped deployment, as the product leaves them.
Most live versions are external endpoints at an address where nothing answers; one in fifty runs in the engine.
"""

import os
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

TEAMS, KEYS, HOURS = 1_000, 10_000, 240_000
UNITS = 9
BATCH = 2_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST = (
    *["published"] * 11,
    "deprecated",
    "deprecated",
    "retired",
    "retired",
    "retired",
    "in_review",
    "changes_requested",
    "draft",
    "withdrawn",
)
LIVE = ("published", "deprecated")
ONCE_LIVE = (*LIVE, "retired")
DATES = {"retired": 300, "deprecated": 40, "published": 20}  # days since it was published
SUBJECTS = "income fraud churn claims mortgage credit payment customer property invoice contract portfolio deposit branch merchant".split()
TASKS = "verification scoring detection forecast matching routing pricing ranking extraction screening estimate alert".split()
WORDS = (
    "account applicant balance behaviour card case cash collateral complaint cost daily debt decision default delay document early "
    "expected exposure flow history household hourly limit loan loss monthly network offer overdraft past payslip policy premium "
    "price quality rate regional renewal repair retail risk salary season segment service small statement summer supplier tenant "
    "transaction transfer trend usage value vehicle weekly winter"
).split()
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

# What the catalog's triggers and its sweep write: the words of each listing, its last publication, twelve models like it.
INSERT_CATALOG_FIGURES = """
UPDATE catalog_registeredmodel AS model SET last_published_at = newest.at
FROM (SELECT model_id, max(published_at) AS at FROM catalog_modelversion GROUP BY 1) AS newest WHERE newest.model_id = model.id;
SET session_replication_role = origin;
UPDATE catalog_registeredmodel SET name = name;
UPDATE catalog_searchdocument SET is_neighbourhood_due = false;
INSERT INTO catalog_neighbour (model_id, other_id, score)
WITH placed AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS models FROM catalog_registeredmodel)
SELECT one.id, other.id, 0.6 - step * 0.01
FROM placed AS one, generate_series(1, 12) AS step, placed AS other
WHERE other.place = (one.place + step * 7) % one.models AND other.id <> one.id
ON CONFLICT DO NOTHING;
"""


@dataclass
class Made:
    """What there is now, for a bench to ask about: the ids of live listings, and one person of each kind."""

    listings: int
    live_models: list[int]
    consumer: Any
    publisher: Any
    operator: Any
    auditor: Any
    seconds: float


def make(listings: int, *, teams: int = TEAMS, keys: int = KEYS, hours: int = HOURS) -> Made:
    """Write a company of that size: `keys` subscriptions with one key each, `hours` rows of usage, at one size everywhere."""
    from django.db import connection

    began = time.monotonic()
    with (
        connection.cursor() as cursor
    ):  # a superuser's: no trigger runs and no reference is looked up, which takes most of the time
        cursor.execute("SET session_replication_role = replica")
    company = _Company(random.Random(8), listings)
    company.people(teams)
    company.models()
    company.versions()
    company.what_belongs_to_versions()
    company.what_runs()
    company.consumers(keys)
    company.usage(hours)
    company.record()
    with connection.cursor() as cursor:
        cursor.execute(INSERT_CATALOG_FIGURES)
        cursor.execute("ANALYZE")
    live = [version.model_id for version in company.newest if version.state in LIVE]
    return Made(listings, live, *company.cast, time.monotonic() - began)


class _Company:
    """The steps, in order; each keeps what the next ones refer to."""

    def __init__(self, luck: random.Random, listings: int) -> None:
        from django.utils import timezone

        self.luck, self.listings, self.now = luck, listings, timezone.now()

    def people(self, teams: int) -> None:
        from marketplace.accounts.models import (
            BusinessUnit,
            Membership,
            RoleGrant,
            Team,
            TeamUnit,
            User,
        )

        units = _all(
            BusinessUnit(name=f"Unit {n}", slug=f"unit-{n}", has_ai=n < 4) for n in range(UNITS)
        )
        self.units = units
        self.teams = _all(
            Team(
                name=f"Team {n}",
                slug=f"team-{n}",
                business_unit=units[n % UNITS],
                is_ai_team=n % 2 == 0,
                cost_centre=f"C-{n}",
            )
            for n in range(teams)
        )
        _all(
            TeamUnit(team=team, business_unit_id=team.business_unit_id, since=EPOCH)
            for team in self.teams
        )
        self.users = _all(
            User(username=f"person{n}", display_name=f"Person {n}", password="!")
            for n in range(teams)
        )
        _all(
            Membership(user=user, team=team, role="lead")
            for user, team in zip(self.users, self.teams, strict=True)
        )
        roles = {"operator": self.users[2], "auditor": self.users[3]}
        _all(RoleGrant(user=user, role=role, granted_by=user) for role, user in roles.items())
        self.cast = (self.users[1], self.users[0], *roles.values())

    def models(self) -> None:
        from catalog.models import Capability, Domain, ModelType, RegisteredModel

        domains = _all(
            Domain(slug=f"domain-{n}", name=f"Domain {n}", position=n) for n in range(12)
        )
        capabilities = _all(
            Capability(slug=task, name=task.capitalize(), position=n)
            for n, task in enumerate(TASKS)
        )
        types = _all(ModelType(slug=f"type-{n}", name=f"Type {n}", position=n) for n in range(8))
        self.models_ = _all(
            RegisteredModel(
                **self._words(n),
                slug=f"model-{n}",
                owner_team=self._of_teams(n),
                owner=self.users[n % len(self.users)],
                created_by=self.users[n % len(self.users)],
                domain=domains[n % 12],
                capability=capabilities[n % len(TASKS)],
                model_type=types[n % 8],
                support_contact="team@example.com",
                support_hours="Mon–Fri 9–17 CET",
                visibility=(
                    "business_units"
                    if n % 10 == 7
                    else "restricted"
                    if n % 10 == 8
                    else "enterprise"
                ),
                state="draft" if self._state(n) not in ONCE_LIVE and n % 2 else "published",
                created_at=self.now - timedelta(days=400, minutes=n),
                risk_tier=("low", "medium", "high")[n % 3],
                calls_30d=n * 37 % 5000,
                consumer_teams=n % 17,
            )
            for n in range(self.listings)
        )
        seen_by = {
            "business_units": ("visible_units", "businessunit", self.units),
            "restricted": ("visible_teams", "team", self.teams),
        }
        for visibility, (field, name, all_) in seen_by.items():
            through = getattr(RegisteredModel, field).through
            chosen = [model for model in self.models_ if model.visibility == visibility]
            _all(
                through(
                    **{
                        "registeredmodel_id": model.pk,
                        f"{name}_id": all_[(model.pk + step) % len(all_)].pk,
                    }
                )
                for model in chosen
                for step in range(3)
            )

    def versions(self) -> None:
        from catalog.models import Alias

        self.old = [
            _all(self._version(n, f"1.{minor}.0", "retired") for n in range(self.listings))
            for minor in (0, 1)
        ]
        self.newest = _all(self._version(n, "2.0.0", self._state(n)) for n in range(self.listings))
        self.shown = [
            new if new.state in ONCE_LIVE else old
            for new, old in zip(self.newest, self.old[1], strict=True)
        ]
        _all(
            Alias(model_id=version.model_id, name="stable", version=version)
            for version in self.shown
        )

    def what_belongs_to_versions(self) -> None:
        from catalog.models import Contribution, ModelCard
        from consumption import terms
        from consumption.models import Plan, PlanTerms
        from governance.models import Review

        owners = [model.owner for model in self.models_]
        _all(
            Contribution(version=version, user=owner, kind="created")
            for version, owner in zip(self.newest, owners, strict=True)
        )
        _all(
            ModelCard(version=version, data=self._card(), completeness=90) for version in self.shown
        )
        waiting = [version for version in self.newest if version.state == "in_review"]
        _all(
            Review(version=version, kind=kind, due_at=self.now + timedelta(days=3))
            for version in waiting
            for kind in ("curation", "final")
        )
        sizes = {"standard": 20, "large": 200}
        plans = _all(
            Plan(
                model=model,
                slug=slug,
                name=slug.capitalize(),
                rate_per_second=rate,
                burst=2 * rate,
                monthly_quota=rate * 50_000,
            )
            for model in self.models_
            for slug, rate in sizes.items()
        )
        _all(
            PlanTerms(
                plan=plan,
                effective_from=self.now,
                **{name: getattr(plan, name) for name in terms.FIELDS},
            )
            for plan in plans
        )
        self.plans = {plan.model_id: plan for plan in plans if plan.slug == "standard"}

    def what_runs(self) -> None:
        from hosting.models import Deployment, HealthSample, Replica, Upstream

        live = [version for version in self.newest if version.state in LIVE]
        gone = [*self.old[0][::2], *self.old[1][::2]]
        hosted = [version for version in live if version.kind == "onnx"]
        _all(
            Upstream(
                version=version,
                kind="engine" if version.kind == "onnx" else "external",
                is_ready=is_live,
                base_url=f"https://models.example.com/{version.pk}",
                probe_due_at=self.now + timedelta(hours=1) if is_live else None,
            )
            for versions, is_live in ((live, True), (gone, False))
            for version in versions
        )
        deployments = _all(
            Deployment(
                version=version, app_name=f"model-{version.pk}", state=state, ready_at=self.now
            )
            for versions, state in ((hosted, "ready"), (gone, "stopped"))
            for version in versions
        )
        _all(
            Replica(deployment=one, replica_id=f"r{one.pk}", state="running")
            for one in deployments
            if one.state == "ready"
        )
        stopped = [one for one in deployments if one.state == "stopped"]
        _all(
            Replica(
                deployment=one,
                replica_id=f"r{one.pk}",
                state="gone",
                ended_at=self.now - timedelta(days=200),
            )
            for one in stopped
        )
        _all(
            HealthSample(
                version=version,
                is_ok=True,
                latency_ms=8.0,
                replicas=1,
                at=self.now + timedelta(seconds=600 - 30 * back),
            )
            for back in range(3)
            for version in live
        )  # the newest in the future, so that no probe is due while a bench runs

    def consumers(self, keys: int) -> None:
        from consumption.metering import quota
        from consumption.models import (
            ApiKey,
            Application,
            QuotaPeriod,
            Subscription,
            SubscriptionPlan,
        )

        applications = _all(
            Application(
                name=f"Application {n}",
                slug=f"application-{n}",
                team=self._of_teams(n),
                created_by=self.users[n % len(self.users)],
            )
            for n in range(max(len(self.teams), keys // 10))
        )
        live = [version for version in self.newest if version.state in LIVE]
        pairs = (
            (applications[n % len(applications)], live[(n // len(applications) + n) % len(live)])
            for n in range(keys)
        )
        held = _all(
            Subscription(
                application=app,
                model_id=version.model_id,
                plan=self.plans[version.model_id],
                state="active",
                pinned_version=version,
                purpose="To decide faster.",
                requested_by=app.created_by,
            )
            for app, version in dict.fromkeys(pairs)
        )
        _all(SubscriptionPlan(subscription=one, plan_id=one.plan_id, since=EPOCH) for one in held)
        later = self.now + timedelta(days=80)
        _all(
            ApiKey(
                kid=f"{one.pk:08d}",
                mac=f"{one.pk:064x}",
                subscription=one,
                created_by=one.requested_by,
                expires_at=later,
            )
            for one in held
        )
        month = quota.period_start(self.now)
        _all(
            QuotaPeriod(
                subscription=one, period_start=month, quota=1_000_000, leased=5_000, used=4_000
            )
            for one in held
        )
        self.held = len(held)

    def usage(self, hours: int) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(INSERT_HOURS, {"hours": hours, "held": self.held})
            cursor.execute(INSERT_DAYS)

    def record(self) -> None:
        from marketplace.audit.models import AuditEvent, Checkpoint
        from marketplace.notices.models import Notice

        events = _all(
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
            for number, version in enumerate((*self.old[1], *self.newest), 1)
        )
        Checkpoint.objects.create(
            size=len(events), head=events[-1].hash, signature="made", at=self.now
        )
        _all(
            Notice(
                recipient=user,
                kind="version.published",
                title="A version is published",
                key=f"told-{n}",
                read_at=self.now if n else None,
            )
            for user in self.users
            for n in range(5)
        )

    def _state(self, n: int) -> str:
        return NEWEST[n % len(NEWEST)]

    def _of_teams(self, n: int) -> Any:
        return self.teams[n % len(self.teams)]

    def _words(self, n: int) -> dict[str, Any]:
        some = self.luck.choices(WORDS, k=20)
        subject, task = SUBJECTS[n % len(SUBJECTS)], TASKS[n % len(TASKS)]
        return {
            "name": f"{some[0].capitalize()} {subject} {task} {n}",
            "summary": f"{task.capitalize()} of {subject} by {' '.join(some[1:7])}.",
            "description": f"For each {subject} it weighs {' '.join(some[5:])} and says how sure it is.",
            "limitations": f"Not for {some[8]} or {some[9]}.",
            "tags": some[10:13],
        }

    def _card(self) -> dict[str, Any]:
        some = " ".join(self.luck.choices(WORDS, k=12))
        return {
            "intended_use.summary": f"To help people decide about {some}.",
            "intended_use.out_of_scope": ["Deciding without a person."],
            "limitations.text": [f"It knows little of {some}."],
            "data.training.description": f"Two years of {some}.",
            "intended_use.users": ["Advisers"],
        }

    def _version(self, n: int, number: str, state: str) -> Any:
        from catalog.models import ModelVersion

        major, minor, patch = map(int, number.split("."))
        published = (
            self.now - timedelta(days=DATES.get(state, 0), minutes=n)
            if state in ONCE_LIVE
            else None
        )
        ended = {"retired": -timedelta(days=30), "deprecated": timedelta(days=60)}.get(state)
        owner = self.models_[n].owner
        return ModelVersion(
            model=self.models_[n],
            number=number,
            major=major,
            minor=minor,
            patch=patch,
            state=state,
            created_by=owner,
            submitted_by=owner,
            kind="onnx" if n % 50 == 0 or minor else "external",
            external_url="https://models.example.com/",
            changelog="What changed, and why it did.",
            signature=SIGNATURE,
            example=EXAMPLE,
            sla={"availability": "99.5", "p95_ms": 100, "rps": 20, "support": "Office hours"},
            risk_tier=("low", "medium", "high")[n % 3],
            manifest_sha256=f"{n:064x}",
            manifest_signature="signed" if published else "",
            created_at=self.now - timedelta(days=400, minutes=n),
            published_at=published,
            deprecated_at=published + timedelta(days=10) if published and ended else None,
            sunset_at=self.now + ended if ended else None,
        )


def _column(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "datatype": "FP32",
        "shape": [-1],
        "required": True,
        "description": f"The {name}, as a number",
        "unit": "USD",
    }


INPUTS = [_column(name) for name in WORDS[:12]]
SIGNATURE = {"inputs": INPUTS, "outputs": [_column("score")]}
EXAMPLE = {
    "inputs": [
        {"name": column["name"], "datatype": "FP32", "shape": [1], "data": [1.0]}
        for column in INPUTS
    ]
}


def _all(rows: Iterable[Any]) -> list[Any]:
    """Insert rows of one model and return them with their ids."""
    rows = list(rows)
    return rows and type(rows[0]).objects.bulk_create(rows, BATCH)


def main() -> None:
    listings = int(sys.argv[1])
    from bench import ground

    if "--fresh" in sys.argv:
        ground.make_database()
    else:
        import django

        django.setup()
    made = make(listings)
    print(
        f"{made.listings} listings in {made.seconds:.0f} s; person0 publishes, person1 consumes, person2 operates, person3 audits"
    )
    print(os.environ["DATABASE_URL"])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    main()
