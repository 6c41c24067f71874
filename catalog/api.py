"""The catalog in the REST API: vocabularies, models, versions to read."""

from typing import Any, cast

from django.db.models import DecimalField, QuerySet
from django.db.models.functions import Cast
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from catalog import actions, term_actions
from catalog.filters import ModelFilter, VersionFilter
from catalog.models import (
    Capability,
    Domain,
    ModelType,
    ModelVersion,
    RegisteredModel,
    SearchRecord,
)
from catalog.pages import get_visible_version_or_404
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import SLUG, Nothing, ReadableResource, Resource, Visible
from marketplace.core.serializers import LineField
from marketplace.tokens.models import Scope


class TermRow(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    retired_at = serializers.DateTimeField(allow_null=True)


class TermNamed(serializers.Serializer):
    """A word of a vocabulary; its address is made from the first name and stays."""

    name = LineField(max_length=term_actions.NAME_MAX)


class Terms(ListModelMixin, RetrieveModelMixin, Resource):
    """A controlled vocabulary; the same for everybody. Administrators keep it, no token does."""

    serializer_class = TermRow
    lookup_field = "slug"
    lookup_value_regex = SLUG

    def get_queryset(self):
        return self.queryset.all()

    @extend_schema(request=TermNamed, responses={201: TermRow})
    def create(self, request):
        """Add a word, at the end."""
        term = term_actions.add_term(request.user, self.queryset.model, **self.given(TermNamed))
        return self.answer(term, status=201)

    @extend_schema(request=TermNamed, responses=TermRow)
    def partial_update(self, request, slug):
        """Give it another name; entries that have it keep it."""
        term = self.get_object()
        return self.answer(term_actions.rename_term(request.user, term, **self.given(TermNamed)))

    @extend_schema(request=Nothing, responses=TermRow)
    @action(detail=True, methods=["post"])
    def retire(self, request, slug):
        """No new entry takes it."""
        self.given(Nothing)
        return self.answer(term_actions.retire_term(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=TermRow)
    @action(detail=True, methods=["post"])
    def restore(self, request, slug):
        """New entries may take it again."""
        self.given(Nothing)
        return self.answer(term_actions.restore_term(request.user, self.get_object()))


class Domains(Terms):
    queryset = Domain.objects.all()


class Capabilities(Terms):
    queryset = Capability.objects.all()


class ModelTypes(Terms):
    queryset = ModelType.objects.all()


class ModelRow(serializers.ModelSerializer):
    """A catalog entry with what its users measured."""

    owner_team = serializers.CharField(source="owner_team.slug")
    business_unit = serializers.CharField(source="owner_team.business_unit.slug")
    owner = serializers.CharField(source="owner.username")
    domain = serializers.CharField(source="domain.slug")
    capability = serializers.CharField(source="capability.slug")
    model_type = serializers.CharField(source="model_type.slug")
    tags = serializers.ListField(child=serializers.CharField())
    stable_version = serializers.CharField(source="stable.number", default=None, allow_null=True)
    calls_14d = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        model = RegisteredModel
        fields = [
            "slug",
            "name",
            "summary",
            "description",
            "limitations",
            "owner_team",
            "business_unit",
            "owner",
            "support_contact",
            "support_hours",
            "domain",
            "capability",
            "model_type",
            "tags",
            "visibility",
            "state",
            "stable_version",
            "risk_tier",
            "calls_30d",
            "calls_14d",
            "consumer_teams",
            "rating_mean",
            "rating_count",
            "measured_p95_ms",
            "measured_availability",
            "created_at",
        ]
        read_only_fields = fields


class Listing(serializers.ModelSerializer):
    """What a team says about its model."""

    owner = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.filter(is_active=True, is_system=False),
        required=False,
    )
    domain = serializers.SlugRelatedField(slug_field="slug", queryset=Domain.objects.all())
    capability = serializers.SlugRelatedField(slug_field="slug", queryset=Capability.objects.all())
    model_type = serializers.SlugRelatedField(slug_field="slug", queryset=ModelType.objects.all())
    tags = serializers.ListField(child=LineField(max_length=30), max_length=12, required=False)

    class Meta:
        model = RegisteredModel
        fields = [
            "name",
            "summary",
            "description",
            "limitations",
            "owner",
            "support_contact",
            "support_hours",
            "domain",
            "capability",
            "model_type",
            "tags",
            "visibility",
            "similar_reason",
        ]


class Registration(Listing):
    """A new model of a team."""

    owner_team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    slug = LineField(
        required=False,
        max_length=60,
        help_text="The address that is wished for; needed when none can be made of the name.",
    )
    visible_units = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.current(), many=True, required=False
    )
    visible_teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )

    search_record = Visible(
        slug_field="id",
        queryset=SearchRecord.objects.all(),
        required=False,
        help_text="The search before build that says that the team builds it.",
    )

    class Meta(Listing.Meta):
        fields = [
            "owner_team",
            "slug",
            *Listing.Meta.fields,
            "search_record",
            "visible_units",
            "visible_teams",
        ]


class EntryAt(Registration):
    """A model of a team, at the address that the request names."""

    visible_units = visible_teams = slug = None

    class Meta(Registration.Meta):
        fields = ["owner_team", *Listing.Meta.fields, "search_record"]


class Models(ReadableResource):
    """Catalog entries. The list takes the parameters of the catalog's page."""

    queryset = RegisteredModel.objects.for_page()
    serializer_class = ModelRow
    filterset_class = ModelFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG
    token_scopes = dict.fromkeys(("create", "update", "partial_update"), Scope.PUBLISH)

    def filter_queryset(self, queryset):
        """A search comes best fit first; the exact decimal is what a cursor can stand on."""
        found = super().filter_queryset(queryset)
        if "score" in found.query.annotations and not isinstance(found.query.order_by[0], str):
            return found.annotate(
                fit=Cast("score", DecimalField(max_digits=9, decimal_places=6))
            ).order_by("-fit")
        return found

    @extend_schema(request=Registration, responses={201: ModelRow})
    def create(self, request):
        """Register a model of one of your teams, as a draft."""
        return self.answer(
            actions.register_after_search(request.user, **self.given(Registration)), status=201
        )

    @extend_schema(request=EntryAt, responses={200: ModelRow, 201: ModelRow})
    def update(self, request, slug):
        """Register a model at this address, or let the entry there say this; the same again changes nothing."""
        model, is_new = actions.put_entry(request.user, slug, **self.given(EntryAt))
        return self.answer(model, status=201 if is_new else 200)

    @extend_schema(request=Listing(partial=True), responses=ModelRow)
    def partial_update(self, request, slug):
        """Change what the entry says."""
        model = self.get_object()
        return self.answer(actions.edit(request.user, model, **self.given(Listing, partial=True)))


class VersionRow(serializers.ModelSerializer):
    """A version and how far it got."""

    model = serializers.CharField(source="model.slug")
    successor = serializers.CharField(source="successor.number", default=None, allow_null=True)
    successor_model = serializers.CharField(
        source="successor.model.slug", default=None, allow_null=True
    )
    brownouts = serializers.ListField(
        child=serializers.ListField(child=serializers.DateTimeField()),
        help_text="Announced refusals before the sunset, each as [from, until]",
    )
    submitted_by = serializers.CharField(
        source="submitted_by.username", default=None, allow_null=True
    )
    is_callable = serializers.BooleanField()

    class Meta:
        model = ModelVersion
        fields = [
            "id",
            "model",
            "number",
            "state",
            "kind",
            "risk_tier",
            "changelog",
            "is_callable",
            "suspended_at",
            "suspension_reason",
            "created_at",
            "submitted_by",
            "submitted_at",
            "approved_at",
            "approved_until",
            "suspends_at",
            "published_at",
            "deprecated_at",
            "sunset_at",
            "successor",
            "successor_model",
            "brownouts",
            "retired_at",
            "manifest_sha256",
        ]
        read_only_fields = fields


class VersionDetail(VersionRow):
    """A version with its contract: signature, example, promised service level."""

    class Meta(VersionRow.Meta):
        fields = [*VersionRow.Meta.fields, "signature", "example", "sla"]
        read_only_fields = fields


class OfOneVersion(ListModelMixin, Resource):  # type: ignore[misc]
    """Rows of one visible version, addressed by slug and number."""

    def version(self) -> ModelVersion:
        request = cast(PageRequest, self.request)
        return get_visible_version_or_404(request, **self.kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(version=self.version())


class ReadableVersions(ReadableResource):
    """Versions to read; the apps above add the moves they know."""

    queryset = ModelVersion.objects.select_related(
        "model__owner_team__business_unit", "successor__model", "submitted_by", "card"
    ).newest_first()
    serializer_class = VersionDetail
    filterset_class = VersionFilter

    def get_serializer_class(self):
        return VersionRow if self.action == "list" else VersionDetail
