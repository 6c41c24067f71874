"""The runtime in the REST API: read only, the reconciler is the one who acts."""

from django.db.models import Prefetch
from rest_framework import serializers

from hosting.filters import DeploymentFilter
from hosting.models import Deployment, Replica
from marketplace.accounts.resources import ReadableResource


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


class Deployments(ReadableResource):
    queryset = Deployment.objects.select_related("version__model").prefetch_related(
        Prefetch("replicas", Replica.objects.filter(ended_at=None), to_attr="live_replicas")
    )
    serializer_class = DeploymentRow
    filterset_class = DeploymentFilter
