"""Collections in the REST API."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import collection_actions as actions
from catalog.filters import CollectionFilter
from catalog.models import Collection, CollectionEntry, RegisteredModel
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import SLUG, Nothing, ReadableResource, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField


class EntryRow(serializers.ModelSerializer[CollectionEntry]):
    model = serializers.CharField(source="model.slug")
    name = serializers.CharField(source="model.name")

    class Meta:
        model = CollectionEntry
        fields = ["model", "name", "note"]
        read_only_fields = fields


class CollectionRow(serializers.ModelSerializer[Collection]):
    """A set of models with a text; `models` are those of its published ones that you may see."""

    models = EntryRow(source="entries", many=True)

    class Meta:
        model = Collection
        fields = ["slug", "name", "text", "state", "is_featured", "models"]
        read_only_fields = fields


class CollectionGiven(serializers.Serializer[Any]):
    name = LineField(max_length=Collection.NAME_MAX)
    text = ProseField(max_length=Collection.TEXT_MAX)


class CollectionEdited(CollectionGiven):
    is_featured = serializers.BooleanField()


class EntryGiven(serializers.Serializer[Any]):
    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.published())
    note = ProseField(max_length=REASON, required=False, allow_blank=True)


class EntryNamed(serializers.Serializer[Any]):
    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())


class Collections(ReadableResource):
    """Sets of models made by marketplace managers."""

    queryset = Collection.objects.order_by("name")
    serializer_class = CollectionRow
    filterset_class = CollectionFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG

    def get_queryset(self) -> Any:
        """With those of its entries that the person may see."""
        rows = super().get_queryset()
        if not self.request:
            return rows
        seen = RegisteredModel.objects.visible_to(self.request.user).published().order_by()
        entries = CollectionEntry.objects.filter(model__in=seen.values("pk"))
        return rows.prefetch_related(Prefetch("entries", entries.select_related("model")))

    def answer(self, obj: Any, status: int = 200) -> Response:
        shown = self.get_queryset().get(pk=obj.pk)
        return Response(self.get_serializer(shown).data, status=status)

    @extend_schema(request=CollectionGiven, responses={201: CollectionRow})
    def create(self, request: ApiRequest) -> Response:
        """Begin one, as a draft."""
        made = actions.create_collection(request.user, **self.given(CollectionGiven))
        return self.answer(made, status=201)

    @extend_schema(request=CollectionEdited, responses=CollectionRow)
    def update(self, request: ApiRequest, slug: str) -> Response:
        """Change its words, and whether home shows it."""
        given = self.given(CollectionEdited)
        return self.answer(actions.edit_collection(request.user, self.get_object(), **given))

    @extend_schema(request=EntryGiven, responses=CollectionRow)
    @action(detail=True, methods=["post"], url_path="put-in")
    def put_in(self, request: ApiRequest, slug: str) -> Response:
        """Put a model in, or change why it is in."""
        collection = self.get_object()
        actions.put_in(request.user, collection, **self.given(EntryGiven))
        return self.answer(collection)

    @extend_schema(request=EntryNamed, responses=CollectionRow)
    @action(detail=True, methods=["post"], url_path="take-out")
    def take_out(self, request: ApiRequest, slug: str) -> Response:
        """Take a model out."""
        collection = self.get_object()
        return self.answer(actions.take_out(request.user, collection, **self.given(EntryNamed)))

    @extend_schema(request=Nothing, responses=CollectionRow)
    @action(detail=True, methods=["post"])
    def publish(self, request: ApiRequest, slug: str) -> Response:
        """Show it to everybody."""
        self.given(Nothing)
        return self.answer(actions.publish_collection(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=CollectionRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, slug: str) -> Response:
        """Make it a draft again."""
        self.given(Nothing)
        return self.answer(actions.withdraw_collection(request.user, self.get_object()))
