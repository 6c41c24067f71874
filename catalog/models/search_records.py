"""Search before build: what a team needed, what was found then, and what it decided (docs/search-before-build.md)."""

from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Prefetch, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models.entries import REVIEWS, RegisteredModel
from catalog.models.needs import TEXT_MAX, Need
from marketplace.accounts.models import Team, User
from marketplace.core.decisions import Decidable
from marketplace.core.field_limits import REASON
from marketplace.core.fields import LineField
from marketplace.core.transitions import state_constraint

OVERSEES = ("curator", "auditor", "admin", "governance_lead", "model_risk_officer", *REVIEWS)
VALID = timedelta(days=90)  # from the decision on
SEARCHED_WITHIN = timedelta(days=30)  # before the decision


class SearchRecordState(models.TextChoices):
    OPEN = "open", "Open"
    DECIDED = "decided", "Decided"
    WITHDRAWN = "withdrawn", "Withdrawn"


class ReuseDecision(models.TextChoices):
    REUSE = "reuse", "Reuse a model"
    EXTEND = "extend", "Have a model extended"
    BUILD = "build", "Build"


class ReasonCode(models.TextChoices):
    """Why a model that was found does not do."""

    QUALITY = "quality", "Quality"
    DATA = "data", "Data"
    LEGAL = "legal", "Legal"
    LATENCY = "latency", "Latency"
    COST = "cost", "Cost"
    SCOPE = "scope", "Scope"
    OTHER = "other", "Other"


class SearchRecordSet(models.QuerySet["SearchRecord"]):
    def visible_to(self, user: User) -> Self:
        """The team's own; all of them for curators, governance, reviewers and auditors."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self if user.has_role(*OVERSEES) else self.filter(team__in=user.teams())

    def valid(self) -> Self:
        """Decided, and not expired."""
        return self.filter(state=SearchRecordState.DECIDED, expires_at__gt=timezone.now())

    def for_list(self) -> Self:
        counted = self.annotate(
            found=Count("candidates"),
            strong=Count("candidates", Q(candidates__is_strong=True)),
        )
        return counted.select_related("team__business_unit", "opened_by").order_by("-pk")

    def for_page(self) -> Self:
        candidates = SearchCandidate.objects.select_related("model__owner_team", "reasoned_by")
        return (
            self.select_related("team__business_unit", "opened_by", "decided_by", "demand")
            .select_related("chosen__owner_team")
            .prefetch_related(Prefetch("candidates", candidates))
        )


class SearchRecord(Decidable):
    """A need, the ranked models that the search found for it, frozen, and the team's decision. Signed when it is decided."""

    State = SearchRecordState
    MOVES = {
        SearchRecordState.OPEN: {SearchRecordState.DECIDED, SearchRecordState.WITHDRAWN},
        SearchRecordState.DECIDED: {SearchRecordState.WITHDRAWN},
    }

    title = LineField(max_length=120)
    need = models.TextField(max_length=TEXT_MAX)
    team = models.ForeignKey(Team, models.PROTECT, related_name="search_records")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    engine = models.CharField(max_length=80, help_text="What searched, with its version")
    state = models.CharField(
        max_length=10, choices=SearchRecordState, default=SearchRecordState.OPEN
    )
    decision = models.CharField(max_length=8, choices=ReuseDecision, blank=True)
    chosen = models.ForeignKey(
        RegisteredModel, models.PROTECT, null=True, blank=True, related_name="+"
    )
    sponsor = LineField(max_length=120, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decision_reason = models.TextField(max_length=REASON, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    signature = models.CharField(
        max_length=128, blank=True, help_text="Ed25519 over catalog.search_records.statement"
    )
    badge_key = models.CharField(max_length=32, unique=True, help_text="Opens the badge alone")
    demand = models.ForeignKey(
        Need, models.PROTECT, null=True, blank=True, related_name="search_records"
    )

    objects = SearchRecordSet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            state_constraint(SearchRecordState, "search_record_state"),
            models.CheckConstraint(
                condition=~Q(state=SearchRecordState.DECIDED)
                | (
                    ~Q(decision="")
                    & ~Q(signature="")
                    & ~Q(sponsor="")
                    & Q(decided_by__isnull=False, expires_at__gt=models.F("decided_at"))
                ),
                name="search_record_decided_whole",
            ),
            models.CheckConstraint(
                condition=Q(
                    decision__in=[ReuseDecision.REUSE, ReuseDecision.EXTEND], chosen__isnull=False
                )
                | Q(decision__in=["", ReuseDecision.BUILD], chosen=None),
                name="search_record_chosen_fits",
            ),
        ]
        indexes = [models.Index(fields=["team", "-id"], name="search_records_of_team")]

    def __str__(self) -> str:
        return f"SBR-{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("catalog:search_record", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state == SearchRecordState.OPEN

    @property
    def is_decided(self) -> bool:
        return self.state == SearchRecordState.DECIDED

    @property
    def has_expired(self) -> bool:
        return self.is_decided and self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def may_be_built(self) -> bool:
        """Does it say that something is built or extended?"""
        return self.is_decided and self.decision in (ReuseDecision.BUILD, ReuseDecision.EXTEND)


class SearchCandidate(models.Model):
    """A model that the search found, as it was found, and why it does not do. The found part never changes."""

    record = models.ForeignKey(SearchRecord, models.PROTECT, related_name="candidates")
    position = models.PositiveSmallIntegerField()
    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=200)
    version = models.CharField(max_length=30, blank=True)
    score = models.DecimalField(max_digits=5, decimal_places=4, help_text="0..1, of the engine")
    is_strong = models.BooleanField()
    findings: "models.JSONField[Any, Any]" = models.JSONField(
        default=list, help_text="Sentences: why it was found"
    )
    reason_code = models.CharField(max_length=8, choices=ReasonCode, blank=True)
    reason = models.TextField(max_length=REASON, blank=True)
    reasoned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    reasoned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["record", "position"], name="candidate_place_once"),
            models.UniqueConstraint(fields=["record", "model"], name="candidate_model_once"),
            models.CheckConstraint(
                condition=Q(reason_code="", reason="")
                | (~Q(reason_code="") & ~Q(reason="") & Q(reasoned_by__isnull=False)),
                name="candidate_reason_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"
