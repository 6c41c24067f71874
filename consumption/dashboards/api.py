"""Dashboards in the REST API: the figures, the limits and the log of the page with the same parameters; and a model's adoption."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from catalog.pages import get_visible_model_or_404
from consumption.dashboards import adoption, call_log
from consumption.dashboards.selection import PARAMETERS, select
from consumption.metering import burn, failures, received, usage
from consumption.models import Application
from consumption.permissions import can_see_model_usage
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import SLUG, StrictParameters
from marketplace.core.errors import NotAllowed

GROUPINGS = ("model", "application", "team", "environment", "key", "version")
WINDOW = OpenApiParameter(
    "window", str, enum=[one.slug for one in usage.WINDOWS], description="Up to now; 30d if absent."
)
CHOICES = [
    *(OpenApiParameter(name, str, description=what) for name, what in PARAMETERS.items()),
    WINDOW,
]


class Chosen(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """Of the calls of one's own teams, narrowed by the parameters of the page."""

    also: tuple[str, ...] = ()

    def _parameters(self) -> dict[str, bool]:
        return dict.fromkeys((*PARAMETERS, "window", *self.also), False)


class CountsRow(serializers.Serializer[Any]):
    """calls = ok + client_errors + upstream_errors + aborted + unknown; `costs`: exact amounts by currency."""

    name = serializers.CharField(help_text="Slug, number, kid or environment.")
    label = serializers.CharField()  # type: ignore[assignment]
    calls = serializers.IntegerField(source="counts.calls")
    ok = serializers.IntegerField(source="counts.ok")
    client_errors = serializers.IntegerField(source="counts.client_errors")
    upstream_errors = serializers.IntegerField(source="counts.upstream_errors")
    aborted = serializers.IntegerField(source="counts.aborted")
    unknown = serializers.IntegerField(source="counts.unknown")
    units = serializers.IntegerField(source="counts.units", help_text="Calls that are billed.")
    slowest_p95_us = serializers.IntegerField(source="p95_us", allow_null=True)
    costs = serializers.DictField(
        child=serializers.DecimalField(max_digits=38, decimal_places=9), help_text="By currency."
    )


class UsageFigures(Chosen):
    """Usage summed by one thing, busiest first; the rows add up to all that was chosen."""

    lookup_field = "by"
    lookup_value_regex = "|".join(GROUPINGS)

    @extend_schema(
        parameters=[OpenApiParameter("by", str, OpenApiParameter.PATH, enum=GROUPINGS), *CHOICES],
        responses=CountsRow(many=True),
    )
    def retrieve(self, request: ApiRequest, by: str) -> Response:
        """By model, application, team, environment, key or version."""
        chosen = select(request.user, request.query_params)
        return Response(CountsRow(usage.by(chosen.scope, chosen.window, by), many=True).data)


class FailureRow(serializers.Serializer[Any]):
    """Calls that were not answered, of one kind. `by`: who mends it."""

    kind = serializers.CharField(source="kind.slug")
    label = serializers.CharField(source="kind.label")  # type: ignore[assignment]
    by = serializers.ChoiceField(source="kind.by", choices=list(failures.BY_WHOM.items()))
    reason = serializers.CharField(source="kind.reason")
    remedy = serializers.CharField(source="kind.remedy")
    calls = serializers.IntegerField()
    percent = serializers.FloatField(help_text="Of the calls that failed.")


class Failures(Chosen):
    """Errors by kind, most first."""

    @extend_schema(parameters=CHOICES, responses=FailureRow(many=True))
    def list(self, request: ApiRequest) -> Response:
        """Together they are the calls that were not answered."""
        chosen = select(request.user, request.query_params)
        return Response(FailureRow(failures.counts(chosen.scope, chosen.window), many=True).data)


class LimitRow(serializers.Serializer[Any]):
    """A subscription's quota of the running month (UTC), and which limit meets its calls first, in words.

    `forecast`: billed calls at the month's end, if each day is like the mean of the last seven; `full_on`: when the quota is used
    up at that pace, if it is in this month.
    """

    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="subscription.model.slug")
    plan = serializers.CharField(source="subscription.plan.slug")
    used = serializers.IntegerField()
    quota = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField(allow_null=True)
    forecast = serializers.IntegerField()
    full_on = serializers.DateField(allow_null=True)
    limit = serializers.CharField(source="limit.sentence")


class Limits(Chosen):
    """Quotas, their forecast, and the effective limit in words; the fullest first."""

    @extend_schema(parameters=CHOICES, responses=LimitRow(many=True))
    def list(self, request: ApiRequest) -> Response:
        """Of the open subscriptions."""
        chosen = select(request.user, request.query_params)
        return Response(LimitRow(burn.burns(chosen.subscriptions), many=True).data)


class ReceivedRow(serializers.Serializer[Any]):
    """What one subscription received of one version, beside what is promised. Percents 0 to 100."""

    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="version.model.slug")
    version = serializers.CharField(source="version.number")
    served = serializers.IntegerField()
    failed = serializers.IntegerField()
    availability = serializers.FloatField(allow_null=True)
    promised_availability = serializers.FloatField(allow_null=True)
    availability_verdict = serializers.CharField()
    answered = serializers.IntegerField()
    in_time = serializers.IntegerField(allow_null=True)
    promised_ms = serializers.FloatField(allow_null=True)
    in_time_verdict = serializers.CharField()


class ReceivedLevels(Chosen):
    """Service levels received by one's own calls."""

    @extend_schema(parameters=CHOICES, responses=ReceivedRow(many=True))
    def list(self, request: ApiRequest) -> Response:
        """A row a subscription and version that was called, most calls first."""
        chosen = select(request.user, request.query_params)
        return Response(ReceivedRow(received.received(chosen.scope, chosen.window), many=True).data)


class CallRow(serializers.Serializer[Any]):
    """One call that reached a model; never a payload. `kind` and `reason`: why it failed, empty when it was answered."""

    request_id = serializers.UUIDField()
    at = serializers.DateTimeField()
    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="version.model.slug")
    version = serializers.CharField(source="version.number")
    key = serializers.CharField(source="key.kid", default=None, allow_null=True)
    environment = serializers.ChoiceField(choices=Application.Environment.choices)
    is_answered = serializers.SerializerMethodField()
    kind = serializers.CharField(source="kind.slug", default="", allow_blank=True)
    reason = serializers.CharField(source="kind.reason", default="", allow_blank=True)
    http_status = serializers.IntegerField(help_text="0 when nobody knows.")
    duration_us = serializers.IntegerField()
    request_bytes = serializers.IntegerField()
    response_bytes = serializers.IntegerField()
    units = serializers.IntegerField()

    def get_is_answered(self, call: call_log.Call) -> bool:
        return call.kind is None


@extend_schema_serializer(many=False)
class CallsPage(serializers.Serializer[Any]):
    """`before` of the next page, "" at the end; `looked_to`: how far back this page looked, when it has fewer rows than fit."""

    before = serializers.CharField(allow_blank=True, source="older")
    looked_to = serializers.DateTimeField(allow_null=True)
    results = CallRow(many=True, source="calls")


class Calls(Chosen):
    """The log of recent calls of one's own teams, newest first."""

    also = ("failed", "before", "request")

    @extend_schema(
        parameters=[
            *CHOICES,
            OpenApiParameter("failed", str, description="1: only calls that were not answered."),
            OpenApiParameter("before", str, description="From `before` of a page of this list."),
            OpenApiParameter("request", str, description="One call by its X-Request-Id."),
        ],
        responses=CallsPage,
    )
    def list(self, request: ApiRequest) -> Response:
        """Fifty of them; each page looks through a bounded number of calls."""
        chosen = select(request.user, request.query_params)
        page = call_log.asked_for(chosen, request.query_params, call_log.PAGE)
        return Response(CallsPage(page).data)


class AdoptedVersionRow(serializers.Serializer[Any]):
    """One version. `follows`: open subscriptions that it answers now; `to_move`: who still uses it, when it ends."""

    version = serializers.CharField(source="version.number")
    state = serializers.CharField(source="version.state")
    calls = serializers.IntegerField()
    percent = serializers.FloatField()
    callers = serializers.IntegerField()
    follows = serializers.IntegerField()
    sunset_at = serializers.DateTimeField(source="version.sunset_at", allow_null=True)
    to_move = serializers.IntegerField()


class AdoptingRow(serializers.Serializer[Any]):
    """One open subscription, the version that answers it, and what it called in the window."""

    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.name")
    team = serializers.CharField(source="subscription.application.team.slug")
    version = serializers.CharField(source="version.number")
    calls = serializers.IntegerField()
    has_to_move = serializers.BooleanField(source="moves")


class AdoptionAnswer(serializers.Serializer[Any]):
    """Consumers, adoption by version, errors by kind, and discussions that wait."""

    versions = AdoptedVersionRow(many=True)
    consumers = AdoptingRow(many=True)
    failures = FailureRow(many=True)
    waiting_discussions = serializers.IntegerField()


class Adoption(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """How a model is taken up; for its owner team and those who oversee."""

    def _parameters(self) -> dict[str, bool]:
        return {"window": False}

    @extend_schema(
        parameters=[
            OpenApiParameter("slug", str, OpenApiParameter.PATH, pattern=f"^{SLUG}$"),
            WINDOW,
        ],
        responses=AdoptionAnswer,
    )
    def retrieve(self, request: ApiRequest, slug: str) -> Response:
        """The figures of the model's usage page."""
        entry = get_visible_model_or_404(request, slug)  # type: ignore[arg-type]
        if not can_see_model_usage(request.user, entry):
            raise NotAllowed(
                "Who calls a model is for its team and those who oversee.",
                ask=str(entry.owner_team),
            )
        window = usage.window(request.query_params.get("window"))
        found = adoption.adoption(entry, window)
        answer = {
            "versions": found.versions,
            "consumers": found.consumers,
            "failures": failures.counts(usage.of_model(entry), window),
            "waiting_discussions": found.feedback.waits,
        }
        return Response(AdoptionAnswer(answer).data)
