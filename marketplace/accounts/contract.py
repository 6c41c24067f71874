"""What the schema says of every operation: how it says no, what may follow it, and that a POST may carry an Idempotency-Key."""

import re

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from marketplace.accounts.idempotency import HEADER, LONGEST
from marketplace.core.problem_json import MEDIA_TYPE


class FieldError(serializers.Serializer):
    """One thing that is wrong with what was sent; `field` is a path like "inputs.0.name"."""

    field = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    code = serializers.CharField()
    remedy = serializers.CharField(required=False)
    page = serializers.CharField(required=False, help_text="Where a person mends it")


class Problem(serializers.Serializer):
    """RFC 9457. `remedy` says what would make the answer yes; `ask` who can help."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    field = serializers.CharField(required=False)
    remedy = serializers.CharField(required=False)
    ask = serializers.CharField(required=False)
    errors = FieldError(many=True, required=False)


class Contract(AutoSchema):
    """drf-spectacular's schema with the house's problems and keys."""

    def get_override_parameters(self):
        if self.method != "POST":
            return []
        description = f"Any text up to {LONGEST} characters, new for each act: the same key brings the same answer for a day."
        return [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=description)]

    def _map_serializer_field(self, field, direction, bypass_extensions=False):
        """A choice that need not be made is answered as the empty text: also when the field is only read."""
        if isinstance(field, serializers.ChoiceField) and field.read_only and _may_be_blank(field):
            field.allow_blank = True
        if type(field) is serializers.JSONField and field.allow_null:
            return {}  # any value: null would fit both "anything" and "null", and one of them only may
        return super()._map_serializer_field(field, direction, bypass_extensions)

    def _get_response_bodies(self, direction="response"):
        bodies = super()._get_response_bodies(direction)
        no = OpenApiResponse(Problem, description="The answer is no, and why.")
        return bodies | {
            "default": self._get_response_for_code(
                no, "default", media_types=[MEDIA_TYPE], direction=direction
            )
        }


def _may_be_blank(field):
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    columns = {column.name: column for column in model._meta.fields} if model else {}
    return field.source in columns and columns[field.source].blank


# ── Links: from what a list or a new thing is answered with, to what can be done with it ──

ONE = re.compile(r"/api/v1/(?P<list>[a-z-]+)/{(?P<name>\w+)}/")
SUCCESS = {"get": "200", "post": "201"}
# Where the number of something stands that has no list of its own: {resource: (list, member)}.
ELSEWHERE = {"service-levels": ("versions", "id")}


def add_links(result, generator, request, public):
    """drf-spectacular's POSTPROCESSING_HOOK: OpenAPI links to every operation on one thing, from its list and its creation."""
    paths = result["paths"]
    for path, item in paths.items():
        place = ONE.match(path)
        if place is None:
            continue
        source, member = ELSEWHERE.get(place["list"], (place["list"], place["name"]))
        for method, status in SUCCESS.items():
            origin = paths.get(f"/api/v1/{source}/", {}).get(method)
            if origin and status in origin["responses"]:
                origin["responses"][status].setdefault("links", {}).update(
                    _links(item, place["name"], member, method)
                )
    return result


def _links(item, name, member, origin):
    """{link name: link} to the operations of a path; of a list its first row counts."""
    value = (
        f"$response.body#/results/0/{member}" if origin == "get" else f"$response.body#/{member}"
    )
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {name: value},
        }
        for method, operation in item.items()
        if method != "parameters"
    }
