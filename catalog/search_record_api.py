"""Search before build in the REST API: records, reasons, decisions, and the check that a pipeline makes."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog import search_record_actions, search_records
from catalog.filters import SearchRecordFilter
from catalog.models import ReasonCode, RegisteredModel, ReuseDecision, SearchRecord
from catalog.models.needs import TEXT_MAX
from catalog.search_record_actions import Reason as CandidateReason
from marketplace.accounts.models import Team
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import ReadableResource, Reason
from marketplace.core import signing
from marketplace.core.field_limits import REASON
from marketplace.core.serializers import LineField, ProseField
from marketplace.tokens.models import Scope


class SearchRecordRow(serializers.ModelSerializer[SearchRecord]):
    """A search before a project, and what was decided."""

    number = serializers.CharField(source="__str__")
    team = serializers.CharField(source="team.slug")
    opened_by = serializers.CharField(source="opened_by.username")
    has_expired = serializers.BooleanField()

    class Meta:
        model = SearchRecord
        fields = [
            "id",
            "number",
            "title",
            "team",
            "opened_by",
            "opened_at",
            "state",
            "decision",
            "decided_at",
            "expires_at",
            "has_expired",
        ]
        read_only_fields = fields


class CandidateRow(serializers.Serializer[Any]):
    """A model that was found. Of one that you may not see there is the position alone."""

    position = serializers.IntegerField(source="candidate.position")
    name = serializers.CharField()
    model = serializers.CharField(source="model.slug", default=None, allow_null=True)
    score = serializers.SerializerMethodField()
    is_strong = serializers.BooleanField(source="candidate.is_strong")
    findings = serializers.SerializerMethodField()
    reason_code = serializers.CharField(source="candidate.reason_code", allow_blank=True)
    reason = serializers.SerializerMethodField()

    def get_score(self, shown: search_records.Shown) -> float:
        return float(shown.candidate.score)

    def get_findings(self, shown: search_records.Shown) -> list[str]:
        return list(shown.candidate.findings) if shown.model else []

    def get_reason(self, shown: search_records.Shown) -> str:
        return shown.candidate.reason if shown.model else ""


class SearchRecordDetail(SearchRecordRow):
    """A record with what was found, as it was found."""

    sponsor = serializers.CharField(allow_blank=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    position = serializers.SerializerMethodField(help_text="Of the candidate that was chosen")
    need_number = serializers.CharField(source="demand.__str__", default=None, allow_null=True)
    candidates = serializers.SerializerMethodField()

    class Meta(SearchRecordRow.Meta):
        fields = [
            *SearchRecordRow.Meta.fields,
            "need",
            "engine",
            "decision_reason",
            "position",
            "sponsor",
            "decided_by",
            "need_number",
            "candidates",
        ]
        read_only_fields = fields

    def get_position(self, record: SearchRecord) -> int | None:
        chosen = (one for one in record.candidates.all() if one.model_id == record.chosen_id)
        return next((one.position for one in chosen), None)

    @extend_schema_field(CandidateRow(many=True))
    def get_candidates(self, record: SearchRecord) -> list[dict[str, Any]]:
        found = search_records.shown_to(self.context["request"].user, record)
        return list(CandidateRow(found, many=True).data)


class FaultRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()


class VerificationRow(serializers.Serializer[Any]):
    """Does the record hold? A pipeline goes on when `passes` is true.

    statement  what the signature covers, as an object; null when it names a model that you may not see.
    """

    number = serializers.CharField()
    passes = serializers.BooleanField()
    reasons = FaultRow(many=True)
    decision = serializers.CharField(allow_blank=True)
    team = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    statement = serializers.JSONField(allow_null=True)
    signature = serializers.CharField(allow_blank=True)
    public_key = serializers.CharField()


class SearchGiven(serializers.Serializer[Any]):
    """What a team needs before it starts a project."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    title = LineField(max_length=120)
    need = ProseField(max_length=TEXT_MAX)


class CandidateReasonGiven(serializers.Serializer[Any]):
    """Why the candidate at a position does not do, in at least 20 characters."""

    position = serializers.IntegerField(min_value=1, max_value=99)
    code = serializers.ChoiceField(choices=ReasonCode.choices)
    reason = ProseField(max_length=REASON)


class ReasonsGiven(serializers.Serializer[Any]):
    reasons = serializers.ListField(child=CandidateReasonGiven(), max_length=20)


class ReuseDecisionGiven(serializers.Serializer[Any]):
    """`position` names the candidate that is reused or extended."""

    decision = serializers.ChoiceField(choices=ReuseDecision.choices)
    position = serializers.IntegerField(min_value=1, max_value=99, required=False, default=None)
    sponsor = LineField(max_length=120)
    reason = ProseField(max_length=REASON)


class SearchRecords(ReadableResource):
    """Searches before projects of one's teams; all of them for those who oversee."""

    queryset = SearchRecord.objects.for_page()
    serializer_class = SearchRecordDetail
    filterset_class = SearchRecordFilter
    token_scopes = {"create": Scope.PUBLISH, "reasons": Scope.PUBLISH}

    def get_serializer_class(self) -> Any:
        return SearchRecordRow if self.action == "list" else SearchRecordDetail

    def _parameters(self) -> dict[str, bool]:
        return {"model": False} if self.action == "verify" else super()._parameters()

    @extend_schema(request=SearchGiven, responses={201: SearchRecordDetail})
    def create(self, request: ApiRequest) -> Response:
        """Search for what a team needs; what is found is frozen."""
        given = self.given(SearchGiven)
        made = search_record_actions.open_search_record(request.user, **given)
        return self.answer(made, status=201)

    @extend_schema(request=ReasonsGiven, responses=SearchRecordDetail)
    @action(detail=True, methods=["post"])
    def reasons(self, request: ApiRequest, pk: str) -> Response:
        """Say why candidates do not do."""
        reasons = [
            CandidateReason(one["position"], one["code"], one["reason"])
            for one in self.given(ReasonsGiven)["reasons"]
        ]
        record = search_record_actions.give_reasons(request.user, self.get_object(), reasons)
        return self.answer(record)

    @extend_schema(request=ReuseDecisionGiven, responses=SearchRecordDetail)
    @action(detail=True, methods=["post"])
    def decide(self, request: ApiRequest, pk: str) -> Response:
        """Reuse, extend or build; the record is signed and holds for 90 days."""
        given = self.given(ReuseDecisionGiven)
        record = search_record_actions.decide_search_record(
            request.user, self.get_object(), **given
        )
        return self.answer(record)

    @extend_schema(request=Reason, responses=SearchRecordDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take the record back."""
        record = search_record_actions.withdraw_search_record(
            request.user, self.get_object(), **self.given(Reason)
        )
        return self.answer(record)

    @extend_schema(
        responses=VerificationRow,
        parameters=[
            OpenApiParameter("model", OpenApiTypes.STR, description="Slug: is it about this model?")
        ],
    )
    @action(detail=True, methods=["get"])
    def verify(self, request: ApiRequest, pk: str) -> Response:
        """Does the record hold now? For pipelines: `passes`, and the reasons when it does not."""
        record = self.get_object()
        verification = search_records.verify(record, self._asked_model(request))
        found = search_records.shown_to(request.user, record)
        may_read = all(one.model for one in found)
        return Response(
            VerificationRow(
                {
                    "number": str(record),
                    "passes": verification.passes,
                    "reasons": verification.faults,
                    "decision": record.decision,
                    "team": record.team.slug,
                    "expires_at": record.expires_at,
                    "statement": search_records.statement(record) if may_read else None,
                    "signature": record.signature,
                    "public_key": signing.public_key(),
                }
            ).data
        )

    def _asked_model(self, request: ApiRequest) -> RegisteredModel | None:
        slug = request.query_params.get("model")
        if slug is None:
            return None
        visible = RegisteredModel.objects.visible_to(request.user)
        if model := visible.filter(slug=slug.strip().lower()[:80]).first():
            return model
        raise Http404
