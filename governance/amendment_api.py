"""Amendments of published entries in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.actions import REVIEWED_FIELDS
from catalog.api import Listing
from catalog.models import RegisteredModel
from governance import (
    actions,
)
from governance.filters import AmendmentFilter
from governance.models import (
    Amendment,
    AmendmentDecision,
)
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    Visible,
)
from marketplace.core.serializers import ProseField
from marketplace.tokens.models import Scope


class AmendmentDecisionRow(serializers.ModelSerializer[AmendmentDecision]):
    by = serializers.CharField(source="by.username")

    class Meta:
        model = AmendmentDecision
        fields = ["kind", "by", "outcome", "reason", "at"]
        read_only_fields = fields


class Change(serializers.Serializer[Any]):
    """What one field says before and after; domain, capability and model_type by their slug."""

    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class AmendmentRow(serializers.ModelSerializer[Amendment]):
    """A change of facts that reviewers relied on, and who agreed to it."""

    model = serializers.CharField(source="model.slug")
    changes = serializers.DictField(child=Change())
    proposed_by = serializers.CharField(source="proposed_by.username")
    decisions = AmendmentDecisionRow(many=True)

    class Meta:
        model = Amendment
        fields = [
            "id",
            "model",
            "changes",
            "weight",
            "reason",
            "tier",
            "state",
            "proposed_by",
            "proposed_at",
            "due_at",
            "decided_at",
            "decisions",
        ]
        read_only_fields = fields


class Facts(Listing):
    """The new values; what is left out stays."""

    class Meta(Listing.Meta):
        fields = list(REVIEWED_FIELDS)

    owner = tags = None  # type: ignore[assignment]

    def get_fields(self) -> dict[str, Any]:
        """None is required; `partial` would not reach a serializer inside another one."""
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class AmendmentProposed(serializers.Serializer[Any]):
    """spelling: nothing but typing errors, one curator agrees. facts: everything else."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    facts = Facts()
    reason = ProseField(max_length=4000)
    weight = serializers.ChoiceField(
        choices=Amendment.Weight.choices, default=Amendment.Weight.FACTS
    )


class AmendmentDecided(serializers.Serializer[Any]):
    """approved or refused, with a reason of at least 20 characters."""

    outcome = serializers.ChoiceField(choices=["approved", "refused"])
    reason = ProseField(max_length=4000)
    no_conflict = serializers.BooleanField(
        help_text="I declare that I have no conflict of interest."
    )


class Amendments(ReadableResource):
    """Changes of what published entries say; the entry shows the approved text until they are approved."""

    queryset = Amendment.objects.for_page()
    serializer_class = AmendmentRow
    filterset_class = AmendmentFilter
    token_scopes = {"create": Scope.PUBLISH, "withdraw": Scope.PUBLISH}

    @extend_schema(request=AmendmentProposed, responses={201: AmendmentRow})
    def create(self, request: PageRequest) -> Response:
        """Propose new facts for one of your models."""
        return self.answer(
            actions.propose_amendment(request.user, **self.given(AmendmentProposed)), status=201
        )

    @extend_schema(request=AmendmentDecided, responses=AmendmentRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: PageRequest, pk: str) -> Response:
        """Approve or refuse; separation of duties is checked now, and a refusal is recorded."""
        amendment = self.get_object()
        actions.decide_amendment(request.user, amendment, **self.given(AmendmentDecided))
        return self.answer(amendment)

    @extend_schema(request=Nothing, responses=AmendmentRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: PageRequest, pk: str) -> Response:
        """Take it back before it is decided."""
        self.given(Nothing)
        return self.answer(actions.withdraw_amendment(request.user, self.get_object()))
