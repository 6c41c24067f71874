"""Governance in the REST API: risk answers, gates, suspension of a version; the reviews."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from catalog.actions import REVIEWED_FIELDS
from catalog.api import Listing, ReadableVersions, VersionDetail
from catalog.models import RegisteredModel
from catalog.pages import get_visible_version_or_404
from governance import (
    actions,
    card_schema,
    checklists,
    contradictions,
    evaluation_runs,
    evaluations,
    policies,
    renewals,
    tiering,
)
from governance.filters import AmendmentFilter, ReviewFilter
from governance.models import (
    LARGEST_FIGURE,
    Amendment,
    AmendmentDecision,
    BenchmarkDataset,
    Decision,
    Evaluation,
    EvaluationRun,
    GateResult,
    Review,
    TierAssessment,
)
from marketplace.accounts.models import User
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    Reason,
    Resource,
    StrictParameters,
    Visible,
    one_or_nothing,
)
from marketplace.core.serializers import LineField, ProseField
from marketplace.tokens.models import Scope

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


class EvaluationRow(serializers.ModelSerializer):
    """One figure. `kind` says whether the team declares it or the marketplace measured it."""

    by = serializers.CharField(source="by.username")

    class Meta:
        model = Evaluation
        fields = [
            "id",
            "kind",
            "suite",
            "metric",
            "slice",
            "value",
            "low",
            "high",
            "n",
            "threshold",
            "baseline",
            "data",
            "data_sha256",
            "artifact_sha256",
            "environment",
            "by",
            "at",
        ]
        read_only_fields = fields


def _figure(**options):
    return serializers.FloatField(min_value=-LARGEST_FIGURE, max_value=LARGEST_FIGURE, **options)


def _optional_figure():
    return _figure(required=False, allow_null=True, default=None)


def _optional_line(longest):
    return LineField(max_length=longest, required=False, allow_blank=True, default="")


class EvaluationDeclared(serializers.Serializer):
    """One figure that the team measured itself. The same figure twice is one row."""

    suite = LineField(max_length=80)
    metric = LineField(max_length=60)
    value = _figure()
    low = _optional_figure()
    high = _optional_figure()
    n = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    slice = _optional_line(120)
    threshold = _optional_figure()
    baseline = _optional_figure()
    data = LineField(max_length=200)
    data_sha256 = _optional_line(64)
    environment = _optional_line(200)


class Evaluations(ListModelMixin, Resource):
    """What was measured of one version, by its team and by the marketplace."""

    queryset = Evaluation.objects.for_page()
    serializer_class = EvaluationRow
    token_scopes = {"create": Scope.EVALUATE}

    def _version(self):
        return get_visible_version_or_404(self.request, **self.kwargs)

    def get_queryset(self):
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(version=self._version())

    @extend_schema(request=EvaluationDeclared, responses={201: EvaluationRow})
    def create(self, request, slug, number):
        """Declare a figure of a draft of your team."""
        version = self._version()
        return self.answer(
            evaluations.declare(request.user, version, **self.given(EvaluationDeclared)),
            status=201,
        )


class BenchmarkRow(serializers.ModelSerializer):
    """What may be known about benchmark data. Its rows are read by the runner alone."""

    capability = serializers.CharField(source="capability.slug")
    model = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)
    groups = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = BenchmarkDataset
        fields = [
            "id",
            "name",
            "capability",
            "model",
            "task",
            "label",
            "groups",
            "columns",
            "rows",
            "size",
            "sha256",
            "uploaded_at",
        ]
        read_only_fields = fields


class Benchmarks(ReadableResource):
    """Benchmark data that governance owns."""

    queryset = BenchmarkDataset.objects.for_page()
    serializer_class = BenchmarkRow


class RunRow(serializers.ModelSerializer):
    """One independent evaluation; its figures are among the version's evaluations."""

    benchmark = serializers.CharField(source="dataset.name")
    requested_by = serializers.CharField(source="requested_by.username")

    class Meta:
        model = EvaluationRun
        fields = [
            "id",
            "benchmark",
            "state",
            "summary",
            "manifest_sha256",
            "metrics_sha256",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class EvaluationRuns(Evaluations):
    """Independent evaluations of one version."""

    queryset = EvaluationRun.objects.for_page()
    serializer_class = RunRow
    token_scopes = {"create": Scope.EVALUATE}

    @extend_schema(request=Nothing, responses={201: RunRow})
    def create(self, request, slug, number):
        """Ask for an independent evaluation on the benchmark of the model's capability."""
        self.given(Nothing)
        return self.answer(evaluation_runs.request(request.user, self._version()), status=201)


class AnsweredPoint(serializers.Serializer):
    """A point of the checklist as it was answered."""

    point = serializers.CharField()
    asks = serializers.CharField()
    source = serializers.CharField()
    answer = serializers.CharField()
    note = serializers.CharField(allow_blank=True)


class DecisionRow(serializers.ModelSerializer):
    by = serializers.CharField(source="by.username")
    checklist = AnsweredPoint(many=True)

    class Meta:
        model = Decision
        fields = [
            "by",
            "outcome",
            "reason",
            "no_conflict",
            "checklist",
            "manifest_sha256",
            "card_sha256",
            "at",
        ]
        read_only_fields = fields


class ReviewRow(serializers.ModelSerializer):
    """One required judgement; `decision` once there is one."""

    version = serializers.IntegerField(source="version_id")
    model = serializers.CharField(source="version.model.slug")
    number = serializers.CharField(source="version.number")
    risk_tier = serializers.CharField(source="version.risk_tier")
    assignee = serializers.CharField(source="assignee.username", default=None, allow_null=True)
    decision = DecisionRow(default=None, allow_null=True)

    class Meta:
        model = Review
        fields = [
            "id",
            "version",
            "model",
            "number",
            "risk_tier",
            "kind",
            "round",
            "state",
            "assignee",
            "opened_at",
            "due_at",
            "decided_at",
            "decision",
        ]
        read_only_fields = fields


class ChecklistPoint(serializers.Serializer):
    """A point that an approval answers."""

    id = serializers.CharField()
    asks = serializers.CharField()
    source = serializers.CharField()


class PointAnswer(serializers.Serializer):
    """yes; no and not_applicable with a note of at least 10 characters."""

    answer = serializers.ChoiceField(choices=[answer.value for answer in checklists.Answer])
    note = ProseField(max_length=checklists.NOTE_MAX, required=False, allow_blank=True, default="")


class ConditionGiven(serializers.Serializer):
    """What a member of the owner team must do by a day."""

    text = ProseField(max_length=4000)
    owner = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_system=False)
    )
    due_on = serializers.DateField()


class HandOverGiven(serializers.Serializer):
    """To whom, by username, and why, in at least 20 characters."""

    to = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_system=False)
    )
    reason = ProseField(max_length=4000)


class DecisionGiven(serializers.Serializer):
    """approved, changes_requested, or (final approval only) rejected; with a reason of at least 20 characters."""

    checklist = serializers.DictField(
        child=PointAnswer(), required=False, help_text="Point → answer; an approval needs every one"
    )
    conditions = serializers.ListField(
        child=ConditionGiven(), required=False, help_text="Of an approval, at most 5"
    )

    outcome = serializers.ChoiceField(choices=["approved", "changes_requested", "rejected"])
    reason = ProseField(max_length=4000)
    no_conflict = serializers.BooleanField(
        help_text="I declare that I have no conflict of interest."
    )


class Reviews(ReadableResource):
    """The review queue and what was decided."""

    queryset = Review.objects.for_queue().select_related("decision__by")
    serializer_class = ReviewRow
    filterset_class = ReviewFilter

    @extend_schema(request=DecisionGiven, responses=ReviewRow)
    @action(detail=True, methods=["post"])
    def decide(self, request, pk):
        """Decide a review; separation of duties is checked now, and a refusal is recorded."""
        review = self.get_object()
        actions.decide(request.user, review, **self.given(DecisionGiven))
        return self.answer(review)

    @extend_schema(request=Nothing, responses=ReviewRow)
    @action(detail=True, methods=["post"])
    def claim(self, request, pk):
        """Take a review that nobody has, that is overdue, or whose holder is away."""
        self.given(Nothing)
        return self.answer(actions.claim(request.user, self.get_object()))

    @extend_schema(request=HandOverGiven, responses=ReviewRow)
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request, pk):
        """Give a review that you have to somebody else who may decide it."""
        given = self.given(HandOverGiven)
        return self.answer(actions.hand_over(request.user, self.get_object(), **given))

    @extend_schema(responses=ChecklistPoint(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def checklist(self, request, pk):
        """What is to be answered before approving."""
        return Response(ChecklistPoint(policies.checklist_of(self.get_object()), many=True).data)


class AmendmentDecisionRow(serializers.ModelSerializer):
    by = serializers.CharField(source="by.username")

    class Meta:
        model = AmendmentDecision
        fields = ["kind", "by", "outcome", "reason", "at"]
        read_only_fields = fields


class Change(serializers.Serializer):
    """What one field says before and after; domain, capability and model_type by their slug."""

    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class AmendmentRow(serializers.ModelSerializer):
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

    owner = tags = None

    def get_fields(self):
        """None is required; `partial` would not reach a serializer inside another one."""
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class AmendmentProposed(serializers.Serializer):
    """spelling: nothing but typing errors, one curator agrees. facts: everything else."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    facts = Facts()
    reason = ProseField(max_length=4000)
    weight = serializers.ChoiceField(
        choices=Amendment.Weight.choices, default=Amendment.Weight.FACTS
    )


class AmendmentDecided(serializers.Serializer):
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
    def create(self, request):
        """Propose new facts for one of your models."""
        return self.answer(
            actions.propose_amendment(request.user, **self.given(AmendmentProposed)), status=201
        )

    @extend_schema(request=AmendmentDecided, responses=AmendmentRow)
    @action(detail=True, methods=["post"])
    def decide(self, request, pk):
        """Approve or refuse; separation of duties is checked now, and a refusal is recorded."""
        amendment = self.get_object()
        actions.decide_amendment(request.user, amendment, **self.given(AmendmentDecided))
        return self.answer(amendment)

    @extend_schema(request=Nothing, responses=AmendmentRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        """Take it back before it is decided."""
        self.given(Nothing)
        return self.answer(actions.withdraw_amendment(request.user, self.get_object()))


class CardSchema(StrictParameters, viewsets.ViewSet):
    """What a model card may hold, and what each tier requires."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request):
        """The card's fields as JSON Schema 2020-12; `$defs` has what each tier requires."""
        return Response(card_schema.document())
