"""Waivers of gates in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import ModelVersion
from governance import actions, gates
from governance.filters import WaiverFilter
from governance.matrix import JUSTIFIED
from governance.models import Waiver
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import ReadableResource, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField

WAIVABLE = [gate.name for gate in gates.GATES if gate.is_waivable or gate.name == JUSTIFIED]


class AnyWaiverRow(serializers.Serializer[Any]):
    """What a waiver of a gate and one of a retirement share."""

    version = serializers.IntegerField(source="version_id")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")
    proposed_by = serializers.CharField(source="proposed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    FIRST = ["id", "version", "model", "number"]
    LAST = [
        *("ends_on", "state", "proposed_by", "proposed_at"),
        *("decided_by", "decided_at", "decision_reason"),
    ]


class WaiverRow(AnyWaiverRow, serializers.ModelSerializer[Waiver]):
    """Why a version goes on although a gate blocks, and until when."""

    class Meta:
        model = Waiver
        fields = [
            *AnyWaiverRow.FIRST,
            *("gate", "manifest_sha256", "reason", "instead", "alternatives"),
            *AnyWaiverRow.LAST,
        ]
        read_only_fields = fields


class WaiverAsked(serializers.Serializer[Any]):
    """A gate that blocks a version of your team, or a failed fairness check that you judge; at most 90 days."""

    version = Visible(slug_field="id", queryset=ModelVersion.objects.all())
    gate = serializers.ChoiceField(choices=WAIVABLE)
    reason = ProseField(max_length=REASON)
    instead = ProseField(max_length=REASON, help_text="The compensating control")
    alternatives = ProseField(
        max_length=REASON,
        required=False,
        allow_blank=True,
        default="",
        help_text="Fairness only: which less unequal alternatives were tried",
    )
    ends_on = serializers.DateField()


class WaiverDecided(serializers.Serializer[Any]):
    """granted or refused, with a reason of at least 20 characters."""

    outcome = serializers.ChoiceField(choices=["granted", "refused"])
    reason = ProseField(max_length=REASON)
    no_conflict = serializers.BooleanField(
        help_text="I declare that I have no conflict of interest."
    )


class Waivers(ReadableResource):
    """Gates that a named role opens for a time."""

    queryset = Waiver.objects.for_page()
    serializer_class = WaiverRow
    filterset_class = WaiverFilter

    @extend_schema(request=WaiverAsked, responses={201: WaiverRow})
    def create(self, request: PageRequest) -> Response:
        """Ask that a gate which blocks one of your versions is opened until a day."""
        return self.answer(actions.ask_waiver(request.user, **self.given(WaiverAsked)), status=201)

    @extend_schema(request=WaiverDecided, responses=WaiverRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: PageRequest, pk: str) -> Response:
        """Grant or refuse; separation of duties is checked now, and a refusal is recorded."""
        given = self.given(WaiverDecided)
        return self.answer(actions.decide_waiver(request.user, self.get_object(), **given))
