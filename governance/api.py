"""Governance in the REST API: risk answers, gates, suspension and renewal of a version; the card's schema."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.api import ReadableVersions, VersionDetail
from governance import (
    actions,
    card_schema,
    contradictions,
    overdue,
    policies,
    renewals,
    tiering,
)
from governance.models import (
    GateResult,
    TierAssessment,
)
from marketplace.accounts.resources import (
    Reason,
    StrictParameters,
    one_or_nothing,
)
from marketplace.core.serializers import ProseField

QUESTIONS = {
    question.id: serializers.ChoiceField(
        choices=[(option.id, option.label) for option in question.options], help_text=question.label
    )
    for question in tiering.QUESTIONS
}
PRACTICES = serializers.ListField(
    child=serializers.ChoiceField(
        choices=[(practice.id, practice.label) for practice in tiering.PROHIBITED]
    ),
    required=False,
    help_text="Prohibited practices that apply; any of them ends the journey.",
)
RiskAnswers = type(
    "RiskAnswers",
    (serializers.Serializer,),
    QUESTIONS | {"prohibited": PRACTICES, "__doc__": "The risk questionnaire."},
)


class Assessment(serializers.ModelSerializer):
    """The newest answers and the tier they lead to."""

    answers = serializers.DictField()
    reasons = serializers.ListField(child=serializers.CharField())
    answered_by = serializers.CharField(source="answered_by.username")
    policy = serializers.CharField(source="policy.semver")

    class Meta:
        model = TierAssessment
        fields = ["answers", "tier", "score", "reasons", "policy", "answered_by", "at"]
        read_only_fields = fields


class Gate(serializers.ModelSerializer):
    """What one automatic check found."""

    label = serializers.CharField(help_text="The gate's name for people")
    asks = serializers.CharField(help_text="What the gate asks")

    class Meta:
        model = GateResult
        fields = [
            "gate",
            "label",
            "asks",
            "verdict",
            "severity",
            "summary",
            "remedy",
            "metrics",
            "tool",
            "manifest_sha256",
            "duration_ms",
            "at",
        ]
        read_only_fields = fields


class ComparisonRow(serializers.Serializer):
    """What the card and the risk answers say about one subject: agree, contradict, or read both."""

    subject = serializers.CharField()
    field = serializers.CharField()
    question = serializers.CharField()
    card_says = serializers.CharField()
    risk_says = serializers.CharField()
    verdict = serializers.CharField()


class RenewalGiven(serializers.Serializer):
    """What was looked at, and why the version is still fit for use, in at least 20 characters."""

    reason = ProseField(max_length=4000)
    no_conflict = serializers.BooleanField(
        help_text="I declare that I have no conflict of interest."
    )


class ExtensionGiven(RenewalGiven):
    """Why the version may answer longer without a review, and until which day."""

    until = serializers.DateField(help_text="Its last day (UTC) unless it is reviewed again")


class GovernedVersions(ReadableVersions):
    """Versions with what governance asks about them and does to them."""

    @extend_schema(responses={200: Assessment, 204: None})
    @action(detail=True, pagination_class=None, filterset_class=None)
    def risk(self, request, pk):
        """The newest risk assessment; 204 until somebody answered."""
        return one_or_nothing(
            Assessment,
            self.get_object().assessments.select_related("answered_by", "policy").first(),
        )

    @extend_schema(request=RiskAnswers, responses=Assessment)
    @risk.mapping.put
    def answer_risk(self, request, pk):
        """Answer the questionnaire; the tier follows from the answers alone."""
        version = self.get_object()
        return Response(
            Assessment(
                actions.assess_risk(request.user, version, dict(self.given(RiskAnswers)))
            ).data
        )

    @extend_schema(responses=Gate(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def gates(self, request, pk):
        """The newest result of each automatic check of the version's present bytes."""
        return Response(Gate(actions.current_gates(self.get_object()), many=True).data)

    @extend_schema(request=Reason, responses={201: Gate})
    @action(detail=True, methods=["post"])
    def correction(self, request, pk):
        """Say that answers unlike those in use are a correction and no change of behaviour; evaluators do, with a reason."""
        given = self.given(Reason)
        result = actions.record_correction(request.user, self.get_object(), **given)
        return Response(Gate(result).data, status=201)

    @extend_schema(responses=ComparisonRow(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def contradictions(self, request, pk):
        """The card against the risk answers, contradictions first."""
        return Response(ComparisonRow(contradictions.of(self.get_object()), many=True).data)

    @extend_schema(request=Reason, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def suspend(self, request, pk):
        """Stop the version now; its callers are refused within a second."""
        return self.answer(actions.suspend(request.user, self.get_object(), **self.given(Reason)))

    @extend_schema(request=Reason, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def resume(self, request, pk):
        """Let a suspended version run again."""
        return self.answer(actions.resume(request.user, self.get_object(), **self.given(Reason)))

    @extend_schema(request=RenewalGiven, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def renew(self, request, pk):
        """Review a live version again; its approval holds for its tier's days from now."""
        return self.answer(
            renewals.renew(request.user, self.get_object(), **self.given(RenewalGiven))
        )

    @extend_schema(request=ExtensionGiven, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def extend(self, request, pk):
        """Put the announced suspension of the version off, once."""
        return self.answer(
            overdue.extend(request.user, self.get_object(), **self.given(ExtensionGiven))
        )


class CardSchema(StrictParameters, viewsets.ViewSet):
    """What a model card may hold, and what each tier requires."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request):
        """The card's fields as JSON Schema 2020-12; `$defs` has what each tier requires."""
        return Response(card_schema.document(policies.in_force().texts["card_schema"]))
