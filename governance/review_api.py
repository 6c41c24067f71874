"""Reviews and their decisions in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from governance import (
    actions,
    checklists,
    policies,
)
from governance.filters import ReviewFilter
from governance.models import (
    Decision,
    Review,
)
from marketplace.accounts.models import User
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
)
from marketplace.core.serializers import ProseField


class AnsweredPoint(serializers.Serializer[Any]):
    """A point of the checklist as it was answered."""

    point = serializers.CharField()
    asks = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    answer = serializers.CharField()
    note = serializers.CharField(allow_blank=True)


class DecisionRow(serializers.ModelSerializer[Decision]):
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


class ReviewRow(serializers.ModelSerializer[Review]):
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


class ChecklistPoint(serializers.Serializer[Any]):
    """A point that an approval answers."""

    id = serializers.CharField()
    asks = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]


class PointAnswer(serializers.Serializer[Any]):
    """yes; no and not_applicable with a note of at least 10 characters."""

    answer = serializers.ChoiceField(choices=[answer.value for answer in checklists.Answer])
    note = ProseField(max_length=checklists.NOTE_MAX, required=False, allow_blank=True, default="")


class ConditionGiven(serializers.Serializer[Any]):
    """What a member of the owner team must do by a day."""

    text = ProseField(max_length=4000)
    owner = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_system=False)
    )
    due_on = serializers.DateField()


class HandOverGiven(serializers.Serializer[Any]):
    """To whom, by username, and why, in at least 20 characters."""

    to = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_system=False)
    )
    reason = ProseField(max_length=4000)


class DecisionGiven(serializers.Serializer[Any]):
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
    def decide(self, request: PageRequest, pk: str) -> Response:
        """Decide a review; separation of duties is checked now, and a refusal is recorded."""
        review = self.get_object()
        actions.decide(request.user, review, **self.given(DecisionGiven))
        return self.answer(review)

    @extend_schema(request=Nothing, responses=ReviewRow)
    @action(detail=True, methods=["post"])
    def claim(self, request: PageRequest, pk: str) -> Response:
        """Take a review that nobody has, that is overdue, or whose holder is away."""
        self.given(Nothing)
        return self.answer(actions.claim(request.user, self.get_object()))

    @extend_schema(request=HandOverGiven, responses=ReviewRow)
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: PageRequest, pk: str) -> Response:
        """Give a review that you have to somebody else who may decide it."""
        given = self.given(HandOverGiven)
        return self.answer(actions.hand_over(request.user, self.get_object(), **given))

    @extend_schema(responses=ChecklistPoint(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def checklist(self, request: PageRequest, pk: str) -> Response:
        """What is to be answered before approving."""
        return Response(ChecklistPoint(policies.checklist_of(self.get_object()), many=True).data)
