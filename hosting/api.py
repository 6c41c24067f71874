"""The runtime in the REST API: what runs, and the wishes of those who may steer it; the reconciler acts."""

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action

from hosting import actions
from hosting.filters import DeploymentFilter
from hosting.models import Deployment, Replica
from marketplace.accounts.resources import OptionalReason, ReadableResource, Reason


class ReplicaRow(serializers.ModelSerializer):
    """One process that serves, or served, a version."""

    class Meta:
        model = Replica
        fields = ["replica_id", "node", "pid", "state", "started_at", "ended_at"]
        read_only_fields = fields


class DeploymentRow(serializers.ModelSerializer):
    """What should run for a version, and what does: `replicas` are those that have not ended."""

    version = serializers.IntegerField(source="version_id")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")
    replicas = ReplicaRow(source="live_replicas", many=True)

    class Meta:
        model = Deployment
        fields = [
            "id", "version", "model", "number", "environment", "driver", "state", "reason", "min_replicas", "max_replicas",
            "restarts", "created_at", "started_at", "ready_at", "replicas",
        ]  # fmt: skip
        read_only_fields = fields


class Size(serializers.Serializer):
    """How many processes, and how busy each may be before another is added."""

    minimum = serializers.IntegerField(min_value=0, max_value=actions.MOST_REPLICAS)
    maximum = serializers.IntegerField(min_value=1, max_value=actions.MOST_REPLICAS)
    target_ongoing_requests = serializers.IntegerField(min_value=1, max_value=64)


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
        deployment = self.get_object()
        actions.start(request.user, deployment, **self.given(OptionalReason))
        return self.answer(deployment)

    @extend_schema(request=Reason, responses=DeploymentRow)
    @action(detail=True, methods=["post"])
    def stop(self, request, pk):
        """Stop it until somebody starts it again; its consumers are told."""
        deployment = self.get_object()
        actions.stop(request.user, deployment, **self.given(Reason))
        return self.answer(deployment)

    @extend_schema(request=Size, responses=DeploymentRow)
    @action(detail=True, methods=["put"])
    def size(self, request, pk):
        """Set how many replicas there may be."""
        deployment = self.get_object()
        actions.scale(request.user, deployment, **self.given(Size))
        return self.answer(deployment)

    @extend_schema(request=Reason, responses=DeploymentRow)
    @action(detail=True, methods=["post"])
    def roll_back(self, request, pk):
        """Take it out of service because the version before it is better."""
        deployment = self.get_object()
        actions.roll_back(request.user, deployment, **self.given(Reason))
        return self.answer(deployment)
