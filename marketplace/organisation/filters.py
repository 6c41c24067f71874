"""What can be chosen in lists of the organisation, by page and API."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from marketplace.accounts.models import BusinessUnit, Membership, RoleGrant, Team, User
from marketplace.core.filters import FilterSet, SlugFilter, TextFilter, TruthFilter
from marketplace.organisation.models import JoinRequest, UnitMove

SEEN = {"week": 7, "month": 30, "quarter": 90}  # days


def _choice(choices: Iterable[tuple[str, str]]) -> forms.Select:
    """Of a page: what may be asked, as a list to choose from."""
    return forms.Select(choices=[("", "Any"), *choices])


def _yes_or_no() -> forms.Select:
    return _choice([("true", "Yes"), ("false", "No")])


class UnitFilter(FilterSet):
    is_archived = TruthFilter(
        field_name="archived_at", lookup_expr="isnull", exclude=True, label="Archived"
    )

    class Meta:
        model = BusinessUnit
        fields = ["is_archived"]


class TeamFilter(FilterSet):
    q = TextFilter(method="search", label="Words in the name")
    unit = SlugFilter(field_name="business_unit__slug", label="Business unit")
    is_ai_team = TruthFilter(label="Builds models")
    has_lead = TruthFilter(method="with_lead", label="Has a lead")

    class Meta:
        model = Team
        fields = ["q", "unit", "is_ai_team", "has_lead"]

    def search(self, teams: "QuerySet[Team]", name: str, words: str) -> "QuerySet[Team]":
        for word in words.split():
            teams = teams.filter(name__icontains=word)
        return teams

    def with_lead(self, teams: "QuerySet[Team]", name: str, value: bool) -> "QuerySet[Team]":
        leads = Membership.objects.current().filter(team=OuterRef("pk"), role=Membership.Role.LEAD)
        return teams.filter(Exists(leads) if value else ~Exists(leads))


class TeamPageFilter(TeamFilter):
    """The same with lists to choose from."""

    @cached_property
    def form(self) -> forms.Form:
        form = super().form
        units = BusinessUnit.objects.current().values_list("slug", "name")
        form.fields["unit"].widget = _choice(units)
        for name in ("is_ai_team", "has_lead"):
            form.fields[name].widget = _yes_or_no()
        return form


class MembershipFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    user = TextFilter(field_name="user__username", label="Person")
    is_current = TruthFilter(field_name="left_at", lookup_expr="isnull", label="On the team now")

    class Meta:
        model = Membership
        fields = ["team", "user", "role", "is_current"]


class JoinRequestFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    person = TextFilter(field_name="person__username", label="Person")

    class Meta:
        model = JoinRequest
        fields = ["team", "person", "state"]


class UnitMoveFilter(FilterSet):
    team = SlugFilter(field_name="team__slug", label="Team")
    unit = SlugFilter(field_name="to_unit__slug", label="To the business unit")

    class Meta:
        model = UnitMove
        fields = ["team", "unit", "state"]


class PersonFilter(FilterSet):
    q = TextFilter(method="search", label="Name, e-mail or title")
    team = SlugFilter(method="on_team", label="Team")
    role = django_filters.ChoiceFilter(
        choices=RoleGrant.Role.choices, method="holding", label="Role", empty_label="Any"
    )
    is_active = TruthFilter(label="Active")
    has_team = TruthFilter(method="on_any_team", label="On a team")
    seen = django_filters.ChoiceFilter(
        choices=[
            ("week", "Within a week"),
            ("month", "Within 30 days"),
            ("quarter", "Within 90 days"),
            ("longer", "Longer ago"),
            ("never", "Never"),
        ],
        method="last_here",
        label="Last signed in",
        empty_label="Any time",
    )

    class Meta:
        model = User
        fields = ["q", "team", "role", "is_active", "has_team", "seen"]

    def search(self, people: "QuerySet[User]", name: str, words: str) -> "QuerySet[User]":
        """Each word in any of the four."""
        for word in words.split():
            people = people.filter(
                Q(display_name__icontains=word)
                | Q(username__icontains=word)
                | Q(email__icontains=word)
                | Q(job_title__icontains=word)
            )
        return people

    def on_team(self, people: "QuerySet[User]", name: str, slug: str) -> "QuerySet[User]":
        return people.filter(_memberships(team__slug=slug))

    def holding(self, people: "QuerySet[User]", name: str, role: str) -> "QuerySet[User]":
        held = RoleGrant.objects.filter(user=OuterRef("pk"), revoked_at=None, role=role)
        return people.filter(Exists(held))

    def on_any_team(self, people: "QuerySet[User]", name: str, value: bool) -> "QuerySet[User]":
        return people.filter(_memberships() if value else ~_memberships())

    def last_here(self, people: "QuerySet[User]", name: str, value: str) -> "QuerySet[User]":
        if value == "never":
            return people.filter(last_login=None)
        since = timezone.now() - timedelta(days=SEEN.get(value, SEEN["quarter"]))
        if value == "longer":
            return people.filter(last_login__lt=since)
        return people.filter(last_login__gte=since)


class PersonPageFilter(PersonFilter):
    """The same with lists to choose from."""

    @cached_property
    def form(self) -> forms.Form:
        form = super().form
        form.fields["team"].widget = _choice(Team.objects.values_list("slug", "name"))
        for name in ("is_active", "has_team"):
            form.fields[name].widget = _yes_or_no()
        return form


def _memberships(**wanted: Any) -> Exists:
    return Exists(Membership.objects.filter(user=OuterRef("pk"), left_at=None, **wanted))
