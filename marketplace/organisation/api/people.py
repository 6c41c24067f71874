"""People in the REST API, for those who administer and audit."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from marketplace.accounts.models import Membership, RoleGrant, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    Reason,
    Resource,
)
from marketplace.core.serializers import LineField, ProseField
from marketplace.organisation import following
from marketplace.organisation.actions import imports, invitations, people
from marketplace.organisation.api.members import Consequences
from marketplace.organisation.filters import PersonFilter
from marketplace.organisation.permissions import can_see_people


class PersonRow(serializers.ModelSerializer[User]):
    """A person: the slugs of their teams and the roles that they hold now."""

    display_name = serializers.CharField(source="__str__")
    email = serializers.CharField(allow_blank=True)
    teams = serializers.SerializerMethodField()
    roles = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "display_name",
            "email",
            "job_title",
            "is_active",
            "date_joined",
            "last_login",
            "teams",
            "roles",
        ]
        read_only_fields = fields

    def get_teams(self, person: User) -> list[str]:
        return [one.team.slug for one in person.current]  # type: ignore[attr-defined]

    def get_roles(self, person: User) -> list[str]:
        return sorted(grant.role for grant in person.held)  # type: ignore[attr-defined]


class PersonChanged(serializers.Serializer[Any]):
    """Facts of a person; how they sign in stays."""

    email = serializers.EmailField(required=False, max_length=254)
    display_name = LineField(max_length=80, required=False)
    job_title = LineField(max_length=80, required=False, allow_blank=True)


class PersonGiven(PersonChanged):
    """A person before their first sign-in; without a user name it is made from the e-mail address."""

    email = serializers.EmailField(max_length=254)
    display_name = LineField(max_length=80)
    username = LineField(max_length=people.USERNAME_MAX, required=False, allow_blank=True)


class People(ReadableResource):
    """Everybody who may sign in, or could. Nothing for who neither administers nor audits; no token changes anything."""

    queryset = (
        User.objects.filter(is_system=False)
        .order_by("username")
        .prefetch_related(
            Prefetch(
                "memberships",
                Membership.objects.filter(left_at=None).select_related("team"),
                "current",
            ),
            Prefetch("grants", RoleGrant.objects.filter(revoked_at=None), "held"),
        )
    )
    serializer_class = PersonRow
    filterset_class = PersonFilter

    def get_queryset(self) -> Any:
        user = self.request.user if self.request else None
        allowed = isinstance(user, User) and can_see_people(user)
        return self.queryset.all() if allowed else self.queryset.none()

    @extend_schema(request=PersonGiven, responses={201: PersonRow})
    def create(self, request: ApiRequest) -> Response:
        """Add a person; send the letter with `invite`."""
        return self.answer(people.add_person(request.user, **self.given(PersonGiven)), status=201)

    @extend_schema(request=PersonChanged, responses=PersonRow)
    def partial_update(self, request: ApiRequest, pk: str) -> Response:
        """Correct facts of a person."""
        person = self.get_object()
        return self.answer(people.change_person(request.user, person, **self.given(PersonChanged)))

    @extend_schema(request=Nothing, responses=PersonRow)
    @action(detail=True, methods=["post"])
    def invite(self, request: ApiRequest, pk: str) -> Response:
        """Send the letter with which they choose a first password."""
        self.given(Nothing)
        return self.answer(invitations.invite(request.user, self.get_object()))

    @extend_schema(responses=Consequences)
    @action(detail=True, methods=["get"])
    def consequences(self, request: ApiRequest, pk: str) -> Response:
        """What follows when the person is deactivated."""
        rows = following.of_deactivating(self.get_object(), request.user)
        return Response(Consequences({"consequences": rows}).data)

    @extend_schema(request=Reason, responses=PersonRow)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: ApiRequest, pk: str) -> Response:
        """End sessions, tokens and roles; memberships stay."""
        person = self.get_object()
        return self.answer(people.deactivate(request.user, person, **self.given(Reason)))

    @extend_schema(request=Reason, responses=PersonRow)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: ApiRequest, pk: str) -> Response:
        """Let the person sign in again."""
        person = self.get_object()
        return self.answer(people.reactivate(request.user, person, **self.given(Reason)))


class ImportGiven(serializers.Serializer[Any]):
    """A table as CSV. `is_kept` false, or an error in a row: nothing is kept."""

    table = ProseField(max_length=imports.MOST_CHARACTERS)
    is_kept = serializers.BooleanField(default=False)


class ImportRow(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Of the line; people begin at 2")
    problems = serializers.ListField(child=serializers.CharField(), source="errors")
    acts = serializers.ListField(child=serializers.CharField())


class ImportResult(serializers.Serializer[Any]):
    """Every row with what is wrong and what it does, or did."""

    is_done = serializers.BooleanField()
    rows = ImportRow(many=True)


class PeopleImports(Resource):
    """Import of people and teams: all of a table or nothing."""

    queryset = User.objects.none()
    serializer_class = ImportResult

    @extend_schema(request=ImportGiven, responses=ImportResult)
    def create(self, request: ApiRequest) -> Response:
        """Look at what a table does, or do it."""
        done = imports.import_people(request.user, **self.given(ImportGiven))
        return Response(ImportResult(done).data)
