"""Success stories in the REST API."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import RegisteredModel
from marketplace.accounts.models import Team, User
from marketplace.accounts.requests import ApiRequest
from marketplace.accounts.resources import Nothing, ReadableResource, Reason, Visible
from marketplace.core.field_limits import REASON
from marketplace.core.filters import FilterSet, SlugFilter
from marketplace.core.serializers import LineField, ProseField
from marketplace.insights.models import ReuseEvent, Story, StoryState
from marketplace.insights.models.stories import QUOTE_MAX, TITLE_MAX
from marketplace.insights.stories import actions


class StoryFilter(FilterSet):
    """Stories in some state, of a model or a team."""

    state = django_filters.ChoiceFilter(choices=StoryState.choices, label="State")
    model = SlugFilter(field_name="model__slug", label="Model")
    team = SlugFilter(field_name="team__slug", label="Team")

    class Meta:
        model = Story
        fields = ["state", "model", "team"]


class StoryFigure(serializers.ModelSerializer[ReuseEvent]):
    """A line of the value ledger in a quarter that finance signed; USD."""

    class Meta:
        model = ReuseEvent
        fields = ["id", "quarter", "low", "mid", "high"]
        read_only_fields = fields


class StoryRow(serializers.ModelSerializer[Story]):
    """How a team came to use a model. `team` uses it; `agreed_at`: when the quoted person agreed to the quote."""

    model = serializers.CharField(source="model.slug")
    team = serializers.CharField(source="team.slug")
    quoted_person = serializers.CharField(
        source="quoted_person.username", default=None, allow_null=True
    )
    author = serializers.CharField(source="author.username")
    figures = StoryFigure(source="shown_lines", many=True)

    class Meta:
        model = Story
        fields = [
            "id",
            "title",
            "model",
            "team",
            "problem",
            "before",
            "after",
            "quote",
            "quoted_person",
            "agreed_at",
            "author",
            "state",
            "published_at",
            "figures",
        ]
        read_only_fields = fields


class StoryTexts(serializers.Serializer[Any]):
    """Texts without amounts of money; a quote names who says it."""

    title = LineField(max_length=TITLE_MAX)
    problem = ProseField(max_length=REASON)
    before = ProseField(max_length=REASON)
    after = ProseField(max_length=REASON)
    quote = ProseField(max_length=QUOTE_MAX, required=False, allow_blank=True)
    quoted_person = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.filter(is_active=True, is_system=False),
        required=False,
        allow_null=True,
    )


class StoryEdited(StoryTexts):
    """The same with lines of the value ledger, by number: of the story's team and model, in a quarter that finance signed."""

    lines = serializers.SlugRelatedField(
        slug_field="id", queryset=ReuseEvent.objects.all(), many=True, required=False
    )


class StoryGiven(StoryEdited):
    """A story about a published model, and a team that uses it."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.published())
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())


class Stories(ReadableResource):
    """Success stories."""

    queryset = Story.objects.for_list().with_figures().order_by("-id")
    serializer_class = StoryRow
    filterset_class = StoryFilter

    @extend_schema(request=StoryGiven, responses={201: StoryRow})
    def create(self, request: ApiRequest) -> Response:
        """Begin one, as a draft."""
        return self.answer(actions.write(request.user, **self.given(StoryGiven)), status=201)

    @extend_schema(request=StoryEdited, responses=StoryRow)
    def update(self, request: ApiRequest, pk: str) -> Response:
        """Change a draft."""
        story = self.get_object()
        return self.answer(actions.edit(request.user, story, **self.given(StoryEdited)))

    @extend_schema(request=Nothing, responses=StoryRow)
    @action(detail=True, methods=["post"])
    def submit(self, request: ApiRequest, pk: str) -> Response:
        """Ask for it to be published."""
        self.given(Nothing)
        return self.answer(actions.submit(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=StoryRow)
    @action(detail=True, methods=["post"])
    def agree(self, request: ApiRequest, pk: str) -> Response:
        """Agree to be quoted so."""
        self.given(Nothing)
        return self.answer(actions.agree(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=StoryRow)
    @action(detail=True, methods=["post"])
    def refuse(self, request: ApiRequest, pk: str) -> Response:
        """Not agree, or not any more."""
        self.given(Nothing)
        return self.answer(actions.refuse(request.user, self.get_object()))

    @extend_schema(request=Reason, responses=StoryRow)
    @action(detail=True, methods=["post"])
    def publish(self, request: ApiRequest, pk: str) -> Response:
        """Show it to everybody who sees the model."""
        story = self.get_object()
        return self.answer(actions.publish(request.user, story, **self.given(Reason)))

    @extend_schema(request=Reason, responses=StoryRow)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: ApiRequest, pk: str) -> Response:
        """Make it a draft again."""
        story = self.get_object()
        return self.answer(actions.send_back(request.user, story, **self.given(Reason)))

    @extend_schema(request=Nothing, responses=StoryRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, pk: str) -> Response:
        """Take it back."""
        self.given(Nothing)
        return self.answer(actions.withdraw(request.user, self.get_object()))
