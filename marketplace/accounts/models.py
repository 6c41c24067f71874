"""PEOPLE: users, business units, teams, memberships, roles."""

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts import standing
from marketplace.core.fields import LineField, NameKeyField


class BusinessUnitSet(models.QuerySet["BusinessUnit"]):
    def visible_to(self, user: "User") -> "BusinessUnitSet":
        """Everybody in the company may know which units there are."""
        return self

    def current(self) -> "BusinessUnitSet":
        """Those that new things may belong to."""
        return self.filter(archived_at=None)


class BusinessUnit(models.Model):
    """A part of the organisation with its own budget. One that is archived stays in the figures of the past."""

    name = LineField(max_length=80, unique=True)
    name_key = NameKeyField(unique=True)
    slug = models.SlugField(unique=True)
    has_ai = models.BooleanField("had AI before the marketplace", default=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = BusinessUnitSet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("organisation:unit", args=[self.slug])


class TeamSet(models.QuerySet["Team"]):
    def visible_to(self, user: "User") -> "TeamSet":
        """Everybody in the company may know which teams there are."""
        return self

    def for_directory(self) -> "TeamSet":
        """With the unit, and the current leads as `current_leads` ([Membership] with user)."""
        leads = Membership.objects.current().filter(role=Membership.Role.LEAD).for_list()
        return self.select_related("business_unit").prefetch_related(
            models.Prefetch("memberships", leads, to_attr="current_leads")
        )


class Team(models.Model):
    """People who publish or consume together. Rights hang on teams, not on persons."""

    name = LineField(max_length=80, unique=True)
    name_key = NameKeyField(unique=True)
    slug = models.SlugField(unique=True)
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="teams")
    is_ai_team = models.BooleanField("builds models", default=False)
    cost_centre = models.CharField(max_length=20, blank=True)
    email = models.EmailField(blank=True)
    contact = LineField(max_length=120, blank=True, help_text="A channel, a page or a phone number")

    objects = TeamSet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("organisation:team", args=[self.slug])


class TeamUnit(models.Model):
    """To which business unit a team belonged from when on. Writer: the database, with each change of `Team.business_unit`."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="units")
    business_unit = models.ForeignKey(BusinessUnit, models.PROTECT, related_name="+")
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "since"], name="team_unit_since_once")
        ]


class People(UserManager):
    def system(self, name="marketplace"):
        """The named system user that work nobody asked for acts as. Cannot log in."""
        user, created = self.get_or_create(
            username=f"system:{name}",
            defaults={"display_name": f"System ({name})", "is_system": True},
        )
        if created:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user

    def on_teams(self, teams):
        """The active people who are on any of `teams` (a queryset or a list) now, each once."""
        return self.filter(
            memberships__team__in=teams, memberships__left_at=None, is_active=True
        ).distinct()

    def leading(self, *teams):
        """The active people who lead any of `teams` now, each once."""
        return self.filter(
            memberships__team__in=teams,
            memberships__left_at=None,
            memberships__role=Membership.Role.LEAD,
            is_active=True,
        ).distinct()

    def holding(self, *roles):
        """The active people who hold any of these marketplace roles now, each once."""
        return self.filter(
            grants__role__in=roles, grants__revoked_at=None, is_active=True
        ).distinct()


class User(AbstractUser):
    """A person, or a named system actor. Rights are looked up at call time, never stored in a session or key."""

    first_name = last_name = None
    display_name = models.CharField(max_length=80, blank=True)
    job_title = models.CharField(max_length=80, blank=True)
    is_system = models.BooleanField(default=False)
    session_epoch = models.PositiveIntegerField(
        default=0, help_text="One more ends all sessions of the person"
    )

    # Of the instance that a call with a token acts as (marketplace.tokens): the token's public name, and its team if it has one.
    token_kid = ""
    only_team_id: int | None = None

    objects = People()

    class Meta:
        ordering = ["username"]

    def __str__(self):
        return self.display_name or self.username

    def get_full_name(self):
        return str(self)

    def get_short_name(self):
        return self.username

    def _get_session_auth_hash(self, secret=None):
        """What a session is bound to: the password, and how often all sessions were ended."""
        of_password = super()._get_session_auth_hash(secret=secret)
        return f"{of_password}.{self.session_epoch}" if self.session_epoch else of_password

    def teams(self):
        """The teams this person is on now."""
        teams = Team.objects.filter(memberships__user=self, memberships__left_at=None)
        return teams if self.only_team_id is None else teams.filter(pk=self.only_team_id)

    def team_ids(self):
        ids = set(self._current_teams())
        return ids if self.only_team_id is None else ids & {self.only_team_id}

    def is_on(self, team):
        if self.only_team_id not in (None, team.pk):
            return False
        if standing.is_kept():
            return team.pk in self._current_teams()
        return self.memberships.filter(team=team, left_at=None).exists()

    def leads(self, team):
        """Is the person a lead of the team now? No token leads."""
        if self.token_kid or not self.is_active:
            return False
        if standing.is_kept():
            return self._current_teams().get(team.pk) == Membership.Role.LEAD
        return self.memberships.filter(team=team, left_at=None, role=Membership.Role.LEAD).exists()

    def has_role(self, *roles):
        """True when the person holds one of the marketplace roles now. No token carries a role."""
        if self.token_kid or not self.is_active:
            return False
        if standing.is_kept():
            return not self.roles().isdisjoint(roles)
        return self.grants.filter(role__in=roles, revoked_at=None).exists()

    def roles(self):
        if self.token_kid:
            return set()
        return standing.once(
            ("roles", self.pk),
            lambda: frozenset(self.grants.filter(revoked_at=None).values_list("role", flat=True)),
        )

    def _current_teams(self):
        """{id of a team the person is on now: their role there}."""
        return standing.once(
            ("teams", self.pk),
            lambda: dict(self.memberships.filter(left_at=None).values_list("team_id", "role")),
        )


class MembershipSet(models.QuerySet["Membership"]):
    def visible_to(self, user: User) -> "MembershipSet":
        """Who is on which team now: everybody in the company may know. Who was, those who administer and audit."""
        if user.has_role(RoleGrant.Role.ADMIN, RoleGrant.Role.AUDITOR):
            return self
        return self.current()

    def current(self) -> "MembershipSet":
        """Of active people, not ended."""
        return self.filter(left_at=None, user__is_active=True)

    def for_list(self) -> "MembershipSet":
        """Leads first, then by name."""
        return self.select_related("user", "team__business_unit").order_by(
            "team__name", "role", "user__display_name", "user__username"
        )


class Membership(models.Model):
    """A person on a team, with history: who left a team last month still may not judge its work."""

    class Role(models.TextChoices):
        LEAD = "lead", "Lead"
        MEMBER = "member", "Member"

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now)
    left_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipSet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "team"],
                condition=models.Q(left_at=None),
                name="membership_once_at_a_time",
            ),
        ]

    def __str__(self):
        return f"{self.user} on {self.team}"

    @property
    def is_lead(self):
        return self.role == self.Role.LEAD


class RoleGrant(models.Model):
    """A marketplace role held by a person, with history."""

    class Role(models.TextChoices):
        CURATOR = "curator", "Marketplace manager"
        EVALUATOR = "evaluator", "Independent evaluator"
        FAIRNESS_REVIEWER = "fairness_reviewer", "Fairness reviewer"
        SECURITY_REVIEWER = "security_reviewer", "Security reviewer"
        LEGAL_REVIEWER = "legal_reviewer", "Legal reviewer"
        MODEL_RISK_OFFICER = "model_risk_officer", "Model risk officer"
        GOVERNANCE_LEAD = "governance_lead", "Governance lead"
        OPERATOR = "operator", "Platform operator"
        FINANCE = "finance", "Finance"
        EXECUTIVE = "executive", "Executive"
        AUDITOR = "auditor", "Auditor"
        ADMIN = "admin", "Administrator"

    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    role = models.CharField(max_length=30, choices=Role)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=models.Q(revoked_at=None),
                name="rolegrant_once_at_a_time",
            ),
        ]

    def __str__(self):
        return f"{self.user}: {self.get_role_display()}"


class DemoLoginSet(models.QuerySet):
    def for_page(self):
        return self.select_related("user").prefetch_related(
            models.Prefetch(
                "user__memberships", Membership.objects.filter(left_at=None).select_related("team")
            )
        )


class DemoLogin(models.Model):
    """A demo person who gets a button on the sign-in page (demo mode on this machine only)."""

    user = models.OneToOneField(User, models.CASCADE, related_name="demo_login")
    role = models.SlugField(unique=True)
    can = models.CharField(max_length=120, help_text="What this person shows in the demo")
    position = models.PositiveSmallIntegerField(default=0)

    objects = DemoLoginSet.as_manager()

    class Meta:
        ordering = ["position"]

    def as_button(self):
        teams = [membership.team.name for membership in self.user.memberships.all()]
        return {
            "username": self.user.username,
            "display_name": str(self.user),
            "title": self.user.job_title,
            "team": teams[0] if teams else "",
            "can": self.can,
        }


class IdempotentAnswer(models.Model):
    """What a POST with an Idempotency-Key was answered, for a day. `status` is empty while the first request is at work."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self):
        return self.key


class SignInAttempt(models.Model):
    """One try to sign in that did not succeed, or whose outcome is not known yet. Kept for a day; see marketplace.accounts.sign_in."""

    account = models.CharField(
        max_length=64,
        help_text="Keyed digest of the name that was typed, whether there is such an account or not",
    )
    source = models.CharField(
        max_length=64, help_text="The network address, or the known browser of the account's owner"
    )
    is_known_browser = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="sign_in_account"),
            models.Index(fields=["source", "at"], name="sign_in_source"),
            models.Index(fields=["at"], name="sign_in_at"),
        ]

    def __str__(self):
        return f"{self.source} at {self.at}"
