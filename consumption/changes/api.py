"""Changes that take something from consumers, in the REST API."""

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from catalog.models import ModelVersion, RegisteredModel
from consumption.changes import actions
from consumption.changes.kinds import KINDS
from consumption.filters import ChangeFilter
from consumption.models import OVERSEES, Plan, PlanTerms, ScheduledChange, Subscription
from consumption.plans import pricing, terms
from consumption.subscribing.api.access import PriceSteps
from marketplace.accounts.models import BusinessUnit, Team
from marketplace.accounts.resources import OptionalReason, ReadableResource, Reason, Visible
from marketplace.core.serializers import ProseField


class AffectedRow(serializers.Serializer):
    """A subscription that a change takes something from; `cost_30d` is exact, in the plan's currency."""

    subscription = serializers.IntegerField()
    application = serializers.CharField()
    application_name = serializers.CharField()
    team = serializers.CharField()
    team_name = serializers.CharField()
    calls_30d = serializers.IntegerField()
    cost_30d = serializers.CharField()
    currency = serializers.CharField()


class DifferenceRow(serializers.Serializer):
    label = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()
    is_worse = serializers.BooleanField()


class ChangeRow(serializers.ModelSerializer):
    """A change that takes something from consumers. `affected` lists one's own subscriptions, all of them for the owner team."""

    model = serializers.CharField(source="model.slug")
    plan = serializers.CharField(source="plan.slug", default=None, allow_null=True)
    version = serializers.CharField(source="version.number", default=None, allow_null=True)
    subscription = serializers.IntegerField(source="subscription_id", allow_null=True)
    differences = serializers.SerializerMethodField(help_text="What changes, in words.")
    affected = serializers.SerializerMethodField()
    proposed_by = serializers.CharField(source="proposed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = ScheduledChange
        fields = [
            "id",
            "kind",
            "model",
            "plan",
            "version",
            "subscription",
            "state",
            "differences",
            "before",
            "after",
            "affected",
            "reason",
            "effective_from",
            "proposed_by",
            "proposed_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        ]
        read_only_fields = fields

    @extend_schema_field(DifferenceRow(many=True))
    def get_differences(self, change):
        return DifferenceRow(KINDS[change.kind].differences(change), many=True).data

    @extend_schema_field(AffectedRow(many=True))
    def get_affected(self, change):
        user = self.context["request"].user
        if "reader" not in self.context:
            self.context["reader"] = (
                set(user.teams().values_list("slug", flat=True)),
                user.has_role(*OVERSEES),
            )
        teams, oversees = self.context["reader"]
        return [
            row
            for row in change.affected
            if oversees or change.model.owner_team.slug in teams or row["team"] in teams
        ]


KIND = ScheduledChange.Kind
# What a kind is about, and what else it needs.
NEEDED = {
    KIND.TERMS: ("plan",),
    KIND.WITHDRAWAL: ("plan",),
    KIND.VISIBILITY: ("model", "visibility"),
    KIND.SUBSCRIPTION: ("subscription",),
    KIND.CAPACITY: ("version",),
    KIND.DEPRECATION: ("version",),
}
SIZES = ("min_replicas", "max_replicas", "target_ongoing_requests")


class ChangeGiven(serializers.ModelSerializer):
    """What is to become worse, and for whom. Left-out terms and sizes stay as they are."""

    plan = Visible(
        slug_field="id",
        queryset=Plan.objects.all(),
        required=False,
        help_text="Of kinds terms and withdrawal.",
    )
    model = Visible(
        slug_field="slug",
        queryset=RegisteredModel.objects.all(),
        required=False,
        help_text="Of kind visibility.",
    )
    version = Visible(
        slug_field="id",
        queryset=ModelVersion.objects.all(),
        required=False,
        help_text="Of kinds capacity and deprecation.",
    )
    subscription = Visible(
        slug_field="id",
        queryset=Subscription.objects.all(),
        required=False,
        help_text="Of kind subscription: the one that ends.",
    )
    kind = serializers.ChoiceField(choices=KIND.choices)
    price_steps = PriceSteps(required=False, max_length=pricing.MOST_STEPS)
    visibility = serializers.ChoiceField(choices=RegisteredModel.Visibility.choices, required=False)
    units = serializers.SlugRelatedField(
        slug_field="slug", queryset=BusinessUnit.objects.current(), many=True, required=False
    )
    teams = serializers.SlugRelatedField(
        slug_field="slug", queryset=Team.objects.all(), many=True, required=False
    )
    min_replicas = serializers.IntegerField(min_value=0, max_value=10**6, required=False)
    max_replicas = serializers.IntegerField(min_value=1, max_value=10**6, required=False)
    target_ongoing_requests = serializers.IntegerField(
        min_value=1, max_value=10**6, required=False, help_text="Calls at once for each replica."
    )
    successor = Visible(
        slug_field="id",
        queryset=ModelVersion.objects.all(),
        required=False,
        allow_null=True,
        help_text="Of kind deprecation: the version that takes over, of this model or of another one.",
    )
    brownouts = serializers.BooleanField(
        required=False,
        help_text="Of kind deprecation: announce short refusals 14, 7 and 2 days before the end.",
    )
    reason = ProseField(max_length=4000, required=False, default="", help_text="Consumers read it.")
    effective_from = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Empty: as soon as the notice allows.",
    )

    class Meta:
        model = PlanTerms
        fields = [
            "kind",
            "plan",
            "model",
            "version",
            "subscription",
            "reason",
            "effective_from",
            *terms.FIELDS,
            "visibility",
            "units",
            "teams",
            *SIZES,
            "successor",
            "brownouts",
        ]
        validators = []
        extra_kwargs = {name: {"required": False} for name in terms.FIELDS}

    def validate(self, data):
        """What the kind needs, as the verb takes it."""
        kind = data["kind"]
        missing = {name: ["This kind needs it."] for name in NEEDED[kind] if not data.get(name)}
        if missing:
            raise serializers.ValidationError(missing)
        subject = data[NEEDED[kind][0]]
        about = {} if kind == KIND.VISIBILITY else {NEEDED[kind][0]: subject}
        return {
            "kind": kind,
            "model": subject.model if about else subject,
            **about,
            "after": self._after(kind, data),
            "reason": data["reason"],
            "effective_from": data["effective_from"],
        }

    def _after(self, kind, data):
        if kind == KIND.VISIBILITY:
            return {
                "visibility": data["visibility"],
                "units": [unit.slug for unit in data.get("units", ())],
                "teams": [team.slug for team in data.get("teams", ())],
            }
        if kind == KIND.DEPRECATION:
            successor = data.get("successor")
            return {
                "successor": successor.number if successor else "",
                "successor_model": successor.model.slug if successor else "",
                "brownouts": data.get("brownouts", False),
            }
        names = {KIND.TERMS: terms.FIELDS, KIND.CAPACITY: SIZES}.get(kind, ())
        return {name: data[name] for name in names if name in data}


class ChangePreview(serializers.Serializer):
    """What would happen, and to whom. Nothing is kept."""

    effective_from = serializers.DateTimeField(help_text="If a second person confirmed it now.")
    needs_second_person = serializers.BooleanField()
    differences = DifferenceRow(many=True)
    affected = AffectedRow(many=True)


class Changes(ReadableResource):
    """Changes that take something from consumers: proposed by one person, confirmed by another, in force after a notice."""

    queryset = ScheduledChange.objects.for_list()
    serializer_class = ChangeRow
    filterset_class = ChangeFilter

    @extend_schema(request=ChangeGiven, responses={201: ChangeRow})
    def create(self, request):
        """Propose a change of a model of your team. What takes nothing from anybody is in force at once."""
        return self.answer(actions.propose(request.user, **self.given(ChangeGiven)), status=201)

    @extend_schema(request=ChangeGiven, responses=ChangePreview)
    @action(detail=False, methods=["post"])
    def preview(self, request):
        """Who would be affected, and from when; nothing is changed."""
        change, affected_rows = actions.preview(request.user, **self.given(ChangeGiven))
        shown = {
            "effective_from": change.effective_from,
            "needs_second_person": bool(affected_rows),
            "differences": KINDS[change.kind].differences(change),
            "affected": [affected_row.as_data() for affected_row in affected_rows],
        }
        return Response(ChangePreview(shown).data)

    @extend_schema(request=OptionalReason, responses=ChangeRow)
    @action(detail=True, methods=["post"])
    def confirm(self, request, pk):
        """The second person's yes; consumers are told and the notice runs."""
        return self.answer(
            actions.confirm(request.user, self.get_object(), **self.given(OptionalReason))
        )

    @extend_schema(request=Reason, responses=ChangeRow)
    @action(detail=True, methods=["post"])
    def refuse(self, request, pk):
        """The second person's no, with a reason of at least 20 characters."""
        return self.answer(actions.refuse(request.user, self.get_object(), **self.given(Reason)))

    @extend_schema(request=OptionalReason, responses=ChangeRow)
    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        """Take it back before it begins."""
        return self.answer(
            actions.withdraw(request.user, self.get_object(), **self.given(OptionalReason))
        )
