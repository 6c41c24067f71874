"""The runtime in the REST API: what runs and how it is, and the wishes of those who may manage it; the reconciler acts."""

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from hosting import actions, capacity, deployments, service_levels
from hosting.filters import DeploymentFilter, HealthSampleFilter, IncidentFilter
from hosting.models import Deployment, HealthSample, Incident, Replica
from hosting.permissions import can_read_logs
from marketplace.accounts.resources import (
    Nothing,
    OptionalReason,
    ReadableResource,
    Reason,
    Resource,
)
from marketplace.core.field_limits import CREDENTIAL
from marketplace.core.guard import require
from marketplace.core.serializers import LineField, ProseField


class ReplicaRow(serializers.ModelSerializer):
    """One process that serves, or served, a version."""

    class Meta:
        model = Replica
        fields = ["replica_id", "node", "pid", "state", "started_at", "ended_at"]
        read_only_fields = fields


class OfVersion(serializers.Serializer):
    """Which version a row is about: its id, its model's slug and its number."""

    version = serializers.IntegerField(source="version.pk")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")


class DeploymentRow(OfVersion, serializers.ModelSerializer):
    """What should run for a version, and what does: `replicas` are those that have not ended."""

    replicas = ReplicaRow(source="live_replicas", many=True)

    class Meta:
        model = Deployment
        fields = [
            "id",
            "version",
            "model",
            "number",
            "environment",
            "driver",
            "state",
            "state_since",
            "reason",
            "min_replicas",
            "max_replicas",
            "target_ongoing_requests",
            "restarts",
            "created_at",
            "started_at",
            "ready_at",
            "replicas",
        ]
        read_only_fields = fields


class Size(serializers.Serializer):
    """How many processes, and how busy each may be before another is added."""

    minimum = serializers.IntegerField(min_value=0, max_value=capacity.MOST_REPLICAS)
    maximum = serializers.IntegerField(min_value=1, max_value=capacity.MOST_REPLICAS)
    target_ongoing_requests = serializers.IntegerField(min_value=1, max_value=capacity.MOST_AT_ONCE)
    reason = ProseField(
        max_length=4000,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed from operators who take capacity from consumers; they read it.",
    )


class LogLines(serializers.Serializer):
    """What the processes of a version wrote last, oldest line first; null while the engine does not answer."""

    lines = serializers.ListField(child=serializers.CharField(), allow_null=True)


class Deployments(ReadableResource):
    queryset = Deployment.objects.select_related("version__model").prefetch_related(
        Prefetch("replicas", Replica.objects.filter(ended_at=None), to_attr="live_replicas")
    )
    serializer_class = DeploymentRow
    filterset_class = DeploymentFilter

    @extend_schema(request=OptionalReason, responses=DeploymentRow)
    @action(detail=True, methods=["post"])
    def start(self, request, pk):
        """Run a stopped or failed deployment again."""
        return self._managed(actions.start, OptionalReason)

    @extend_schema(request=Reason, responses=DeploymentRow)
    @action(detail=True, methods=["post"])
    def stop(self, request, pk):
        """Stop it until somebody starts it again; its consumers are told."""
        return self._managed(actions.stop, Reason)

    @extend_schema(request=Size, responses=DeploymentRow)
    @action(detail=True, methods=["put"])
    def size(self, request, pk):
        """Set how many replicas there may be."""
        return self._managed(actions.scale, Size)

    @extend_schema(request=Reason, responses=DeploymentRow)
    @action(detail=True, methods=["post"])
    def roll_back(self, request, pk):
        """Take it out of service because the version before it is better."""
        return self._managed(actions.roll_back, Reason)

    @extend_schema(responses=LogLines)
    @action(detail=True)
    def logs(self, request, pk):
        """The last lines of its processes: for its publishing team and operators."""
        deployment = self.get_object()
        require(
            can_read_logs(request.user, deployment),
            "Only its publishing team and operators read its logs.",
            ask=actions.ASK,
        )
        return Response(LogLines({"lines": deployments.last_lines(deployment)}).data)

    def _managed(self, verb, serializer_class):
        deployment = self.get_object()
        verb(self.request.user, deployment, **self.given(serializer_class))
        return self.answer(deployment)


class CredentialGiven(serializers.Serializer):
    """A token, sent as Bearer, or scheme and value. It is never shown again."""

    credential = LineField(max_length=CREDENTIAL)


class Credentials(Resource):
    """The secret with which the gateway calls a version that is hosted elsewhere. For its team; write only."""

    queryset = ModelVersion.objects.all()
    serializer_class = CredentialGiven
    pagination_class = None
    filterset_class = None

    @extend_schema(request=CredentialGiven, responses={204: None})
    def update(self, request, slug, number):
        """Store the credential in place of the one before; calls use it within seconds."""
        return self._set(**self.given(CredentialGiven))

    @extend_schema(request=Nothing, responses={204: None})
    def destroy(self, request, slug, number):
        """Remove the credential. Refused while consumers call the version."""
        return self._set("")

    def _set(self, credential):
        version = get_visible_version_or_404(self.request, **self.kwargs)
        actions.set_credential(self.request.user, version, credential)
        return Response(status=204)


class IncidentRow(OfVersion, serializers.ModelSerializer):
    """A time in which a version did not answer; `closed_at` null means that it still does not."""

    class Meta:
        model = Incident
        fields = ["id", "version", "model", "number", "opened_at", "closed_at", "summary"]
        read_only_fields = fields


class Incidents(ReadableResource):
    """Incidents of the versions that one may see, newest first; opened by three failed probes, closed by recovery."""

    queryset = Incident.objects.select_related("version__model").order_by("-opened_at")
    serializer_class = IncidentRow
    filterset_class = IncidentFilter


class HealthSampleRow(OfVersion, serializers.ModelSerializer):
    """One probe, end to end with the version's own example; `latency_ms` of the example, null when it was not answered."""

    class Meta:
        model = HealthSample
        fields = [
            "id",
            "version",
            "model",
            "number",
            "at",
            "is_ok",
            "latency_ms",
            "replicas",
            "detail",
        ]
        read_only_fields = fields


class HealthSamples(ListModelMixin, Resource):
    """The marketplace's own probes of the versions that one may see, newest first; kept for 35 days."""

    queryset = HealthSample.objects.select_related("version__model").order_by("-at")
    serializer_class = HealthSampleRow
    filterset_class = HealthSampleFilter


class PromiseRow(serializers.Serializer):
    """One line of the SLA and what became of it: kept, broken, or not enough traffic."""

    name = serializers.CharField()
    unit = serializers.CharField()
    promised = serializers.DecimalField(max_digits=12, decimal_places=3)
    measured = serializers.FloatField(allow_null=True)
    verdict = serializers.CharField()


class BudgetRow(serializers.Serializer):
    """Calls that may fail under the promised availability, and how many did."""

    allowed = serializers.IntegerField()
    spent = serializers.IntegerField()
    left = serializers.IntegerField()


class ServiceLevelRow(OfVersion):
    """What a version did over `days`, against what was promised; null where there is nothing to say.

    `availability` in percent, `p50_ms` and the like from the latest `sampled` answered calls, `busiest_hour` in calls;
    below 200 calls `is_enough` is false and no promise is judged. At most half a minute old.
    """

    days = serializers.IntegerField(source="figures.days")
    calls = serializers.IntegerField(
        source="figures.calls",
        help_text="Served or failed: aborted and unknown ones say nothing of the version.",
    )
    failed = serializers.IntegerField(source="figures.failed")
    is_enough = serializers.BooleanField(source="figures.is_enough")
    availability = serializers.DecimalField(
        source="figures.availability", max_digits=6, decimal_places=3, allow_null=True
    )
    sampled = serializers.IntegerField(source="figures.sampled")
    p50_ms = serializers.FloatField(source="figures.p50_ms", allow_null=True)
    p95_ms = serializers.FloatField(source="figures.p95_ms", allow_null=True)
    p99_ms = serializers.FloatField(source="figures.p99_ms", allow_null=True)
    busiest_hour = serializers.IntegerField(source="figures.busiest_hour")
    probes = serializers.IntegerField(source="figures.probes")
    probes_ok = serializers.IntegerField(source="figures.probes_ok")
    promises = PromiseRow(many=True)
    error_budget = BudgetRow(source="budget", allow_null=True)


class ServiceLevels(Resource):
    """Promised and measured, by version id."""

    queryset = ModelVersion.objects.select_related("model")
    serializer_class = ServiceLevelRow

    def retrieve(self, request, pk):
        """The measured figures of one version beside its SLA."""
        version = self.get_object()
        figures = deployments.figures_of(version)
        promises, budget = (
            service_levels.promises(version, figures),
            service_levels.error_budget(version, figures),
        )
        return Response(
            ServiceLevelRow(
                {"version": version, "figures": figures, "promises": promises, "budget": budget}
            ).data
        )
