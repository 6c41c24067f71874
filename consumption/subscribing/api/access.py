"""Plans, applications, subscriptions and keys in the REST API."""

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import ModelVersion, RegisteredModel
from consumption import actions
from consumption.filters import ApplicationFilter, KeyFilter, PlanFilter, SubscriptionFilter
from consumption.keys.networks import MOST
from consumption.metering import key_usage
from consumption.models import (
    ApiKey,
    Application,
    DataClass,
    Plan,
    PlanTerms,
    Subscription,
)
from consumption.plans import pricing, terms
from governance import tiering
from marketplace.accounts.models import Team
from marketplace.accounts.resources import (
    SLUG,
    Nothing,
    OptionalReason,
    ReadableResource,
    Reason,
    Visible,
)
from marketplace.core.serializers import LineField, ProseField
from marketplace.tokens.models import Scope


def _options(question):
    return [(one.id, one.label) for one in tiering.QUESTIONS_BY_ID[question].options]


class PriceSteps(serializers.ListField):
    """[[last call of the step, micro-units for 1 000 calls], …] of a month; the last step has null and holds all further calls."""

    child = serializers.ListField(
        child=serializers.IntegerField(allow_null=True, min_value=0), min_length=2, max_length=2
    )


class TermsRow(serializers.ModelSerializer):
    """What a plan costs and allows from a moment on; the first terms hold for all time before, too."""

    price_steps = PriceSteps(read_only=True)

    class Meta:
        model = PlanTerms
        fields = ["effective_from", *terms.FIELDS]
        read_only_fields = fields


class PlanRow(serializers.ModelSerializer):
    """What a model's publisher offers. Prices are in millionths of the currency for 1 000 calls.

    The limits and the price are those in force; `terms` is their history and what is announced, oldest first.
    """

    model = serializers.CharField(source="model.slug")
    price = serializers.SerializerMethodField(help_text="The price in words.")
    price_steps = PriceSteps(read_only=True)
    terms = TermsRow(many=True)

    class Meta:
        model = Plan
        fields = [
            "id",
            "model",
            "slug",
            "name",
            *terms.LIMITS,
            "approval",
            "price",
            *pricing.FIELDS,
            "currency",
            "is_offered",
            "is_always_on",
            "terms",
        ]
        read_only_fields = fields

    def get_price(self, plan) -> str:
        return pricing.in_words(plan, plan.currency)


class PlanOffer(serializers.ModelSerializer):
    """The same slug again changes the plan; what is worse for those who have it is proposed as a change.

    `price_kind` says which of the prices count: docs/money.md, "Kinds of prices". Without one it is free or per call.
    """

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    price_steps = PriceSteps(required=False, max_length=pricing.MOST_STEPS)

    class Meta:
        model = Plan
        fields = [
            "model",
            "slug",
            "name",
            *terms.LIMITS,
            "approval",
            *pricing.FIELDS,
            "is_offered",
            "is_always_on",
        ]
        validators = []


class Plans(ReadableResource):
    queryset = Plan.objects.select_related("model").prefetch_related("terms")
    serializer_class = PlanRow
    filterset_class = PlanFilter
    token_scopes = {"create": Scope.PUBLISH}

    @extend_schema(request=PlanOffer, responses={201: PlanRow})
    def create(self, request):
        """Offer a plan for a model of your team, or change it."""
        return self.answer(actions.offer_plan(request.user, **self.given(PlanOffer)), status=201)


class ApplicationRow(serializers.ModelSerializer):
    team = serializers.CharField(source="team.slug")
    active_subscriptions = serializers.IntegerField()

    class Meta:
        model = Application
        fields = [
            "slug",
            "name",
            "team",
            "description",
            "environment",
            "cost_centre",
            "active_subscriptions",
            "created_at",
        ]
        read_only_fields = fields


class ApplicationGiven(serializers.ModelSerializer):
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())

    class Meta:
        model = Application
        fields = ["team", "name", "environment", "description", "cost_centre"]
        validators = []


class Applications(ReadableResource):
    queryset = Application.objects.for_list()
    serializer_class = ApplicationRow
    filterset_class = ApplicationFilter
    lookup_field = "slug"
    token_scopes = {"create": Scope.SUBSCRIBE}
    lookup_value_regex = SLUG

    @extend_schema(request=ApplicationGiven, responses={201: ApplicationRow})
    def create(self, request):
        """Enter a system of one of your teams."""
        return self.answer(
            actions.create_application(request.user, **self.given(ApplicationGiven)), status=201
        )


class SubscriptionRow(serializers.ModelSerializer):
    application = serializers.CharField(source="application.slug")
    team = serializers.CharField(source="application.team.slug")
    model = serializers.CharField(source="model.slug")
    plan = serializers.CharField(source="plan.slug")
    pinned_version = serializers.CharField(source="pinned_version.number")
    held_version = serializers.CharField(
        source="held_version.number",
        default=None,
        allow_null=True,
        help_text="No higher version answers by itself; null: not held.",
    )
    requested_by = serializers.CharField(source="requested_by.username")

    class Meta:
        model = Subscription
        fields = [
            "id",
            "application",
            "team",
            "model",
            "plan",
            "state",
            "version_policy",
            "pinned_version",
            "hold",
            "held_version",
            "held_until",
            "purpose",
            "expected_calls_a_month",
            "counterfactual",
            "data_class",
            "use",
            "use_tier",
            "ends_on",
            "confirm_by",
            "confirmed_at",
            "paused_because",
            "requested_by",
            "requested_at",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields


class Use(serializers.Serializer):
    """What depends on this use. Left out: as the version was assessed. A use above the model's tier goes to governance."""

    people = serializers.ChoiceField(choices=_options("people"))
    autonomy = serializers.ChoiceField(choices=_options("autonomy"))
    materiality = serializers.ChoiceField(choices=_options("materiality"))
    regulated = serializers.ChoiceField(choices=_options("regulated"))


class SubscriptionAsked(serializers.ModelSerializer):
    """`version` is a version's id; without it, the model's stable one. `ends_on` is the last day (UTC)."""

    application = Visible(slug_field="slug", queryset=Application.objects.all())
    plan = Visible(slug_field="id", queryset=Plan.objects.all())
    version = Visible(slug_field="id", queryset=ModelVersion.objects.all(), required=False)
    version_policy = serializers.ChoiceField(choices=Subscription.Policy.choices, required=False)
    purpose = ProseField(min_length=10, max_length=4000)
    expected_calls_a_month = serializers.IntegerField(min_value=1, max_value=2**53, required=False)
    data_class = serializers.ChoiceField(choices=DataClass.choices, required=False)
    use = Use(required=False)

    class Meta:
        model = Subscription
        fields = [
            "application",
            "plan",
            "version",
            "version_policy",
            "purpose",
            "expected_calls_a_month",
            "counterfactual",
            "data_class",
            "use",
            "ends_on",
        ]
        validators = []


class Purpose(serializers.Serializer):
    purpose = ProseField(min_length=10, max_length=4000)


class LastDay(serializers.Serializer):
    ends_on = serializers.DateField(allow_null=True, help_text="The last day (UTC); null: none.")


class HoldWanted(serializers.Serializer):
    days = serializers.IntegerField(min_value=1, max_value=90, default=30)


class PlanChosen(serializers.Serializer):
    plan = Visible(slug_field="id", queryset=Plan.objects.all())


class Subscriptions(ReadableResource):
    """Of one's own teams, and to one's own models."""

    queryset = Subscription.objects.for_list()
    serializer_class = SubscriptionRow
    filterset_class = SubscriptionFilter
    token_scopes = {"create": Scope.SUBSCRIBE}

    @extend_schema(request=SubscriptionAsked, responses={201: SubscriptionRow})
    def create(self, request):
        """Subscribe an application of your team; on an automatic plan it is active at once."""
        return self.answer(
            actions.subscribe(request.user, **self.given(SubscriptionAsked)), status=201
        )

    @extend_schema(request=Reason, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def approve(self, request, pk):
        """The publisher's yes."""
        return self.answer(
            actions.approve_subscription(request.user, self.get_object(), **self.given(Reason))
        )

    @extend_schema(request=Reason, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def deny(self, request, pk):
        """The publisher's no, with a reason of at least 20 characters."""
        return self.answer(
            actions.deny_subscription(request.user, self.get_object(), **self.given(Reason))
        )

    @extend_schema(request=PlanChosen, responses=SubscriptionRow)
    @action(detail=True, methods=["put"])
    def plan(self, request, pk):
        """Move to another plan of the model; the keys stay."""
        return self.answer(
            actions.change_plan(request.user, self.get_object(), **self.given(PlanChosen))
        )

    @extend_schema(request=OptionalReason, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        """Take back a request that waits."""
        return self.answer(
            actions.withdraw_request(request.user, self.get_object(), **self.given(OptionalReason))
        )

    @extend_schema(request=Purpose, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def again(self, request, pk):
        """Ask once more after a no, with a purpose that answers it."""
        return self.answer(
            actions.ask_again(request.user, self.get_object(), **self.given(Purpose))
        )

    @extend_schema(request=HoldWanted, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def hold(self, request, pk):
        """No newer version answers by itself for so many days."""
        return self.answer(
            actions.hold_updates(request.user, self.get_object(), **self.given(HoldWanted))
        )

    @extend_schema(request=Nothing, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request, pk):
        """Say that it is still used as described: it holds for a year."""
        subscription = self.get_object()
        self.given(Nothing)
        return self.answer(actions.confirm_use(request.user, subscription))

    @extend_schema(request=LastDay, responses=SubscriptionRow)
    @action(detail=True, methods=["put"], url_path="last-day")
    def last_day(self, request, pk):
        """Set the last day of access, or none."""
        return self.answer(
            actions.change_end(request.user, self.get_object(), **self.given(LastDay))
        )

    @extend_schema(request=Nothing, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def release(self, request, pk):
        """End a hold of the team."""
        subscription = self.get_object()
        self.given(Nothing)
        return self.answer(actions.release_updates(request.user, subscription))

    @extend_schema(request=Nothing, responses=SubscriptionRow)
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request, pk):
        """The version before the last automatic update answers again, for 30 days."""
        subscription = self.get_object()
        self.given(Nothing)
        return self.answer(actions.roll_back(request.user, subscription))

    @extend_schema(request=Nothing, responses=SubscriptionRow)
    @action(detail=True, methods=["post"])
    def close(self, request, pk):
        """End the right to call; the keys stop within a second."""
        subscription = self.get_object()
        self.given(Nothing)
        return self.answer(actions.close_subscription(request.user, subscription))


class KeyRow(serializers.ModelSerializer):
    """A key without its secret."""

    subscription = serializers.IntegerField(source="subscription_id")
    application = serializers.CharField(source="subscription.application.slug")
    model = serializers.CharField(source="subscription.model.slug")
    created_by = serializers.CharField(source="created_by.username")
    is_live = serializers.BooleanField()
    networks = serializers.ListField(
        child=serializers.CharField(), help_text="What it works from; empty: anywhere."
    )

    class Meta:
        model = ApiKey
        fields = [
            "kid",
            "name",
            "subscription",
            "application",
            "model",
            "state",
            "is_live",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "networks",
        ]
        read_only_fields = fields


class KeyOnce(KeyRow):
    """A new key. `text` is in this one answer only; an answer repeated by Idempotency-Key has null there."""

    text = serializers.CharField(allow_null=True)

    class Meta(KeyRow.Meta):
        fields = [*KeyRow.Meta.fields, "text"]
        read_only_fields = fields


def _networks(**more):
    said = "Networks (10.20.0.0/16) that the key works from; empty: anywhere."
    return serializers.ListField(
        child=LineField(max_length=60), max_length=MOST, help_text=said, **more
    )


class Networks(serializers.Serializer):
    networks = _networks()


class KeyWanted(serializers.Serializer):
    subscription = Visible(slug_field="id", queryset=Subscription.objects.all())
    name = LineField(max_length=56, default="Key")
    days = serializers.IntegerField(min_value=1, max_value=365, default=90)
    networks = _networks(required=False, default=list)


class Rotation(serializers.Serializer):
    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=168, default=24, help_text="How long the old key still works."
    )


class KeyVersionCalls(serializers.Serializer):
    version = serializers.CharField(source="version.number")
    model = serializers.CharField(source="version.model.slug")
    calls = serializers.IntegerField()


class KeyDayCalls(serializers.Serializer):
    day = serializers.DateField()
    calls = serializers.IntegerField()


class KeyCalls(serializers.Serializer):
    """Calls with a key since `since`; `is_whole`: of all seven days, else of the newest calls of its subscription."""

    since = serializers.DateTimeField()
    is_whole = serializers.BooleanField()
    calls = serializers.IntegerField()
    answered = serializers.IntegerField()
    last_at = serializers.DateTimeField(allow_null=True)
    days = KeyDayCalls(many=True)
    versions = KeyVersionCalls(many=True)


class Keys(ReadableResource):
    queryset = ApiKey.objects.for_list()
    serializer_class = KeyRow
    filterset_class = KeyFilter
    lookup_field = "kid"
    token_scopes = dict.fromkeys(("create", "rotate", "revoke", "resume", "networks"), Scope.KEYS)
    lookup_value_regex = "[0-9A-Za-z]{8}"

    @extend_schema(request=KeyWanted, responses={201: KeyOnce})
    def create(self, request):
        """Make a key; its text is shown in this answer only."""
        wanted = self.given(KeyWanted)
        life = timedelta(days=wanted.pop("days"))
        return self._shown_once(
            *actions.create_key(request.user, wanted.pop("subscription"), life=life, **wanted)
        )

    @extend_schema(request=Rotation, responses={201: KeyOnce})
    @action(detail=True, methods=["post"])
    def rotate(self, request, kid):
        """Replace a key: the new one works at once, the old one for `overlap_hours` longer."""
        key = self.get_object()
        overlap = timedelta(hours=self.given(Rotation)["overlap_hours"])
        return self._shown_once(*actions.rotate_key(request.user, key, overlap))

    @extend_schema(request=Nothing, responses=KeyRow)
    @action(detail=True, methods=["post"])
    def resume(self, request, kid):
        """Have a key that paused because nobody used it work again."""
        key = self.get_object()
        self.given(Nothing)
        return self.answer(actions.resume_key(request.user, key))

    @extend_schema(responses=KeyCalls)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def calls(self, request, kid):
        """What called with it in the last seven days: what its end would break."""
        return Response(KeyCalls(key_usage.of(self.get_object())).data)

    @extend_schema(request=OptionalReason, responses=KeyRow)
    @action(detail=True, methods=["post"])
    def revoke(self, request, kid):
        """End a key now, everywhere within a second."""
        return self.answer(
            actions.revoke_key(request.user, self.get_object(), **self.given(OptionalReason))
        )

    @extend_schema(request=Networks, responses=KeyRow)
    @action(detail=True, methods=["put"])
    def networks(self, request, kid):
        """Say from where a key works; every gateway follows within a second."""
        return self.answer(
            actions.change_networks(request.user, self.get_object(), **self.given(Networks))
        )

    def _shown_once(self, key, text):
        kept = KeyRow(key).data | {"text": None}
        response = Response(
            kept | {"text": text}, status=201, headers={"Cache-Control": "no-store"}
        )
        response.kept_data = kept
        return response
