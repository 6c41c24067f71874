"""Registered models, their versions, and the aliases that point at them: whose they are and who sees them."""

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone

from catalog.models.terms import Capability, Domain, ModelType
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.core import names
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.fields import LineField, NameKeyField
from marketplace.core.transitions import state_constraint

SEES_EVERYTHING = (
    "curator",
    "auditor",
    "admin",
    "governance_lead",
    "model_risk_officer",
    "operator",
)
# Of consumption's subscriptions: who has one sees the model until it ends, whatever becomes of its visibility.
IN_USE = ("pending", "active", "paused")
REVIEWS = ("evaluator", "fairness_reviewer", "security_reviewer", "legal_reviewer")


def sees_everything(user):
    """Does the person oversee the whole catalog?"""
    return user.has_role(*SEES_EVERYTHING)


class RegisteredModelSet(models.QuerySet):
    def visible_to(self, user):
        """What the person may know to exist (docs/reliability.md, "Visibility and permissions"). The one rule of reading."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        roles = user.roles()
        if roles.intersection(SEES_EVERYTHING):
            return self
        teams = user.teams()
        named_units = self.model.visible_units.through.objects.filter(businessunit__teams__in=teams)
        named_teams = self.model.visible_teams.through.objects.filter(team__in=teams)
        open_to_me = ~Q(state=RegisteredModel.State.DRAFT) & (
            Q(visibility=RegisteredModel.Visibility.ENTERPRISE)
            | Q(
                visibility=RegisteredModel.Visibility.BUSINESS_UNITS,
                pk__in=named_units.values("registeredmodel"),
            )
            | Q(
                visibility=RegisteredModel.Visibility.RESTRICTED,
                pk__in=named_teams.values("registeredmodel"),
            )
        )
        used = self.model.objects.filter(
            subscriptions__state__in=IN_USE, subscriptions__application__team__in=teams
        )
        in_use = ~Q(state=RegisteredModel.State.DRAFT) & Q(pk__in=used.order_by().values("pk"))
        seen = Q(owner_team__in=teams) | open_to_me | in_use
        if roles.intersection(REVIEWS):
            seen |= Q(
                pk__in=ModelVersion.objects.filter(state__in=ModelVersion.UNDER_REVIEW).values(
                    "model"
                )
            )
        return self.filter(seen)

    def published(self):
        return self.filter(state=RegisteredModel.State.PUBLISHED)

    def not_open(self):
        """Published, but not for everybody in the company."""
        return self.published().exclude(visibility=RegisteredModel.Visibility.ENTERPRISE)

    def called_like(self, name):
        """Those that people would take for one called `name` (docs/names.md)."""
        return self.filter(Q(name_key=names.fold(name)) | Q(name_shape=names.shape(name)))

    def for_list(self):
        """The catalog list: one query for the rows, one for the current versions."""
        stable = Alias.objects.filter(name=Alias.STABLE).select_related("version")
        return self.select_related(
            "owner_team__business_unit", "domain", "capability", "model_type"
        ).prefetch_related(models.Prefetch("aliases", stable, to_attr="stable_aliases"))

    def for_page(self):
        return self.for_list().select_related("owner")


class ModelState(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    ARCHIVED = "archived", "Archived"


LIST_ORDERS = {
    "name": [F("name")],
    "calls": [F("calls_30d").desc()],
    "consumers": [F("consumer_teams").desc(), F("calls_30d").desc()],
    "age": [F("created_at").desc()],
    "publication": [F("last_published_at").desc(nulls_last=True)],
}


class RegisteredModel(models.Model):
    """A catalog entry: what it does, whose it is, whom to ask. Its versions are what is called."""

    State = ModelState
    MOVES = {
        ModelState.DRAFT: {ModelState.PUBLISHED, ModelState.ARCHIVED},
        ModelState.PUBLISHED: {ModelState.ARCHIVED},
        ModelState.ARCHIVED: {ModelState.PUBLISHED},
    }

    class Visibility(models.TextChoices):
        ENTERPRISE = "enterprise", "Everyone in the company"
        BUSINESS_UNITS = "business_units", "Chosen business units"
        RESTRICTED = "restricted", "Chosen teams"

    NAME_MAX = 80  # characters

    slug = models.SlugField(max_length=80, unique=True)
    name = LineField(max_length=NAME_MAX)
    name_key = NameKeyField(key="fold")
    name_shape = NameKeyField(key="shape")
    summary = LineField(max_length=200)
    description = models.TextField(max_length=PROSE, blank=True)
    limitations = models.TextField(max_length=PROSE, blank=True)
    owner_team = models.ForeignKey(Team, models.PROTECT, related_name="models")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_models")
    support_contact = LineField(max_length=120)
    support_hours = LineField(max_length=80, blank=True)
    domain = models.ForeignKey(Domain, models.PROTECT, related_name="models")
    capability = models.ForeignKey(Capability, models.PROTECT, related_name="models")
    model_type = models.ForeignKey(ModelType, models.PROTECT, related_name="models")
    tags = models.JSONField(default=list, blank=True)
    visibility = models.CharField(max_length=20, choices=Visibility, default=Visibility.ENTERPRISE)
    visible_units = models.ManyToManyField(BusinessUnit, blank=True, related_name="+")
    visible_teams = models.ManyToManyField(Team, blank=True, related_name="+")
    similar_reason = models.TextField("why another model like these", max_length=REASON, blank=True)
    search_record = models.ForeignKey(
        "catalog.SearchRecord",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="built_models",
        help_text="The search before it was built",
    )
    state = models.CharField(max_length=12, choices=ModelState, default=ModelState.DRAFT)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    last_published_at = models.DateTimeField(
        null=True, editable=False, help_text="Of its newest version. Writer: the database's trigger"
    )

    # Projections: refreshed by the app that owns the facts, so that the catalog sorts and filters without knowing it.
    risk_tier = models.CharField(
        max_length=12, blank=True, help_text="Highest of the live versions. Writer: governance"
    )
    calls_30d = models.BigIntegerField(default=0, help_text="Writer: consumption")
    calls_14d = models.JSONField(
        default=list, help_text="14 daily counts, oldest first. Writer: consumption"
    )
    consumer_teams = models.PositiveIntegerField(
        default=0, help_text="Teams that called in 30 days. Writer: consumption"
    )
    rating_mean = models.DecimalField(
        max_digits=3, decimal_places=2, null=True, help_text="Writer: consumption"
    )
    rating_count = models.PositiveIntegerField(default=0, help_text="Writer: consumption")
    measured_p95_ms = models.PositiveIntegerField(null=True, help_text="30 days. Writer: hosting")
    measured_availability = models.DecimalField(
        max_digits=6, decimal_places=3, null=True, help_text="Percent, 30 days. Writer: hosting"
    )

    recommended_for = models.CharField(
        max_length=120,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What it is recommended for among models for one purpose. Writer: governance",
    )
    quality_watch_since = models.DateField(
        null=True, editable=False, help_text="Two major findings are overdue. Writer: insights"
    )

    objects = RegisteredModelSet.as_manager()

    class Meta:
        ordering = ["name"]
        # A name is one model's among what everybody may come to see, and within a team (docs/names.md).
        constraints = [
            state_constraint(ModelState, "registeredmodel_state"),
            models.UniqueConstraint(
                fields=["name_key"],
                condition=Q(visibility="enterprise"),
                name="model_name_once_in_company",
            ),
            models.UniqueConstraint(
                fields=["name_shape"],
                condition=Q(visibility="enterprise"),
                name="model_name_alike_once_in_company",
            ),
            models.UniqueConstraint(
                fields=["owner_team", "name_key"], name="model_name_once_in_team"
            ),
            models.UniqueConstraint(
                fields=["owner_team", "name_shape"], name="model_name_alike_once_in_team"
            ),
        ]
        # One for each order of the lists, so that a page reads as many rows as it shows; one that counts and facets read alone.
        indexes = [
            *(
                models.Index(*order, "id", condition=Q(state="published"), name=f"models_by_{name}")
                for name, order in LIST_ORDERS.items()
            ),
            models.Index(
                "owner_team",
                condition=Q(state="published"),
                name="models_counted",
                include=[
                    "id",
                    "state",
                    "visibility",
                    "domain",
                    "capability",
                    "model_type",
                    "risk_tier",
                ],
            ),
            models.Index(
                "owner_team",
                condition=Q(state="published") & ~Q(visibility="enterprise"),
                name="models_not_open",
                include=[
                    "id",
                    "state",
                    "visibility",
                    "domain",
                    "capability",
                    "model_type",
                    "risk_tier",
                ],
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("catalog:model", args=[self.slug])

    def was_submitted(self):
        """True when a version of it is being judged, was approved, or is used: others rely on what the entry says."""
        return self.versions.exclude(state__in=ModelVersion.NOT_RELIED_ON).exists()

    @property
    def stable(self):
        """The version that `stable` points to, from the prefetch of for_list(); None before publication."""
        return self.stable_aliases[0].version if self.stable_aliases else None


class ModelVersionSet(models.QuerySet):
    def visible_to(self, user):
        """Live versions of visible models; all versions for the owners, reviewers and those who see everything."""
        if user.is_authenticated and sees_everything(user):
            return self
        seen = self.filter(model__in=RegisteredModel.objects.visible_to(user))
        mine = Q(model__owner_team__in=user.teams()) if user.is_authenticated else Q(pk=None)
        if user.is_authenticated and user.has_role(*REVIEWS):
            mine |= Q(state__in=ModelVersion.UNDER_REVIEW)
        return seen.filter(Q(state__in=ModelVersion.LISTED) | mine)

    def callable(self):
        """Approved by governance, published by the journey, not suspended: what the gateway may route to."""
        return self.filter(state__in=ModelVersion.LIVE, suspended_at=None)

    def newest_first(self):
        """In the order of semantic versioning: a release comes after its candidates."""
        return self.order_by("-major", "-minor", "-patch", "-candidate")


class VersionState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    CHECKING = "checking", "Being checked"
    IN_REVIEW = "in_review", "In review"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    APPROVED = "approved", "Approved"
    PUBLISHED = "published", "Published"
    DEPRECATED = "deprecated", "Deprecated"
    RETIRED = "retired", "Retired"


RELEASE = 10_000  # a candidate has four digits at most (publishing/semver.py)


def _after_rc(number):
    return Cast(
        Func(F(number), Value("-rc."), Value(2), function="split_part"), models.IntegerField()
    )


class ModelVersion(models.Model):
    """An immutable release of a model: bytes, signature, card, and how far it got on its way."""

    State = VersionState
    MOVES = {
        VersionState.DRAFT: {VersionState.SUBMITTED, VersionState.WITHDRAWN},
        VersionState.SUBMITTED: {VersionState.CHECKING, VersionState.WITHDRAWN},
        VersionState.CHECKING: {
            VersionState.IN_REVIEW,
            VersionState.CHANGES_REQUESTED,
            VersionState.WITHDRAWN,
        },
        VersionState.IN_REVIEW: {
            VersionState.APPROVED,
            VersionState.CHANGES_REQUESTED,
            VersionState.REJECTED,
            VersionState.WITHDRAWN,
        },
        VersionState.CHANGES_REQUESTED: {VersionState.SUBMITTED, VersionState.WITHDRAWN},
        VersionState.APPROVED: {VersionState.PUBLISHED, VersionState.WITHDRAWN},
        VersionState.PUBLISHED: {VersionState.DEPRECATED},
        VersionState.DEPRECATED: {VersionState.RETIRED, VersionState.PUBLISHED},
    }
    EDITABLE = (VersionState.DRAFT, VersionState.CHANGES_REQUESTED)
    UNDER_REVIEW = (
        VersionState.SUBMITTED,
        VersionState.CHECKING,
        VersionState.IN_REVIEW,
        VersionState.CHANGES_REQUESTED,
        VersionState.APPROVED,
    )
    NOT_RELIED_ON = (
        VersionState.DRAFT,
        VersionState.CHANGES_REQUESTED,
        VersionState.WITHDRAWN,
        VersionState.REJECTED,
    )
    IN_PROGRESS = (
        VersionState.SUBMITTED,
        VersionState.CHECKING,
        VersionState.IN_REVIEW,
        VersionState.APPROVED,
    )
    LIVE = (VersionState.PUBLISHED, VersionState.DEPRECATED)
    LISTED = (VersionState.PUBLISHED, VersionState.DEPRECATED, VersionState.RETIRED)
    ENDING = (VersionState.DEPRECATED, VersionState.RETIRED)

    class Kind(models.TextChoices):
        ONNX = "onnx", "ONNX file"
        MLFLOW = "mlflow", "MLflow directory"
        EXTERNAL = "external", "External endpoint"

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions")
    number = models.CharField(max_length=30)
    major = models.PositiveIntegerField()
    minor = models.PositiveIntegerField()
    patch = models.PositiveIntegerField()
    candidate = models.GeneratedField(
        expression=Case(When(number__contains="-rc.", then=_after_rc("number")), default=RELEASE),
        output_field=models.IntegerField(),
        db_persist=True,
        help_text="N of a candidate (-rc.N); a release is higher than all of its candidates",
    )
    state = models.CharField(max_length=20, choices=VersionState, default=VersionState.DRAFT)
    changelog = models.TextField(max_length=PROSE, blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ONNX)
    external_url = models.URLField(blank=True)
    signature = models.JSONField(default=dict, blank=True)
    example = models.JSONField(default=dict, blank=True)
    manifest = models.JSONField(default=dict, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    manifest_signature = models.CharField(
        max_length=128, blank=True, help_text="Ed25519, on approval. Writer: governance"
    )
    sla = models.JSONField(
        default=dict, blank=True, help_text="availability (percent), p95_ms, rps, support"
    )
    risk_tier = models.CharField(max_length=12, blank=True, help_text="Writer: governance")
    cold_start_s = models.FloatField(
        null=True, help_text="A first call waits so long; empty: always awake. Writer: hosting"
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspension_reason = models.TextField(max_length=REASON, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_until = models.DateTimeField(null=True, blank=True)
    suspends_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Calls are refused from then on, unless it is reviewed again. Writer: governance",
    )
    extended_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When that moment was put off, which is done once. Writer: governance",
    )
    published_at = models.DateTimeField(null=True, blank=True)
    deprecated_at = models.DateTimeField(null=True, blank=True)
    sunset_at = models.DateTimeField(null=True, blank=True)
    successor = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True)
    brownouts = models.JSONField(
        default=list,
        blank=True,
        help_text="Announced refusals before the sunset: [[from, until]] as ISO 8601. Writer: publishing",
    )
    is_followed = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Subscriptions on a lower minor version follow it by themselves. Writer: consumption",
    )

    objects = ModelVersionSet.as_manager()

    class Meta:
        ordering = ["model", "-major", "-minor", "-patch", "-candidate"]
        # What sweeps look for: a few at any time, however many have ended.
        indexes = [
            models.Index(
                fields=["state"],
                condition=Q(state__in=["submitted", "checking", "approved"]),
                name="version_under_way",
            ),
            models.Index(
                fields=["-major", "-minor", "-patch", "-candidate", "-id"],
                name="version_highest_first",
            ),
            models.Index(
                fields=["approved_until"],
                condition=Q(state__in=["published", "deprecated"]),
                name="version_approval_ends",
            ),
            models.Index(
                fields=["suspends_at"],
                condition=Q(suspends_at__isnull=False),
                name="version_suspends",
            ),
            models.Index(
                fields=["sunset_at"], condition=Q(state="deprecated"), name="version_sunset"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_once"),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "published", "deprecated"])
                | ~Q(manifest_signature=""),
                name="version_live_only_signed",
            ),
            models.CheckConstraint(
                condition=Q(sunset_at=None)
                | Q(deprecated_at=None)
                | Q(sunset_at__gte=F("deprecated_at")),
                name="version_sunset_after_deprecation",
            ),
            state_constraint(VersionState, "version_state"),
        ]

    def __str__(self):
        return f"{self.model.name} {self.number}"

    def get_absolute_url(self):
        return reverse("catalog:version", args=[self.model.slug, self.number])

    @property
    def precedence(self):
        """What semantic versioning compares: (major, minor, patch, candidate)."""
        return self.major, self.minor, self.patch, self.candidate

    @property
    def is_candidate(self):
        return self.candidate < RELEASE

    def predecessor(self, among=None):
        """The highest release below it that was ever approved, whose contract it must not break unasked; None at first.

        among  the versions to look at; all of them, unless somebody reads who may not see all.
        """
        approved = (VersionState.APPROVED, *self.LISTED)
        versions = ModelVersion.objects.all() if among is None else among
        released = versions.filter(model=self.model_id, state__in=approved, candidate=RELEASE)
        lower = (other for other in released.newest_first() if other.precedence < self.precedence)
        return next(lower, None)

    @property
    def is_editable(self):
        return self.state in self.EDITABLE

    @property
    def is_in_progress(self):
        """Is it between its submission and its publication?"""
        return self.state in self.IN_PROGRESS

    @property
    def is_callable(self):
        return self.state in self.LIVE and self.suspended_at is None

    @property
    def is_review_overdue(self):
        """Is it live although its approval ended?"""
        ended = self.approved_until is not None and self.approved_until <= timezone.now()
        return self.state in self.LIVE and ended

    @property
    def is_stopped_unreviewed(self):
        """Is it past the moment that was announced for its suspension, and not reviewed again?"""
        return self.suspends_at is not None and self.suspends_at <= timezone.now()

    @property
    def answers_within_s(self):
        """Seconds that a caller waits for an answer, as declared and at most 300; None when nothing is declared."""
        declared = self.sla.get("timeout_s") if isinstance(self.sla, dict) else None
        return (
            min(300.0, float(declared))
            if isinstance(declared, int | float) and declared > 0
            else None
        )


class Alias(models.Model):
    """A movable pointer to a version. `stable` is what the catalog shows; nobody is routed by it."""

    STABLE = "stable"

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="aliases")
    name = models.SlugField(max_length=30)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="aliases")
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="alias_once")]
        verbose_name_plural = "aliases"

    def __str__(self):
        return f"{self.model}@{self.name}"
