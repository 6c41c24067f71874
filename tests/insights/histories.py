"""A company with a random past, written as rows: for tests that recompute figures. The same seed makes the same company."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from catalog.models import (
    Alias,
    ModelVersion,
    ModelView,
    RegisteredModel,
    SearchLog,
    SearchRecord,
)
from consumption.models import (
    ApiKey,
    Application,
    BatchEvaluation,
    KeyDay,
    Plan,
    PlanTerms,
    SandboxCall,
    Subscription,
)
from governance.models import Decision, PolicyVersion, Review
from hosting.models import Incident
from marketplace.accounts.models import BusinessUnit, Membership, Team
from marketplace.audit.models import AuditEvent
from tests import factories

NOW = datetime(2026, 8, 19, 15, 30, tzinfo=UTC)
PAST_DAYS = 330


class Company:
    """Units, teams, models and what happened; everything lies in the PAST_DAYS before NOW."""

    def __init__(self, seed, teams=8, models=9):
        self.draw = random.Random(seed)
        self.someone = factories.person("someone")
        self.units = [
            BusinessUnit.objects.create(
                name=f"Unit {n}", slug=f"unit-{n}", name_key=f"unit {n}", has_ai=n < 2
            )
            for n in range(4)
        ]
        BusinessUnit.objects.create(
            name="Gone",
            slug="gone",
            name_key="gone",
            archived_at=NOW - timedelta(days=self.draw.randrange(200)),
        )
        self.teams = [self.team(n) for n in range(teams)]
        self.members = {
            team.pk: factories.person(f"member-{team.slug}", team) for team in self.teams
        }
        Membership.objects.update(joined_at=NOW - timedelta(days=400))
        self.models = [self.model(n) for n in range(models)]
        self.versions = [self.version(model, n) for model in self.models for n in range(3)]
        self.use()
        self.look_and_search()
        self.search_records()
        self.review()
        self.run()

    # ── Supply ────────────────────────────────────────────────────────────

    def team(self, n):
        return Team.objects.create(
            name=f"Team {n}",
            slug=f"team-{n}",
            name_key=f"team {n}",
            business_unit=self.draw.choice(self.units),
            is_ai_team=self.draw.random() < 0.6,
        )

    def model(self, n):
        is_open = self.draw.random() < 0.75
        return RegisteredModel.objects.create(
            slug=f"model-{n}",
            name=f"Model {n}",
            name_key=f"model {n}",
            name_shape=f"model {n}",
            summary="Estimates something for the tests.",
            owner_team=self.draw.choice(self.teams),
            owner=self.someone,
            support_contact=f"help-{n}@example.com",
            created_by=self.someone,
            state="published",
            visibility="enterprise" if is_open else "restricted",
            **factories.vocabulary(),
        )

    def version(self, model, n):
        """Some were never submitted, some not published, some deprecated or retired."""
        stage = self.draw.choice(["draft", "in_review", "published", "deprecated", "retired"])
        begun = self.moment(PAST_DAYS)
        at = [begun + timedelta(hours=self.draw.randrange(1, 40 * 24)) for _ in range(4)]
        submitted, published, deprecated, retired = sorted(at)
        reached = ["draft", "in_review", "published", "deprecated", "retired"].index(stage)
        version = ModelVersion.objects.create(
            model=model,
            number=f"{n}.0.0",
            major=n,
            minor=0,
            patch=0,
            state=stage,
            created_by=self.someone,
            manifest_signature="signed",
            risk_tier=self.draw.choice(["low", "medium", "high"]),
            submitted_at=submitted if reached >= 1 else None,
            published_at=published if reached >= 2 else None,
            deprecated_at=deprecated if reached >= 3 else None,
            retired_at=retired if reached >= 4 else None,
            approved_until=published + timedelta(days=self.draw.choice([20, 365]))
            if reached >= 2
            else None,
        )
        if stage == "published":
            Alias.objects.get_or_create(model=model, name="stable", defaults={"version": version})
            if self.draw.random() < 0.3:
                self.event("version.renew", version, self.moment(200))
        return version

    # ── Demand ────────────────────────────────────────────────────────────

    def use(self):
        for model in self.models:
            plan = Plan.objects.create(model=model, slug="standard", name="Standard")
            terms = PlanTerms.objects.create(
                plan=plan, effective_from=timezone.now() + timedelta(seconds=5)
            )
            versions = [one for one in self.versions if one.model == model]
            for team in self.draw.sample(self.teams, 4):
                self.subscription(plan, terms, versions, team)

    def subscription(self, plan, terms, versions, team):
        n = Application.objects.count()
        application = Application.objects.create(
            name=f"Application {n}",
            name_key=f"application {n}",
            slug=f"application-{n}",
            team=team,
            environment=self.draw.choice(["prod", "prod", "prod", "test"]),
            created_by=self.someone,
        )
        asked = self.moment(200)
        state = self.draw.choice(["pending", "active", "active", "active", "closed"])
        held = Subscription.objects.create(
            application=application,
            model=plan.model,
            plan=plan,
            state=state,
            pinned_version=versions[0],
            purpose="For the tests.",
            requested_by=self.someone,
            requested_at=asked,
        )
        if state != "pending" and self.draw.random() < 0.9:
            keyed = asked + timedelta(hours=self.draw.randrange(1, 300))
            key = self.key(held, keyed)
            self.calls(held, key, terms, versions, keyed.date())

    def key(self, held, at):
        return ApiKey.objects.create(
            kid=f"k{held.pk:07d}"[-8:],
            mac="0" * 64,
            subscription=held,
            created_by=self.someone,
            created_at=at,
            expires_at=at + timedelta(days=365),
        )

    def calls(self, held, key, terms, versions, since):
        """On some days after the key; of the test application, too, and some days without an answer."""
        most = self.draw.choice([4, 20, 90])
        days = [
            since + timedelta(days=self.draw.randrange(120)) for _ in range(self.draw.randrange(9))
        ]
        for day in sorted(set(days)):
            if day > NOW.date():
                continue
            ok = self.draw.randrange(most)
            failed = self.draw.randrange(3)
            KeyDay.objects.create(
                day=day,
                subscription=held,
                version=self.draw.choice(versions),
                team=held.application.team,
                business_unit=self.draw.choice(
                    [held.application.team.business_unit] * 4 + self.units
                ),
                terms=terms,
                key=key,
                environment=held.application.environment,
                calls=ok + failed,
                ok=ok,
                client_errors=failed,
                **dict.fromkeys(("upstream_errors", "aborted", "unknown"), 0),
                units=ok,
                cost=0,
                duration_us=1,
            )

    # ── Discovery ─────────────────────────────────────────────────────────

    def look_and_search(self):
        looks = {
            (team, model, self.moment(260).date())
            for _ in range(90)
            for team, model in [(self.draw.choice(self.teams), self.draw.choice(self.models))]
        }
        ModelView.objects.bulk_create(
            ModelView(team=team, model=model, day=day)
            for team, model, day in sorted(looks, key=lambda one: (one[0].pk, one[1].pk, one[2]))
        )
        for n in range(60):
            SearchLog.objects.create(
                day=self.moment(200).date(),
                team=self.draw.choice([*self.teams, None]),
                query=f"query {n}",
                results=self.draw.choice([0, 1, 7]),
                was_clicked=self.draw.random() < 0.6,
            )
        for n in range(20):
            team, model = self.draw.choice(self.teams), self.draw.choice(self.models)
            SandboxCall.objects.create(
                event_id=UUID(int=n),
                at=self.moment(250),
                user_id=self.members[team.pk].pk,
                model_id=model.pk,
                version_id=model.versions.first().pk,
                outcome="ok",
                http_status=200,
                duration_us=1,
                request_bytes=1,
                response_bytes=1,
            )

    def search_records(self):
        for n in range(24):
            opened = self.moment(300)
            decided = opened + timedelta(days=self.draw.randrange(1, 10))
            decision = self.draw.choice(["reuse", "reuse", "build"])
            record = SearchRecord.objects.create(
                title=f"Project {n}",
                need="Something that the tests need, said in a long enough sentence.",
                team=self.draw.choice(self.teams),
                opened_by=self.someone,
                opened_at=opened,
                engine="tests",
                badge_key=f"{n:032d}",
                state="decided",
                decision=decision,
                chosen=self.draw.choice(self.models) if decision == "reuse" else None,
                sponsor="Somebody",
                decided_by=self.someone,
                decided_at=decided,
                expires_at=decided + timedelta(days=90),
                signature="signed",
            )
            model = self.draw.choice(self.models)
            if decision == "build" and model.search_record is None:
                model.search_record = record
                model.save(update_fields=["search_record"])

    # ── Reviews and running ───────────────────────────────────────────────

    def review(self):
        policy = PolicyVersion.objects.create(
            kind="tests", semver="1.0.0", body={}, sha256="0" * 64
        )
        for version in self.versions:
            if version.submitted_at is None:
                continue
            for round_ in range(1, self.draw.choice([2, 2, 3])):
                for kind in self.draw.sample(["curation", "evaluation", "security", "final"], 2):
                    self.one_review(version, round_, kind, policy)

    def one_review(self, version, round_, kind, policy):
        opened = version.submitted_at + timedelta(days=5 * round_)
        is_open = self.draw.random() < 0.1
        review = Review.objects.create(
            version=version,
            kind=kind,
            round=round_,
            opened_at=opened,
            due_at=opened + timedelta(days=4),
            state="open" if is_open else "approved",
        )
        if not is_open:
            at = opened + timedelta(hours=self.draw.randrange(1, 200))
            Decision.objects.create(
                review=review,
                by=self.someone,
                outcome="approved",
                reason="It supports this, in the tests.",
                no_conflict=True,
                manifest_sha256="",
                card_sha256="",
                policy=policy,
                at=at,
            )

    def run(self):
        for version in self.draw.sample(self.versions, min(8, len(self.versions))):
            opened = self.moment(200)
            closed = opened + timedelta(minutes=self.draw.randrange(1, 5000))
            Incident.objects.create(
                version=version, opened_at=opened, closed_at=closed, summary="It does not answer."
            )
        for version in self.draw.sample(self.versions, min(6, len(self.versions))):
            since = self.moment(200)
            self.event("version.suspend", version, since)
            if self.draw.random() < 0.7:
                self.event(
                    "version.resume", version, since + timedelta(hours=self.draw.randrange(1, 900))
                )
        for n in range(3):
            evaluation = factories.evaluation(self.versions[n])
            BatchEvaluation.objects.filter(pk=evaluation.pk).update(
                finished_at=self.moment(90), answers_done=self.draw.randrange(1000)
            )

    def event(self, action, version, at):
        AuditEvent.objects.create(
            at=at,
            actor=self.someone,
            action=action,
            object_type="catalog.modelversion",
            object_id=str(version.pk),
            object_label=str(version),
        )

    def moment(self, days):
        """Some time in so many days before NOW."""
        return NOW - timedelta(minutes=self.draw.randrange(1, days * 24 * 60))
