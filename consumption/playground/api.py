"""Tries in the REST API: one request to one version, in the sandbox, for programs that look before they subscribe."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from consumption.playground import costs, tries
from consumption.playground.tries import Asked
from marketplace.accounts.requests import ApiRequest, PageRequest
from marketplace.accounts.resources import SLUG, Resource
from marketplace.tokens.models import Scope


class TryWanted(serializers.Serializer[Any]):
    """`request`: the body that the gateway would get, in any form that the model takes."""

    request = serializers.DictField(child=serializers.JSONField(allow_null=True), allow_empty=False)


class CallCost(serializers.Serializer[Any]):
    """What such a call would cost on a plan, exact."""

    plan = serializers.CharField()
    currency = serializers.CharField()
    cost = serializers.DecimalField(max_digits=24, decimal_places=9)


class TryAnswered(serializers.Serializer[Any]):
    """How the version answered. `status` is the gateway's, 0 when none came; then `why_not` says why. An answer that is repeated by
    Idempotency-Key has null as `answer`: values are not kept."""

    model = serializers.CharField()
    version = serializers.CharField()
    status = serializers.IntegerField()
    latency_ms = serializers.FloatField(help_text="As the portal saw it")
    request_id = serializers.CharField(allow_blank=True)
    headers = serializers.DictField(child=serializers.CharField())
    answer = serializers.DictField(child=serializers.JSONField(allow_null=True), allow_null=True)
    why_not = serializers.CharField(allow_blank=True)
    costs = CallCost(many=True)
    calls_left = serializers.IntegerField(help_text="Of the person's calls in this hour")
    resets_at = serializers.DateTimeField()


class Tries(Resource):
    """Nothing is listed: what was tried is not kept (docs/playground.md, "What is kept")."""

    queryset = ModelVersion.objects.select_related("model")
    serializer_class = TryAnswered
    token_scopes = {"create": Scope.TRY}

    @extend_schema(
        parameters=[
            OpenApiParameter("slug", str, OpenApiParameter.PATH, pattern=f"^{SLUG}$"),
            OpenApiParameter("number", str, OpenApiParameter.PATH),
        ],
        request=TryWanted,
        responses={201: TryAnswered},
    )
    def create(self, request: ApiRequest, slug: str, number: str) -> Response:
        """Send one request to the version through the gateway: free, no key, sixty calls an hour for each person."""
        version = get_visible_version_or_404(cast(PageRequest, request), slug, number)
        body = self.given(TryWanted)["request"]
        (tried,), left = tries.try_versions(request.user, [Asked(version, body)])
        kept = {
            "model": slug,
            "version": version.number,
            "status": tried.reply.status if tried.reply else 0,
            "latency_ms": tried.reply.latency_ms if tried.reply else 0.0,
            "request_id": tried.reply.request_id if tried.reply else "",
            "headers": tried.reply.headers if tried.reply else {},
            "answer": None,
            "why_not": tried.why_not,
            "costs": [
                {"plan": cost.plan.slug, "currency": cost.plan.currency, "cost": cost.cost}
                for cost in costs.of_models([version.model_id])[version.model_id]
            ],
            "calls_left": left.left,
            "resets_at": left.resets_at,
        }
        answer = tried.reply.document if tried.reply else None
        response = Response(
            TryAnswered(kept | {"answer": answer}).data,
            status=201,
            headers={"Cache-Control": "no-store"},
        )
        response.kept_data = TryAnswered(kept).data  # type: ignore[attr-defined]
        return response
