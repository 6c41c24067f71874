"""The comparison in the REST API: what the page shows, as data."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from catalog import tray
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import StrictParameters
from marketplace.core.query import whole_number
from marketplace.insights import comparison
from marketplace.insights.comparison.access import MOST_CALLS, USUAL_CALLS

PARAMETERS = [
    OpenApiParameter(
        "model",
        str,
        many=True,
        required=True,
        description="Two to four: a model's slug, or one version of it as slug@number. The first is the reference.",
    ),
    OpenApiParameter(
        "calls",
        {"type": "integer", "minimum": 1, "maximum": MOST_CALLS, "default": USUAL_CALLS},
        description="Calls a month that prices are worked out for.",
    ),
]


class ComparedField(serializers.Serializer[Any]):
    name = serializers.CharField()
    presence = serializers.ChoiceField(["has", "lacks", "extra"], source="state")
    note = serializers.CharField(allow_blank=True)


class ComparedCell(serializers.Serializer[Any]):
    """What one column says in one row."""

    text = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    verdict = serializers.CharField(source="verdict.text", default=None, allow_null=True)
    mark = serializers.CharField(allow_blank=True, help_text="best, worse, or empty")
    entries = ComparedField(source="fields", many=True)


class ComparedRow(serializers.Serializer[Any]):
    row = serializers.CharField(source="label")
    hint = serializers.CharField(allow_blank=True)
    is_same = serializers.BooleanField()
    cells = ComparedCell(many=True)


class ComparedGroup(serializers.Serializer[Any]):
    title = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    rows = ComparedRow(many=True)


class ComparedColumn(serializers.Serializer[Any]):
    pick = serializers.CharField()
    model = serializers.CharField(source="model.slug")
    name = serializers.CharField()
    version = serializers.CharField(source="version.number")
    state = serializers.CharField(source="version.state")
    owner_team = serializers.CharField(source="model.owner_team.slug")


class ComparisonTable(serializers.Serializer[Any]):
    """Versions side by side. `unavailable` counts what the caller may not see, or what is not there."""

    columns = ComparedColumn(many=True)
    in_short = serializers.ListField(child=serializers.CharField())
    groups = ComparedGroup(many=True)
    unavailable = serializers.IntegerField(source="gone")


class Comparisons(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """Two to four models or versions side by side: contract, quality on the same benchmark, service, price, consumers."""

    def _parameters(self) -> dict[str, bool]:
        return {"model": True, "calls": False}

    @extend_schema(parameters=PARAMETERS, responses=ComparisonTable, operation_id="compare")
    def retrieve(self, request: ApiRequest) -> Response:
        """Compare the versions that `model` names."""
        picks, wrong = tray.picks_of(request.query_params.getlist("model")), {}
        if not 2 <= len(picks) <= tray.MOST:
            wrong["model"] = [f"Name two to {tray.MOST} models: slug, or slug@number."]
        text = request.query_params.get("calls")
        calls = USUAL_CALLS if text is None else whole_number(text)
        if calls is None or not 1 <= calls <= MOST_CALLS:
            wrong["calls"] = [f"Give a whole number from 1 to {MOST_CALLS}."]
        if wrong or calls is None:
            raise serializers.ValidationError(wrong, code="invalid")
        return Response(ComparisonTable(comparison.compare(request.user, picks, calls)).data)
