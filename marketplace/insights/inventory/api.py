"""The inventory in the REST API."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    Reason,
    Resource,
    StrictParameters,
    Visible,
)
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.inventory import actions, campaigns, coverage, imports
from marketplace.insights.inventory.filters import (
    ProductionModelFilter,
    PublicationCampaignFilter,
)
from marketplace.insights.models import (
    ImportKind,
    InventoryImport,
    ProductionModel,
    PublicationCampaign,
    RiskTier,
    Standing,
)
from marketplace.insights.models.inventory import IMPORT_MAX, NAME_MAX, REGISTRY_MAX, TITLE_MAX


class ProductionModelRow(serializers.ModelSerializer[ProductionModel]):
    """A model in production. `published_as` is the slug of its listing, if there is one that you may see."""

    business_unit = serializers.CharField(source="business_unit.slug")
    owner_team = serializers.CharField(source="owner_team.slug", default=None, allow_null=True)
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    risk = serializers.CharField(
        source="risk_tier", allow_blank=True, help_text="low, medium, high or empty"
    )
    standing = serializers.ChoiceField(Standing.choices)
    published_as = serializers.SerializerMethodField()

    class Meta:
        model = ProductionModel
        fields = [
            "id",
            "name",
            "description",
            "business_unit",
            "owner_team",
            "owner",
            "risk",
            "in_production_since",
            "registry_name",
            "state",
            "standing",
            "published_as",
        ]
        read_only_fields = fields

    def get_published_as(self, entry: Any) -> str | None:
        return entry.published_as.slug if entry.standing == Standing.PUBLISHED else None


class ProductionModelGiven(serializers.Serializer[Any]):
    """What is known of a model in production."""

    name = LineField(max_length=NAME_MAX)
    business_unit = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.all()
    )
    description = ProseField(max_length=REASON, required=False, allow_blank=True)
    owner_team = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), required=False, allow_null=True
    )
    owner = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.filter(is_active=True, is_system=False),
        required=False,
        allow_null=True,
    )
    risk = serializers.ChoiceField(
        RiskTier.choices, source="risk_tier", required=False, allow_blank=True
    )
    in_production_since = serializers.DateField(required=False, allow_null=True)
    registry_name = LineField(max_length=REGISTRY_MAX, required=False, allow_blank=True)


class MatchGiven(serializers.Serializer[Any]):
    """The published listing that is this model."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.published())


class ExceptionGiven(Reason):
    """Why it need not be published, and the last day of that."""

    until = serializers.DateField()


class ProductionModels(ReadableResource):
    """What runs in production, published or not."""

    queryset = ProductionModel.objects.for_list().order_by("name")
    serializer_class = ProductionModelRow
    filterset_class = ProductionModelFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if not self.request:
            return rows
        seen = RegisteredModel.objects.visible_to(self.request.user).published()
        return rows.with_standing(seen, timezone.localdate())

    def answer(self, obj: Any, status: int = 200) -> Response:
        row = self.get_queryset().get(pk=obj.pk)
        return Response(self.get_serializer(row).data, status=status)

    @extend_schema(request=ProductionModelGiven, responses={201: ProductionModelRow})
    def create(self, request: ApiRequest) -> Response:
        """Add one."""
        return self.answer(
            actions.add(request.user, **self.given(ProductionModelGiven)), status=201
        )

    @extend_schema(request=ProductionModelGiven, responses=ProductionModelRow)
    def partial_update(self, request: ApiRequest, pk: str) -> Response:
        """Change some of its facts."""
        entry = self.get_object()
        given = self.given(ProductionModelGiven, partial=True)
        return self.answer(actions.edit(request.user, entry, **given))

    @extend_schema(request=MatchGiven, responses=ProductionModelRow)
    @action(detail=True, methods=["post"])
    def match(self, request: ApiRequest, pk: str) -> Response:
        """Confirm that a listing is this model."""
        entry = self.get_object()
        return self.answer(actions.match(request.user, entry, **self.given(MatchGiven)))

    @extend_schema(request=Reason, responses=ProductionModelRow)
    @action(detail=True, methods=["post"])
    def unmatch(self, request: ApiRequest, pk: str) -> Response:
        """The listing is another model after all."""
        entry = self.get_object()
        return self.answer(actions.unmatch(request.user, entry, **self.given(Reason)))

    @extend_schema(request=ExceptionGiven, responses=ProductionModelRow)
    @action(detail=True, methods=["post"], url_path="except")
    def grant_exception(self, request: ApiRequest, pk: str) -> Response:
        """It need not be published until a day."""
        entry = self.get_object()
        actions.grant_exception(request.user, entry, **self.given(ExceptionGiven))
        return self.answer(entry)

    @extend_schema(request=Nothing, responses=ProductionModelRow)
    @action(detail=True, methods=["post"], url_path="end-exception")
    def end_exception(self, request: ApiRequest, pk: str) -> Response:
        """It is to be published after all."""
        self.given(Nothing)
        return self.answer(actions.end_exception(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=ProductionModelRow)
    @action(detail=True, methods=["post"])
    def remind(self, request: ApiRequest, pk: str) -> Response:
        """Ask its owners to publish it."""
        self.given(Nothing)
        return self.answer(actions.remind(request.user, self.get_object()))

    @extend_schema(request=Reason, responses=ProductionModelRow)
    @action(detail=True, methods=["post"])
    def retire(self, request: ApiRequest, pk: str) -> Response:
        """It runs in production no longer."""
        entry = self.get_object()
        return self.answer(actions.retire(request.user, entry, **self.given(Reason)))

    @extend_schema(request=Nothing, responses=ProductionModelRow)
    @action(detail=True, methods=["post"], url_path="bring-back")
    def bring_back(self, request: ApiRequest, pk: str) -> Response:
        """It runs in production again."""
        self.given(Nothing)
        return self.answer(actions.bring_back(request.user, self.get_object()))


class UnitCoverageRow(serializers.Serializer[Any]):
    """Models of a unit that run in production: published, excepted, missing; `percent` of those that have to be published."""

    unit = serializers.CharField(source="slug")
    name = serializers.CharField(source="unit")
    running = serializers.IntegerField()
    published = serializers.IntegerField()
    excepted = serializers.IntegerField()
    missing = serializers.IntegerField()
    percent = serializers.FloatField(allow_null=True)


class InventoryCoverage(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """How much of what runs is published, by business unit."""

    @extend_schema(responses=UnitCoverageRow(many=True), operation_id="inventory_coverage")
    def retrieve(self, request: ApiRequest) -> Response:
        """One row for each unit that has models in production."""
        seen = RegisteredModel.objects.visible_to(request.user).published()
        units = coverage.by_unit(seen, timezone.localdate())
        return Response(UnitCoverageRow(units, many=True).data)


class ImportProblem(serializers.Serializer[Any]):
    """What is wrong, in which row (0: the file as a whole) and column."""

    row = serializers.IntegerField()
    column = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ImportCounts(serializers.Serializer[Any]):
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class InventoryImportRow(serializers.ModelSerializer[InventoryImport]):
    """A file that waits, or was imported. `counts`: what importing it would do, or did."""

    by = serializers.CharField(source="by.username")
    counts = serializers.SerializerMethodField()
    problems = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()

    class Meta:
        model = InventoryImport
        fields = ["id", "kind", "state", "by", "at", "counts", "problems", "notes"]
        read_only_fields = fields

    def _preview(self, kept: InventoryImport) -> imports.Preview:
        known: dict[int, imports.Preview] = self.__dict__.setdefault("_previews", {})
        if kept.pk not in known:
            known[kept.pk] = imports.preview(kept)
        return known[kept.pk]

    @extend_schema(responses=ImportCounts)
    def get_counts(self, kept: InventoryImport) -> dict[str, int]:
        if kept.state == InventoryImport.State.APPLIED:
            return dict(kept.counts)
        found = self._preview(kept)
        return {
            "new": len(found.additions),
            "changed": len(found.changes),
            "unchanged": found.unchanged,
        }

    def get_problems(self, kept: InventoryImport) -> list[dict[str, Any]]:
        if kept.state != InventoryImport.State.PREVIEWED:
            return []
        return list(ImportProblem(self._preview(kept).problems, many=True).data)

    def get_notes(self, kept: InventoryImport) -> list[str]:
        return self._preview(kept).notes


class InventoryFile(serializers.Serializer[Any]):
    """The text of a CSV file, or of the answer of MLflow's registered-models/search."""

    kind = serializers.ChoiceField(ImportKind.choices)
    text = ProseField(max_length=IMPORT_MAX, trim_whitespace=False)
    business_unit = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.all(), required=False
    )


class InventoryImports(Resource):
    """Files for the inventory: kept, looked at, then imported as a whole or discarded."""

    queryset = InventoryImport.objects.select_related("by", "business_unit")
    serializer_class = InventoryImportRow

    @extend_schema(request=InventoryFile, responses={201: InventoryImportRow})
    def create(self, request: ApiRequest) -> Response:
        """Give a file; nothing is imported yet."""
        return self.answer(imports.keep(request.user, **self.given(InventoryFile)), status=201)

    def retrieve(self, request: ApiRequest, pk: str) -> Response:
        """What importing it would do, or did."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=Nothing, responses=InventoryImportRow)
    @action(detail=True, methods=["post"])
    def apply(self, request: ApiRequest, pk: str) -> Response:
        """Import all of it."""
        self.given(Nothing)
        return self.answer(imports.apply(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=InventoryImportRow)
    @action(detail=True, methods=["post"])
    def discard(self, request: ApiRequest, pk: str) -> Response:
        """Import nothing of it."""
        self.given(Nothing)
        return self.answer(imports.discard(request.user, self.get_object()))


class PublicationCampaignRow(serializers.ModelSerializer[PublicationCampaign]):
    """A campaign: `done` of `of` models are published; of a closed one as it closed. Which: production-models/?campaign=."""

    started_by = serializers.CharField(source="started_by.username")
    done = serializers.IntegerField()
    of = serializers.IntegerField()

    class Meta:
        model = PublicationCampaign
        fields = [
            "id",
            "title",
            "text",
            "until",
            "state",
            "started_by",
            "started_at",
            "done",
            "of",
        ]
        read_only_fields = fields


class CampaignGiven(serializers.Serializer[Any]):
    """Which models (by number) are to be published by a day."""

    title = LineField(max_length=TITLE_MAX)
    until = serializers.DateField()
    text = ProseField(max_length=REASON, required=False, allow_blank=True)
    models = serializers.SlugRelatedField(
        slug_field="id", queryset=ProductionModel.objects.for_list(), many=True
    )


class PublicationCampaigns(ReadableResource):
    """Campaigns to publish what runs."""

    queryset = PublicationCampaign.objects.select_related("started_by").order_by("-id")
    serializer_class = PublicationCampaignRow
    filterset_class = PublicationCampaignFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if not self.request:
            return rows
        seen = RegisteredModel.objects.visible_to(self.request.user).published()
        return rows.with_progress(seen, timezone.localdate())

    def answer(self, obj: Any, status: int = 200) -> Response:
        row = self.get_queryset().get(pk=obj.pk)
        return Response(self.get_serializer(row).data, status=status)

    @extend_schema(request=CampaignGiven, responses={201: PublicationCampaignRow})
    def create(self, request: ApiRequest) -> Response:
        """Start one; the owners are told."""
        return self.answer(campaigns.start(request.user, **self.given(CampaignGiven)), status=201)

    @extend_schema(request=Reason, responses=PublicationCampaignRow)
    @action(detail=True, methods=["post"])
    def cancel(self, request: ApiRequest, pk: str) -> Response:
        """Call it off; the owners are told."""
        campaign = self.get_object()
        return self.answer(campaigns.cancel(request.user, campaign, **self.given(Reason)))
