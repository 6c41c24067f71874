"""Policies in the REST API: what is in force; who proposed which change, and the second person's decision."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from governance import actions, policies, policy_parameters
from governance.filters import PolicyChangeFilter
from governance.models import PolicyChange, PolicyKind
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Reason, StrictParameters
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import ProseField


class PolicyParameter(serializers.Serializer[Any]):
    """One value of a policy: its name in a proposal, what it is, and whether a proposal may change it."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField(allow_blank=True)
    is_fixed = serializers.BooleanField()


class PolicyText(serializers.Serializer[Any]):
    """The text of one kind of policy that is in force."""

    kind = serializers.ChoiceField(choices=PolicyKind.choices)
    semver = serializers.CharField()
    parameters = PolicyParameter(many=True)


class PolicyDifference(serializers.Serializer[Any]):
    """A parameter before and after; empty where there was, or is, none."""

    label = serializers.CharField()  # type: ignore[assignment]
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class PolicyChangeRow(serializers.ModelSerializer[PolicyChange]):
    """Another text of a policy, and what a second person said."""

    semver = serializers.CharField(source="after.semver")
    differences = serializers.SerializerMethodField()
    effect = serializers.DictField(child=serializers.IntegerField())
    proposed_by = serializers.CharField(source="proposed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = PolicyChange
        fields = [
            "id",
            "kind",
            "semver",
            "state",
            "differences",
            "effect",
            "effective_from",
            "reason",
            "proposed_by",
            "proposed_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields

    @extend_schema_field(PolicyDifference(many=True))
    def get_differences(self, change: PolicyChange) -> Any:
        """What it says otherwise than the text before."""
        rows = policy_parameters.differences(change.kind, change.before, change.after)
        return PolicyDifference(rows, many=True).data


class PolicyProposed(serializers.Serializer[Any]):
    """Other values of a policy, from a moment on, with a reason of at least 20 characters."""

    kind = serializers.ChoiceField(choices=PolicyKind.choices)
    values = serializers.DictField(child=serializers.JSONField(), allow_empty=False)
    effective_from = serializers.DateTimeField()
    reason = ProseField(max_length=REASON)


class PolicyDecided(serializers.Serializer[Any]):
    """approved or refused, with a reason of at least 20 characters."""

    outcome = serializers.ChoiceField(choices=["approved", "refused"])
    reason = ProseField(max_length=REASON)


class Policies(StrictParameters, viewsets.ViewSet):  # type: ignore[misc]
    """The rules in force."""

    lookup_value_regex = "[a-z_]+"
    lookup_field = "kind"

    @extend_schema(responses=PolicyText)
    def retrieve(self, request: ApiRequest, kind: str) -> Response:
        """One kind of policy with the names of its parameters."""
        if kind not in PolicyKind:
            raise Http404
        text = policies.in_force().texts[kind]
        rows = [
            {"name": name, "label": one.label, "value": one.read(text), "is_fixed": one.is_fixed}
            for name, one in policy_parameters.parameters(kind, text).items()
        ]
        whole = {"kind": kind, "semver": text["semver"], "parameters": rows}
        return Response(PolicyText(whole).data)


class PolicyChanges(ReadableResource):
    """Changes of policies that were proposed, and who agreed."""

    queryset = PolicyChange.objects.for_page()
    serializer_class = PolicyChangeRow
    filterset_class = PolicyChangeFilter

    @extend_schema(request=PolicyProposed, responses={201: PolicyChangeRow})
    def create(self, request: ApiRequest) -> Response:
        """Propose other values of a policy."""
        given = self.given(PolicyProposed)
        return self.answer(actions.propose_policy(request.user, **given), status=201)

    @extend_schema(request=PolicyDecided, responses=PolicyChangeRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Approve or refuse; never by who proposed it."""
        given = self.given(PolicyDecided)
        return self.answer(actions.decide_policy(request.user, self.get_object(), **given))

    @extend_schema(request=Reason, responses=PolicyChangeRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take a proposal back; only by who proposed it."""
        given = self.given(Reason)
        return self.answer(actions.withdraw_policy(request.user, self.get_object(), **given))
