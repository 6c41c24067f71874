"""Policies, risk tiers, reviews and their decisions, gates, amendments."""

from dataclasses import dataclass
from itertools import product

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When
from django.urls import reverse
from django.utils import timezone

from catalog.models import REVIEWS, SEES_EVERYTHING, ModelVersion, RegisteredModel, sees_everything
from governance import gates
from governance.checklists import as_answered
from governance.matrix import MIN_PEOPLE, roles_for
from marketplace.core.decisions import Decidable, Proposal
from marketplace.core.field_limits import REASON
from marketplace.core.transitions import state_constraint


class PolicyVersionSet(models.QuerySet):
    def approved(self):
        """Those that governance changed, in the order in which they begin; the product's own texts left out."""
        return self.filter(change__isnull=False).order_by("effective_from", "pk")


class PolicyVersion(models.Model):
    """Rules as data: which text of the rules a decision was made under. Rows are immutable."""

    kind = models.SlugField(max_length=30)
    semver = models.CharField(max_length=20)
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    effective_from = models.DateTimeField(default=timezone.now)

    objects = PolicyVersionSet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "sha256"], name="policy_text_once")]

    def __str__(self):
        return f"{self.kind}/{self.semver}"


class TierAssessment(models.Model):
    """The answers to the risk questionnaire and the tier they lead to. The newest row of a version counts."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="assessments")
    answers = models.JSONField()
    tier = models.CharField(max_length=12)
    score = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="+")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]
        get_latest_by = ["at", "id"]

    def __str__(self):
        return f"{self.version}: {self.tier}"


class ReviewState(models.TextChoices):
    OPEN = "open", "Open"
    APPROVED = "approved", "Approved"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    REJECTED = "rejected", "Rejected"
    VOID = "void", "Void"


class ReviewSet(models.QuerySet):
    def visible_to(self, user):
        """Reviews of versions the person may see, for the owner team and those who judge or oversee."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if sees_everything(user):
            return self
        if user.has_role(*REVIEWS):
            return self.filter(version__in=ModelVersion.objects.visible_to(user))
        # Its team sees all its versions. By ids, of which the database knows how many rows they have.
        return self.filter(version__model__owner_team__in=user.team_ids())

    def open(self):
        return self.filter(state=ReviewState.OPEN)

    def judged_by(self, roles):
        """Reviews, open or not, that one of these marketplace roles decides."""
        return self.filter(_wait_for(roles))

    def for_roles(self, roles):
        """Open reviews that wait for one of these marketplace roles; a final approval only once it is the last."""
        return self.open().filter(_wait_for(roles)).exclude(_opens_later())

    def theirs_first(self, user):
        """In the order of a queue: first what waits for the person's roles and is not their own work; then the most urgent."""
        theirs = _wait_for(user.roles()) & ~Q(
            Q(version__model__owner_team__in=user.team_ids())
            | Q(version__in=user.contributions.values("version"))
        )
        return self.annotate(opens_later=_opens_later()).order_by(
            Case(
                When(opens_later=True, then=3),
                When(theirs & Q(assignee=user), then=0),
                When(theirs, then=1),
                default=2,
            ),
            "due_at",
            "-pk",
        )

    def for_queue(self):
        return self.select_related(
            "version__model__owner_team__business_unit", "version__submitted_by", "assignee"
        ).order_by("due_at")


def _opens_later():
    """A final approval while other reviews of its round are open."""
    others = Review.objects.open().filter(version=OuterRef("version"), round=OuterRef("round"))
    return Q(kind=Review.Kind.FINAL) & Exists(others.exclude(kind=Review.Kind.FINAL))


def _wait_for(roles):
    """Which reviews one of these marketplace roles may decide."""
    waiting = Q(pk=None)
    for kind, tier in product(Review.Kind.values, MIN_PEOPLE):
        if roles & set(roles_for(kind, tier)):
            waiting |= Q(kind=kind, version__risk_tier=tier)
    return waiting


class Review(Decidable):
    """One required judgement about one version: an open row is the queue."""

    class Kind(models.TextChoices):
        CURATION = "curation", "Curation"
        EVALUATION = "evaluation", "Independent evaluation"
        FAIRNESS = "fairness", "Fairness"
        SECURITY = "security", "Security and safety"
        LEGAL = "legal", "Legal and compliance"
        FINAL = "final", "Final approval"

    State = ReviewState
    REMINDERS = (75, 100, 150)  # percent of its time (docs/governance.md, "Re-review")
    MOVES = {
        ReviewState.OPEN: {
            ReviewState.APPROVED,
            ReviewState.CHANGES_REQUESTED,
            ReviewState.REJECTED,
            ReviewState.VOID,
        },
        ReviewState.APPROVED: {ReviewState.VOID},
    }

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="reviews")
    kind = models.CharField(max_length=12, choices=Kind)
    round = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=20, choices=ReviewState, default=ReviewState.OPEN)
    opened_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_reviews",
        help_text="Who has it first; the others who may decide it still may",
    )
    remind_at = models.DateTimeField(
        null=True, blank=True, help_text="When its next reminder is due; empty: never"
    )
    kept_from = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The review of an earlier round whose approval still holds",
    )

    objects = ReviewSet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        indexes = [
            models.Index(fields=["due_at", "-id"], name="review_most_urgent"),
            models.Index(
                fields=["remind_at"], condition=Q(state=ReviewState.OPEN), name="review_to_remind"
            ),
        ]
        constraints = [
            state_constraint(ReviewState, "review_state"),
            models.UniqueConstraint(
                fields=["version", "kind", "round"], name="review_once_a_round"
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} of {self.version}"

    def get_absolute_url(self):
        return reverse("governance:review", args=[self.pk])

    @property
    def is_overdue(self):
        return self.state == ReviewState.OPEN and self.due_at <= timezone.now()

    @property
    def decided_by(self):
        """Whose decision it is, of this round or kept from an earlier one."""
        return (self.kept_from or self).decision.by

    def next_reminder(self, now):
        """When the first of REMINDERS after `now` is due; None when all are past."""
        span = self.due_at - self.opened_at
        moments = (self.opened_at + span * (percent / 100) for percent in self.REMINDERS)
        return next((moment for moment in moments if moment > now), None)


class ReviewRound(models.Model):
    """What reviewers were given in one round: the parts of the submission (governance.rounds). Immutable."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="rounds")
    number = models.PositiveSmallIntegerField()
    submission = models.JSONField(help_text="part → content, as it was submitted")
    opened_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="review_round_once")
        ]

    def __str__(self):
        return f"Round {self.number} of {self.version}"


class Decision(models.Model):
    """What one person decided, why, and about which bytes, card and policy. Immutable."""

    review = models.OneToOneField(Review, models.PROTECT, related_name="decision")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=20, choices=ReviewState)
    reason = models.TextField(max_length=REASON)
    no_conflict = models.BooleanField("declared no conflict of interest")
    manifest_sha256 = models.CharField(max_length=64)
    card_sha256 = models.CharField(max_length=64)
    evidence = models.JSONField(default=list, help_text="ids of the gate results that were shown")
    checklist = models.JSONField(
        default=list, help_text="point, asks, source, answer, note (governance.checklists.Answered)"
    )
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]

    def __str__(self):
        return f"{self.get_outcome_display()} by {self.by}"

    def answered(self):
        """The checklist as it was answered."""
        return as_answered(self.checklist)


class GateResult(models.Model):
    """What one automatic check found. Immutable: a re-run adds a row; the newest per gate and manifest counts."""

    class Verdict(models.TextChoices):
        PASS = "pass", "Passed"
        FAIL = "fail", "Failed"
        INCONCLUSIVE = "inconclusive", "Inconclusive"
        NOT_APPLICABLE = "not_applicable", "Not applicable"
        ERROR = "error", "Could not run"

    class Severity(models.TextChoices):
        BLOCK = "block", "Blocks"
        WARN = "warn", "Warns"
        INFO = "info", "Informs"

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="gate_results")
    gate = models.CharField(max_length=40)
    verdict = models.CharField(max_length=16, choices=Verdict)
    severity = models.CharField(max_length=6, choices=Severity)
    summary = models.TextField()
    remedy = models.TextField(blank=True, help_text="What to do about it; empty when it passed")
    metrics = models.JSONField(default=dict)
    tool = models.CharField(max_length=80)
    manifest_sha256 = models.CharField(max_length=64)
    duration_ms = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["gate", "-id"]

    def __str__(self):
        return f"{self.gate} {self.verdict}"

    @property
    def label(self):
        """The name of the gate for people; of one that is not declared any more, its own."""
        declared = gates.BY_NAME.get(self.gate)
        return declared.label if declared else self.gate.capitalize()

    @property
    def asks(self):
        declared = gates.BY_NAME.get(self.gate)
        return declared.asks if declared else ""

    @property
    def rank(self):
        """The order in which people read results: what blocks, what else did not pass, what passed, what does not apply."""
        if self.is_not_applicable:
            return 3
        return 0 if self.blocks else 2 if self.verdict == self.Verdict.PASS else 1

    @property
    def is_not_applicable(self):
        return self.verdict == self.Verdict.NOT_APPLICABLE

    @property
    def blocks(self):
        """Fail-closed: only a pass or a reasoned "not applicable" lets a blocking gate through."""
        passed = self.verdict in (self.Verdict.PASS, self.Verdict.NOT_APPLICABLE)
        return self.severity == self.Severity.BLOCK and not passed


class AmendmentState(models.TextChoices):
    OPEN = "open", "Being reviewed"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class AmendmentSet(models.QuerySet):
    def visible_to(self, user):
        """Approved ones of models the person may see; the others for the owner team and those who judge or oversee."""
        seen = self.filter(model__in=RegisteredModel.objects.visible_to(user))
        if user.has_role(*REVIEWS, *SEES_EVERYTHING):
            return seen
        return seen.filter(Q(state=AmendmentState.APPROVED) | Q(model__owner_team__in=user.teams()))

    def open(self):
        return self.filter(state=AmendmentState.OPEN)

    def for_page(self):
        return self.select_related(
            "model__owner_team__business_unit", "proposed_by"
        ).prefetch_related("decisions__by")


@dataclass(frozen=True)
class ChangedFact:
    """A field of an entry before and after an amendment."""

    field: str
    label: str
    before: str
    after: str


class Amendment(Proposal):
    """A change of facts that reviewers relied on. The entry says what was approved until every needed person agreed."""

    class Weight(models.TextChoices):
        SPELLING = "spelling", "Spelling only"
        FACTS = "facts", "Facts"

    State = AmendmentState
    MOVES = {
        AmendmentState.OPEN: {
            AmendmentState.APPROVED,
            AmendmentState.REFUSED,
            AmendmentState.WITHDRAWN,
        }
    }

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="amendments")
    changes = models.JSONField(help_text="field → {before, after}; choices by their slug")
    weight = models.CharField(max_length=10, choices=Weight)
    tier = models.CharField(
        max_length=12, help_text="The model's risk tier when it was proposed; decides who is needed"
    )
    state = models.CharField(max_length=10, choices=AmendmentState, default=AmendmentState.OPEN)
    due_at = models.DateTimeField()

    objects = AmendmentSet.as_manager()

    class Meta:
        ordering = ["-proposed_at", "-id"]
        constraints = [state_constraint(AmendmentState, "amendment_state")]

    def __str__(self):
        return f"Amendment of {self.model.name}"

    def get_absolute_url(self):
        return reverse("governance:amendment", args=[self.pk])

    @property
    def changed_fields(self):
        """The labels of what changes: "Summary, Limitations"."""
        return ", ".join(fact.label for fact in self.changed_facts())

    def changed_facts(self) -> list[ChangedFact]:
        """What changes, for pages."""
        return [
            ChangedFact(
                name, name.replace("_", " ").capitalize(), change["before"], change["after"]
            )
            for name, change in self.changes.items()
        ]


class AmendmentDecision(models.Model):
    """What one person decided about an amendment, in one kind of review, and why. Immutable."""

    amendment = models.ForeignKey(Amendment, models.PROTECT, related_name="decisions")
    kind = models.CharField(max_length=12, choices=Review.Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=AmendmentState)
    reason = models.TextField(max_length=REASON)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["amendment", "kind"], name="amendment_decided_once_a_kind"
            )
        ]

    def __str__(self):
        return f"{self.get_kind_display()} of {self.amendment}"
