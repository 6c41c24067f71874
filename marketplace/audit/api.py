"""The record in the REST API: one's own acts; everything for auditors and those who oversee. Nobody writes here."""

from rest_framework import serializers

from marketplace.accounts.resources import ReadableResource
from marketplace.audit.filters import EventFilter
from marketplace.audit.models import AuditEvent


class EventRow(serializers.ModelSerializer):
    """One act, and its place in the chain once the sequencer took it."""

    actor = serializers.CharField(source="actor.username")
    detail = serializers.DictField()

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "object_label",
            "reason",
            "detail",
            "request_id",
            "seq",
            "prev_hash",
            "hash",
        ]
        read_only_fields = fields


class Events(ReadableResource):
    queryset = AuditEvent.objects.select_related("actor").order_by()
    serializer_class = EventRow
    filterset_class = EventFilter
