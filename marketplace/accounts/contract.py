"""What the schema says of every operation: how it says no, and that a POST may carry an Idempotency-Key."""

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from marketplace.accounts.idempotency import HEADER, LONGEST
from marketplace.lib.problems import MEDIA_TYPE


class FieldError(serializers.Serializer):
    """One thing that is wrong with what was sent; `field` is a path like "inputs.0.name"."""

    field = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    code = serializers.CharField()


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
        said = f"Any text up to {LONGEST} characters, new for each act: the same key brings the same answer for a day."
        return [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=said)]

    def _get_response_bodies(self, direction="response"):
        bodies = super()._get_response_bodies(direction)
        no = OpenApiResponse(Problem, description="The answer is no, and why.")
        return bodies | {"default": self._get_response_for_code(no, "default", media_types=[MEDIA_TYPE], direction=direction)}
