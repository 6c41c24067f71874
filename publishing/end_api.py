"""The end of versions in the REST API: announcement, migration guide, migration board, retirement and its waivers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.api import VersionDetail
from catalog.field_mapping import Change
from catalog.models import ModelVersion
from consumption.models import Subscription
from governance.api import GovernedVersions
from governance.waiver_api import AnyWaiverRow, WaiverDecided
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import (
    Nothing,
    ReadableResource,
    Reason,
    Visible,
    one_or_nothing,
)
from marketplace.core.errors import NotAllowed
from marketplace.core.field_limits import PROSE, REASON
from marketplace.core.serializers import LineField, ProseField
from publishing import actions, end_pages, migration_board
from publishing.filters import RetirementWaiverFilter
from publishing.models import MigrationGuide, RetirementWaiver
from publishing.permissions import can_see_board


class GuideGiven(serializers.Serializer[Any]):
    """How consumers move: three texts of at least 20 characters, and what became of fields that are gone."""

    what_changes = ProseField(max_length=PROSE)
    steps = ProseField(max_length=PROSE)
    checks = ProseField(max_length=PROSE)
    renames = serializers.DictField(
        child=LineField(max_length=200),
        required=False,
        default=dict,
        help_text='{"inputs.products": "inputs.product_count"}',
    )


class Deprecation(serializers.Serializer[Any]):
    sunset_at = serializers.DateTimeField()
    reason = ProseField(min_length=20, max_length=REASON)
    successor = Visible(
        slug_field="id",
        queryset=ModelVersion.objects.select_related("model"),
        required=False,
        allow_null=True,
        default=None,
        help_text="Of this model or of another one",
    )
    guide = GuideGiven(required=False, allow_null=True, default=None)
    brownouts = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Announce short refusals 14, 7 and 2 days before the end",
    )


class MappedFieldRow(serializers.Serializer[Any]):
    """What a caller changes about one field; needs_work: a call fails, or means something else, without it."""

    side = serializers.ChoiceField(choices=["input", "output"])
    old = serializers.CharField(help_text="– where it was not")
    new = serializers.CharField(help_text="– where it is gone")
    change = serializers.ChoiceField(choices=[change.value for change in Change])
    needs_work = serializers.BooleanField()
    text = serializers.CharField()


class GuideRow(serializers.ModelSerializer[MigrationGuide]):
    """The migration guide of a version; `mapping` is generated from both signatures."""

    written_by = serializers.CharField(source="written_by.username")
    renames = serializers.DictField(child=serializers.CharField())
    mapping = serializers.SerializerMethodField()

    class Meta:
        model = MigrationGuide
        fields = [
            "what_changes",
            "steps",
            "checks",
            "renames",
            "mapping",
            "written_by",
            "written_at",
        ]
        read_only_fields = fields

    @extend_schema(responses=MappedFieldRow(many=True))
    def get_mapping(self, guide: MigrationGuide) -> list[dict[str, Any]]:
        rows = end_pages.mapping(guide.version, guide.renames)
        return list(MappedFieldRow(rows, many=True).data)


class MigrationRow(serializers.Serializer[Any]):
    """How far one subscription has moved; calls: of the version that ends, in 30 days; last_call: the hour of the newest one."""

    subscription = serializers.IntegerField(source="subscription.pk")
    application = serializers.CharField(source="subscription.application.slug")
    team = serializers.CharField(source="subscription.application.team.slug")
    state = serializers.ChoiceField(choices=migration_board.MigrationState.choices)
    is_blocking = serializers.BooleanField(help_text="Whether the version has to wait for it")
    calls = serializers.IntegerField()
    last_call = serializers.DateTimeField(allow_null=True)
    tried_at = serializers.DateTimeField(
        allow_null=True, help_text="When its team last called the successor to try it"
    )
    answered_by = serializers.CharField(source="answered_by.number")
    blockers = serializers.ListField(child=serializers.CharField())
    waiver = serializers.IntegerField(source="waiver.pk", default=None, allow_null=True)
    message = serializers.CharField(source="message.text", default=None, allow_null=True)
    answer = serializers.CharField(source="answer.text", default=None, allow_null=True)


class MigrationMessageGiven(serializers.Serializer[Any]):
    """A message of the owner team to the team of a subscription, or back; at least 20 characters."""

    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    text = ProseField(max_length=REASON)


class MoreTime(serializers.Serializer[Any]):
    """A later end."""

    sunset_at = serializers.DateTimeField()
    reason = ProseField(max_length=REASON)


class EndingVersions(GovernedVersions):
    """Versions with what happens between the announcement of their end and the end."""

    @extend_schema(request=Deprecation, responses={200: VersionDetail, 202: VersionDetail})
    @action(detail=True, methods=["post"])
    def deprecate(self, request: PageRequest, pk: str) -> Response:
        """Deprecate a version; 202 while a second person has yet to confirm it, because consumers call it."""
        version, given = self.get_object(), dict(self.given(Deprecation))
        guide, brownouts = given.pop("guide"), given.pop("brownouts")
        text = actions.GuideText(**guide) if guide else None
        change = actions.deprecate(
            request.user, version, guide=text, with_brownouts=brownouts, **given
        )
        return self.answer(version, status=202 if change else 200)

    @extend_schema(responses={200: GuideRow, 204: None})
    @action(detail=True, url_path="migration-guide", pagination_class=None, filterset_class=None)
    def migration_guide(self, request: PageRequest, pk: str) -> Response:
        """How consumers move from this version; 204 until it is written."""
        return one_or_nothing(GuideRow, self._guide(request))

    @extend_schema(request=GuideGiven, responses=GuideRow)
    @migration_guide.mapping.put
    def write_guide(self, request: PageRequest, pk: str) -> Response:
        """Write or better the migration guide."""
        given = self.given(GuideGiven)
        actions.write_guide(request.user, self.get_object(), actions.GuideText(**given))
        return Response(GuideRow(self._guide(request)).data)

    @extend_schema(responses=MigrationRow(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def migrations(self, request: PageRequest, pk: str) -> Response:
        """The migration board: all rows for the owner team and those who oversee, else those of one's own teams."""
        version = self.get_object()
        sees_all, teams = can_see_board(request.user, version), set(request.user.team_ids())
        rows = [
            row
            for row in migration_board.of(version)
            if sees_all or row.subscription.application.team_id in teams
        ]
        if not rows and not sees_all:
            raise NotAllowed(
                f"{version.model.owner_team} sees it, and whose applications are on it.",
                ask=str(version.model.owner_team),
            )
        return Response(MigrationRow(rows, many=True).data)

    @extend_schema(request=MigrationMessageGiven, responses=VersionDetail)
    @action(detail=True, methods=["post"], url_path="migrations/messages")
    def write_about_move(self, request: PageRequest, pk: str) -> Response:
        """Write to the other team about the move of one subscription; five messages a day."""
        version = self.get_object()
        actions.write_about_move(request.user, version, **self.given(MigrationMessageGiven))
        return self.answer(version)

    @extend_schema(request=MoreTime, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def postpone(self, request: PageRequest, pk: str) -> Response:
        """Let it end later than announced; consumers are told."""
        return self.answer(
            actions.postpone(request.user, self.get_object(), **self.given(MoreTime))
        )

    @extend_schema(request=Reason, responses=VersionDetail)
    @action(detail=True, methods=["post"], url_path="call-off-brownouts")
    def call_off_brownouts(self, request: PageRequest, pk: str) -> Response:
        """Answer calls also in the announced brownouts that are not over."""
        version, given = self.get_object(), self.given(Reason)
        return self.answer(actions.call_off_brownouts(request.user, version, **given))

    @extend_schema(request=Nothing, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def retire(self, request: PageRequest, pk: str) -> Response:
        """End it for good: refused before its sunset, and while consumers without a waiver rely on it."""
        version = self.get_object()
        self.given(Nothing)
        return self.answer(actions.retire(request.user, version))

    def _guide(self, request: PageRequest) -> MigrationGuide | None:
        guides = MigrationGuide.objects.visible_to(request.user)
        guides = guides.select_related("written_by", "version__successor")
        return guides.filter(version=self.get_object()).first()


class RetirementWaiverRow(AnyWaiverRow, serializers.ModelSerializer[RetirementWaiver]):
    """Why a version may retire though one subscription has not moved, and until when this holds."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")

    class Meta:
        model = RetirementWaiver
        fields = [
            *AnyWaiverRow.FIRST,
            *("subscription", "application", "reason", "instead"),
            *AnyWaiverRow.LAST,
        ]
        read_only_fields = fields


class RetirementWaiverAsked(serializers.Serializer[Any]):
    """A deprecated version of your team, and a subscription that has not moved; the last day is on or after the sunset."""

    version = Visible(slug_field="id", queryset=ModelVersion.objects.all())
    subscription = Visible(slug_field="id", queryset=Subscription.objects.for_list())
    reason = ProseField(max_length=REASON)
    instead = ProseField(max_length=REASON, help_text="What the consumer does without it")
    ends_on = serializers.DateField()


class RetirementWaivers(ReadableResource):
    """Subscriptions for which a version need not wait, each granted by governance until a day."""

    queryset = RetirementWaiver.objects.for_page()
    serializer_class = RetirementWaiverRow
    filterset_class = RetirementWaiverFilter

    @extend_schema(request=RetirementWaiverAsked, responses={201: RetirementWaiverRow})
    def create(self, request: PageRequest) -> Response:
        """Ask governance that a version need not wait for one subscription; its team is told."""
        given = self.given(RetirementWaiverAsked)
        return self.answer(actions.ask_retirement_waiver(request.user, **given), status=201)

    @extend_schema(request=WaiverDecided, responses=RetirementWaiverRow)
    @action(detail=True, methods=["post"])
    def decide(self, request: PageRequest, pk: str) -> Response:
        """Grant or refuse; separation of duties is checked now, and a refusal is recorded."""
        given = self.given(WaiverDecided)
        return self.answer(
            actions.decide_retirement_waiver(request.user, self.get_object(), **given)
        )
