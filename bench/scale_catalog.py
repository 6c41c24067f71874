"""The catalog of a large company: people, listings, three versions of each, cards, plans, reviews (bench/scale_data.py)."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

UNITS = 9
OPERATOR = 2  # the number of the person who also sees the support desk
OWN = 10  # listings of each named person's team
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


class Catalog:
    """The steps, in order; each keeps what the next ones, and bench/scale_use.py, refer to."""

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

        units = insert_all(
            BusinessUnit(name=f"Unit {n}", slug=f"unit-{n}", has_ai=n < 4) for n in range(UNITS)
        )
        self.units = units
        self.teams = insert_all(
            Team(
                name=f"Team {n}",
                slug=f"team-{n}",
                business_unit=units[n % UNITS],
                is_ai_team=n % 2 == 0,
                cost_centre=f"C-{n}",
            )
            for n in range(teams)
        )
        insert_all(
            TeamUnit(team=team, business_unit_id=team.business_unit_id, since=EPOCH)
            for team in self.teams
        )
        self.users = insert_all(
            User(
                username=f"person{n}",
                display_name=f"Person {n}",
                password="!",
                is_staff=n == OPERATOR,
                is_superuser=n == OPERATOR,
            )
            for n in range(teams)
        )
        insert_all(
            Membership(user=user, team=team, role="lead")
            for user, team in zip(self.users, self.teams, strict=True)
        )
        roles = {"operator": self.users[OPERATOR], "auditor": self.users[3]}
        insert_all(RoleGrant(user=user, role=role, granted_by=user) for role, user in roles.items())
        self.named_people = (self.users[1], self.users[0], *roles.values())

    def models(self) -> None:
        from catalog.models import Capability, Domain, ModelType, RegisteredModel

        domains = insert_all(
            Domain(slug=f"domain-{n}", name=f"Domain {n}", position=n) for n in range(12)
        )
        capabilities = insert_all(
            Capability(slug=task, name=task.capitalize(), position=n)
            for n, task in enumerate(TASKS)
        )
        types = insert_all(
            ModelType(slug=f"type-{n}", name=f"Type {n}", position=n) for n in range(8)
        )
        self.models_ = insert_all(
            RegisteredModel(
                **self._words(n),
                slug=f"model-{n}",
                owner_team=self.teams[self._owner_of(n)],
                owner=self.users[self._owner_of(n)],
                created_by=self.users[self._owner_of(n)],
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
            insert_all(
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
            insert_all(self._version(n, f"1.{minor}.0", "retired") for n in range(self.listings))
            for minor in (0, 1)
        ]
        self.newest = insert_all(
            self._version(n, "2.0.0", self._state(n)) for n in range(self.listings)
        )
        self.shown = [
            new if new.state in ONCE_LIVE else old
            for new, old in zip(self.newest, self.old[1], strict=True)
        ]
        insert_all(
            Alias(model_id=version.model_id, name="stable", version=version)
            for version in self.shown
        )

    def what_belongs_to_versions(self) -> None:
        from catalog.models import Contribution, ModelCard
        from consumption.models import Plan, PlanTerms
        from consumption.plans import terms
        from governance.models import Review

        owners = [model.owner for model in self.models_]
        insert_all(
            Contribution(version=version, user=owner, kind="created")
            for version, owner in zip(self.newest, owners, strict=True)
        )
        insert_all(
            ModelCard(version=version, data=self._card(), completeness=90) for version in self.shown
        )
        waiting = [version for version in self.newest if version.state == "in_review"]
        insert_all(
            Review(
                version=version,
                kind=kind,
                due_at=self.now + timedelta(days=3),
                remind_at=self.now + timedelta(days=2),
            )
            for version in waiting
            for kind in ("curation", "final")
        )
        insert_all(
            Review(
                version=version,
                kind=kind,
                state=Review.State.APPROVED,
                decided_at=self.now - timedelta(days=90),
                due_at=self.now - timedelta(days=87),
            )
            for version in self.old[1]
            for kind in ("curation", "final")
        )
        sizes = {"standard": 20, "large": 200}
        plans = insert_all(
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
        insert_all(
            PlanTerms(
                plan=plan,
                effective_from=self.now,
                **{name: getattr(plan, name) for name in terms.FIELDS},
            )
            for plan in plans
        )
        self.plans = {plan.model_id: plan for plan in plans if plan.slug == "standard"}

    def _state(self, n: int) -> str:
        return NEWEST[n % len(NEWEST)]

    def team_of(self, n: int) -> Any:
        return self.teams[n % len(self.teams)]

    def _owner_of(self, n: int) -> int:
        """The number of a listing's team: who is named has ten at every size, as a page of one and of ten are not comparable."""
        named = len(self.named_people)
        if n < OWN * named:
            return n % named
        return named + n % (len(self.teams) - named)

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


def insert_all(rows: Iterable[Any]) -> list[Any]:
    """Insert rows of one model and return them with their ids."""
    rows = list(rows)
    return rows and type(rows[0]).objects.bulk_create(rows, BATCH)
