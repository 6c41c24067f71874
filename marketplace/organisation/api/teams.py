"""Units, teams and moves between units in the REST API."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import SLUG, Nothing, ReadableResource, Reason
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField
from marketplace.organisation.actions import moves, teams, units
from marketplace.organisation.filters import TeamFilter, UnitFilter, UnitMoveFilter
from marketplace.organisation.models import UnitMove


class UnitRow(serializers.ModelSerializer[BusinessUnit]):
    """A business unit; one that is archived stays in the figures of the past."""

    class Meta:
        model = BusinessUnit
        fields = ["slug", "name", "has_ai", "archived_at"]
        read_only_fields = fields


class UnitGiven(serializers.Serializer[Any]):
    """A new unit. `has_ai`: it had models in use before the marketplace."""

    name = LineField(max_length=units.NAME_MAX)
    has_ai = serializers.BooleanField(required=False)


class UnitRenamed(serializers.Serializer[Any]):
    name = LineField(max_length=units.NAME_MAX)


class Units(ReadableResource):
    """Business units; the same for everybody. Administrators keep them, no token does."""

    queryset = BusinessUnit.objects.all()
    serializer_class = UnitRow
    filterset_class = UnitFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG

    @extend_schema(request=UnitGiven, responses={201: UnitRow})
    def create(self, request: ApiRequest) -> Response:
        """Add a unit; its address is made from the name."""
        return self.answer(units.add_unit(request.user, **self.given(UnitGiven)), status=201)

    @extend_schema(request=UnitRenamed, responses=UnitRow)
    def partial_update(self, request: ApiRequest, slug: str) -> Response:
        """Give it another name; the address stays."""
        unit = self.get_object()
        return self.answer(units.rename_unit(request.user, unit, **self.given(UnitRenamed)))

    @extend_schema(request=Reason, responses=UnitRow)
    @action(detail=True, methods=["post"])
    def archive(self, request: ApiRequest, slug: str) -> Response:
        """Nothing new belongs to it; refused while something depends on it, and says what."""
        unit = self.get_object()
        return self.answer(units.archive_unit(request.user, unit, **self.given(Reason)))

    @extend_schema(request=Nothing, responses=UnitRow)
    @action(detail=True, methods=["post"])
    def restore(self, request: ApiRequest, slug: str) -> Response:
        """Teams may belong to it again."""
        self.given(Nothing)
        return self.answer(units.restore_unit(request.user, self.get_object()))


class TeamFacts(serializers.ModelSerializer[Team]):
    """A team, how to reach it, and the user names of its leads."""

    business_unit = serializers.CharField(source="business_unit.slug")
    email = serializers.CharField(allow_blank=True)
    leads = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ["slug", "name", "business_unit", "is_ai_team", "email", "contact", "leads"]
        read_only_fields = fields

    def get_leads(self, team: Team) -> list[str]:
        return [lead.user.username for lead in team.current_leads]  # type: ignore[attr-defined]


class TeamChanged(serializers.Serializer[Any]):
    """What is said of a team; the cost centre by an administrator."""

    name = LineField(max_length=teams.NAME_MAX, required=False)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    contact = LineField(max_length=120, required=False, allow_blank=True)
    is_ai_team = serializers.BooleanField(required=False)
    cost_centre = LineField(max_length=20, required=False, allow_blank=True)


class TeamGiven(TeamChanged):
    """A new team of a unit; `lead` is a user name, never one's own."""

    name = LineField(max_length=teams.NAME_MAX)
    unit = serializers.SlugRelatedField(slug_field="slug", queryset=BusinessUnit.objects.current())
    lead = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.filter(is_active=True, is_system=False),
        required=False,
    )


class Teams(ReadableResource):
    """Everybody in the company may know which teams there are. Leads and administrators change them, no token does."""

    queryset = Team.objects.for_directory()
    serializer_class = TeamFacts
    filterset_class = TeamFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG

    @extend_schema(request=TeamGiven, responses={201: TeamFacts})
    def create(self, request: ApiRequest) -> Response:
        """Add a team; its address is made from the name."""
        return self.answer(teams.add_team(request.user, **self.given(TeamGiven)), status=201)

    @extend_schema(request=TeamChanged, responses=TeamFacts)
    def partial_update(self, request: ApiRequest, slug: str) -> Response:
        """Change what is said of it; another unit is a `unit-moves/`."""
        team = self.get_object()
        return self.answer(teams.change_team(request.user, team, **self.given(TeamChanged)))


class UnitMoveRow(serializers.ModelSerializer[UnitMove]):
    """A team goes to another unit on a day (UTC); figures of before stay with the unit of before."""

    team = serializers.CharField(source="team.slug")
    from_unit = serializers.CharField(source="from_unit.slug")
    to_unit = serializers.CharField(source="to_unit.slug")
    proposed_by = serializers.CharField(source="proposed_by.username")

    class Meta:
        model = UnitMove
        fields = [
            "id",
            "team",
            "from_unit",
            "to_unit",
            "begins_on",
            "state",
            "reason",
            "proposed_by",
            "proposed_at",
            "decided_at",
        ]
        read_only_fields = fields


class UnitMoveGiven(serializers.Serializer[Any]):
    """A move from a day on, today at the earliest, with a reason of at least 20 characters."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    unit = serializers.SlugRelatedField(slug_field="slug", queryset=BusinessUnit.objects.current())
    begins_on = serializers.DateField()
    reason = ProseField(max_length=REASON)


class UnitMoves(ReadableResource):
    """Moves of teams to another unit: of one's own teams; all for administrators, auditors and finance."""

    queryset: QuerySet[UnitMove] = UnitMove.objects.for_page()
    serializer_class = UnitMoveRow
    filterset_class = UnitMoveFilter

    @extend_schema(request=UnitMoveGiven, responses={201: UnitMoveRow})
    def create(self, request: ApiRequest) -> Response:
        """Schedule one; by an administrator who is not on the team."""
        return self.answer(
            moves.schedule_move(request.user, **self.given(UnitMoveGiven)), status=201
        )

    @extend_schema(request=Nothing, responses=UnitMoveRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """The team stays where it is."""
        self.given(Nothing)
        return self.answer(moves.withdraw_move(request.user, self.get_object()))
