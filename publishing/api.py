"""The journey in the REST API: a version from its start to its end."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from catalog.api import VersionDetail
from catalog.models import Artifact, ModelCard, ModelVersion, RegisteredModel
from governance.api import Gate
from marketplace.accounts.resources import Nothing, OptionalReason, Visible, one_or_nothing
from marketplace.core.problem_json import answer
from marketplace.core.serializers import LineField, ProseField
from marketplace.tokens.models import Scope
from publishing import actions, contract_diff, examples, execution_gates, steps, trials
from publishing.end_api import EndingVersions
from publishing.models import GateRun
from publishing.publication_document import CardData, Promise

RUNS_SHOWN = 20


class VersionStart(serializers.Serializer):
    """A number of three parts, higher than those before."""

    model = Visible(slug_field="slug", queryset=RegisteredModel.objects.all())
    number = LineField(max_length=30)
    changelog = ProseField(max_length=10_000, required=False, allow_blank=True, default="")


class Changelog(serializers.Serializer):
    changelog = ProseField(max_length=10_000, allow_blank=True)


class ArtifactRow(serializers.ModelSerializer):
    uploaded_by = serializers.CharField(source="uploaded_by.username")

    class Meta:
        model = Artifact
        fields = ["name", "size", "sha256", "media_type", "uploaded_by", "uploaded_at"]
        read_only_fields = fields


class Package(serializers.Serializer):
    """One .onnx file, or a .zip or .tar.gz of an MLflow model directory with the ONNX flavour."""

    file = serializers.FileField(allow_empty_file=True)


class Taken(serializers.Serializer):
    """What an upload became."""

    warnings = serializers.ListField(child=serializers.CharField())
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="What is different from the uploaded bytes"
    )
    original = serializers.ListField(
        child=serializers.JSONField(),
        help_text="The uploaded files that were replaced, with their digests",
    )
    questions = serializers.ListField(
        child=serializers.JSONField(),
        help_text="Inputs that are one tensor or many columns: answer with `columns`",
    )
    mapping = serializers.DictField(
        help_text="Where the names come from: source, rows, and to_confirm when some were taken by their place"
    )
    artifacts = ArtifactRow(many=True)
    signature = serializers.JSONField()


class Endpoint(serializers.Serializer):
    """The https address of an endpoint that speaks the Open Inference Protocol v2."""

    url = serializers.URLField(max_length=200)


class Interface(serializers.Serializer):
    """The signature (inputs, outputs, binding) and an example request body."""

    signature = serializers.JSONField()
    example = serializers.JSONField()


class Columns(serializers.Serializer):
    """What an input tensor of several values a row is: columns of these names, or with null one tensor, as an embedding is."""

    tensor = serializers.CharField(max_length=200)
    columns = serializers.ListField(
        child=LineField(max_length=100), allow_null=True, allow_empty=False, max_length=512
    )


class NewNumber(serializers.Serializer):
    """Another number of a draft, higher than those before."""

    number = LineField(max_length=30)


class Proposal(serializers.Serializer):
    """A contract that would follow this version. Nothing is kept."""

    number = LineField(max_length=30)
    signature = serializers.JSONField()
    service_level = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="availability, p95_ms, rps, timeout_s; by default this version's",
    )


class FindingRow(serializers.Serializer):
    """One difference, with both sides in words."""

    field = serializers.CharField(source="path", help_text="inputs.age.maximum")
    bump = serializers.ChoiceField(choices=["patch", "minor", "major"])
    breaks = serializers.BooleanField(
        help_text="Whether callers may fail: what needs a major version"
    )
    message = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class Concerned(serializers.Serializer):
    """Of the open subscriptions that you may see, how many the version moves by their policy."""

    moved = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Kept where they are by a breaking finding")
    stay = serializers.IntegerField(help_text="Pinned, or of another line")


class ContractComparison(serializers.Serializer):
    """What a version changes for callers of the one it follows, and the number that this needs."""

    previous = serializers.CharField()
    number = serializers.CharField()
    declared = serializers.ChoiceField(choices=["patch", "minor", "major"])
    required = serializers.ChoiceField(choices=["patch", "minor", "major"])
    is_allowed = serializers.BooleanField()
    least_number = serializers.CharField(help_text="The lowest number that the findings allow")
    findings = FindingRow(many=True)
    subscriptions = Concerned()
    problem = serializers.DictField(
        allow_null=True, help_text="As submission would answer it; null when the number is allowed"
    )


class Card(serializers.ModelSerializer):
    """The model card: field id → value. `missing` says what its tier still needs."""

    data = serializers.DictField()

    class Meta:
        model = ModelCard
        fields = ["schema_version", "data", "completeness", "sha256", "edited_at"]
        read_only_fields = fields


class CardValues(serializers.Serializer):
    """Field id → value; an empty value removes the field."""

    values = CardData(allow_empty=False)


class GateRunRow(serializers.ModelSerializer):
    """One run of the checks that run a version; what it found is in the version's gates."""

    requested_by = serializers.CharField(source="requested_by.username")

    class Meta:
        model = GateRun
        fields = [
            "id",
            "state",
            "summary",
            "manifest_sha256",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class Missing(serializers.Serializer):
    """One field that stands between the draft and submission."""

    step = serializers.CharField()
    field = serializers.CharField(help_text="card.<field id>, signature, sla, risk, plans …")
    sentence = serializers.CharField()
    page = serializers.CharField(help_text="Where a person mends it")


class ExampleRow(serializers.Serializer):
    """Why it did not answer, or "", and what was measured, in words."""

    problem = serializers.CharField(allow_blank=True)
    figures = serializers.DictField(child=serializers.CharField())


class Versions(EndingVersions):
    """Versions of models: read by everybody who may see them, moved by their team."""

    token_scopes = {"try_contract": Scope.READ} | dict.fromkeys(
        (
            "create",
            "partial_update",
            "upload",
            "endpoint",
            "interface",
            "columns",
            "confirm_names",
            "number",
            "sla",
            "edit_card",
            "answer_risk",
            "try_again",
            "submit",
            "publish",
        ),
        Scope.PUBLISH,
    )

    @extend_schema(request=VersionStart, responses={201: VersionDetail})
    def create(self, request):
        """Start a new version as a draft."""
        return self.answer(
            actions.start_version(request.user, **self.given(VersionStart)), status=201
        )

    @extend_schema(request=Changelog, responses=VersionDetail)
    def partial_update(self, request, pk):
        """Say what changed and why."""
        return self.answer(
            actions.edit_changelog(request.user, self.get_object(), **self.given(Changelog))
        )

    @extend_schema(responses=ArtifactRow(many=True))
    @action(
        detail=True, parser_classes=[MultiPartParser], pagination_class=None, filterset_class=None
    )
    def artifacts(self, request, pk):
        """The files of the package."""
        return Response(ArtifactRow(_files(self.get_object()), many=True).data)

    @extend_schema(request=Package, responses={201: Taken})
    @artifacts.mapping.post
    def upload(self, request, pk):
        """Upload the package. It is inspected in a limited process; what is refused leaves nothing behind."""
        version = self.get_object()
        file = self.given(Package)["file"]
        warnings = actions.upload(request.user, version, file.temporary_file_path(), file.name)
        version.refresh_from_db()
        told = {key: version.manifest.get(key, []) for key in ("changes", "original", "questions")}
        taken = {
            "warnings": warnings,
            **told,
            "mapping": version.manifest.get("mapping", {}),
            "artifacts": _files(version),
            "signature": version.signature,
        }
        return Response(Taken(taken).data, status=201)

    @extend_schema(request=Endpoint, responses=VersionDetail)
    @action(detail=True, methods=["put"])
    def endpoint(self, request, pk):
        """Name an endpoint that is hosted elsewhere, instead of a package."""
        version = self.get_object()
        actions.name_endpoint(request.user, version, **self.given(Endpoint))
        return self.answer(version)

    @extend_schema(request=Interface, responses=VersionDetail)
    @action(detail=True, methods=["put"])
    def interface(self, request, pk):
        """Describe what callers send and get."""
        return self.answer(
            actions.describe_interface(request.user, self.get_object(), **self.given(Interface))
        )

    @extend_schema(request=Columns, responses=VersionDetail)
    @action(detail=True, methods=["put"])
    def columns(self, request, pk):
        """Name the columns of an input tensor, or keep it one tensor."""
        return self.answer(
            actions.divide_input(request.user, self.get_object(), **self.given(Columns))
        )

    @extend_schema(request=Nothing, responses=VersionDetail)
    @action(detail=True, methods=["post"], url_path="confirm-names")
    def confirm_names(self, request, pk):
        """Say that the names which the upload took from the version before, by their place, are right."""
        version = self.get_object()
        self.given(Nothing)
        return self.answer(actions.confirm_names(request.user, version))

    @extend_schema(request=NewNumber, responses=VersionDetail)
    @action(detail=True, methods=["put"])
    def number(self, request, pk):
        """Give a draft another number, as when its contract needs a major one."""
        return self.answer(
            actions.renumber(request.user, self.get_object(), **self.given(NewNumber))
        )

    @extend_schema(responses={200: ContractComparison, 204: None})
    @action(detail=True, url_path="contract-diff", pagination_class=None, filterset_class=None)
    def contract_diff(self, request, pk):
        """What it changes for callers of the version it follows; 204 when it follows none."""
        version = self.get_object()
        previous = version.predecessor(ModelVersion.objects.visible_to(request.user))
        diff = contract_diff.compared(version, previous)
        return one_or_nothing(ContractComparison, diff and _compared(diff, request.user))

    @extend_schema(request=Proposal, responses=ContractComparison)
    @contract_diff.mapping.post
    def try_contract(self, request, pk):
        """Compare a contract with this version's, as if it followed it. A dry run: nothing is kept."""
        previous, proposal = self.get_object(), self.given(Proposal)
        diff = contract_diff.compared(contract_diff.proposal(previous, **proposal), previous)
        return Response(ContractComparison(_compared(diff, request.user)).data)

    @extend_schema(request=Promise, responses=VersionDetail)
    @action(detail=True, methods=["put"])
    def sla(self, request, pk):
        """Promise a service level."""
        return self.answer(
            actions.promise_sla(request.user, self.get_object(), **self.given(Promise))
        )

    @extend_schema(responses=Card)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def card(self, request, pk):
        """The model card."""
        return Response(Card(self.get_object().card).data)

    @extend_schema(request=CardValues, responses=Card)
    @card.mapping.patch
    def edit_card(self, request, pk):
        """Set some fields of the card."""
        return Response(
            Card(actions.edit_card(request.user, self.get_object(), **self.given(CardValues))).data
        )

    @extend_schema(responses=Missing(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def missing(self, request, pk):
        """What the draft still needs before it can be submitted."""
        return Response(Missing(steps.fields(self.get_object()), many=True).data)

    @extend_schema(responses={200: Gate, 204: None})
    @action(detail=True, pagination_class=None, filterset_class=None)
    def trial(self, request, pk):
        """Whether the draft answered its own example, with one row and with three; 204 until it was tried."""
        return one_or_nothing(Gate, trials.latest(self.get_object()))

    @extend_schema(request=Nothing, responses={200: Gate, 204: None})
    @trial.mapping.post
    def try_again(self, request, pk):
        """Try it now; 204 while package, signature or example are not whole."""
        self.given(Nothing)
        return one_or_nothing(Gate, actions.try_again(request.user, self.get_object()))

    @extend_schema(request=Nothing, responses=ExampleRow)
    @action(detail=True, methods=["post"], url_path="run-example")
    def run_example(self, request, pk):
        """Ask a submitted version for the answer to its example now. It decides nothing."""
        self.given(Nothing)
        found = examples.run_example(request.user, self.get_object())
        return Response(ExampleRow({"problem": found.problem, "figures": dict(found.figures)}).data)

    @extend_schema(responses=GateRunRow(many=True))
    @action(detail=True, url_path="gate-runs", pagination_class=None, filterset_class=None)
    def gate_runs(self, request, pk):
        """The newest runs of the checks that run the version."""
        runs = self.get_object().gate_runs.for_page()[:RUNS_SHOWN]
        return Response(GateRunRow(runs, many=True).data)

    @extend_schema(request=Nothing, responses={201: GateRunRow})
    @gate_runs.mapping.post
    def run_gates(self, request, pk):
        """Run the checks again; the results appear among the version's gates."""
        self.given(Nothing)
        run = execution_gates.request(request.user, self.get_object())
        return Response(GateRunRow(run).data, status=201)

    @extend_schema(request=Nothing, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def submit(self, request, pk):
        """Freeze the version and hand it to governance."""
        version = self.get_object()
        self.given(Nothing)
        return self.answer(actions.submit(request.user, version))

    @extend_schema(request=OptionalReason, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request, pk):
        """Take it back before it is approved."""
        return self.answer(
            actions.withdraw(request.user, self.get_object(), **self.given(OptionalReason))
        )

    @extend_schema(request=Nothing, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def publish(self, request, pk):
        """Publish an approved version that is running; otherwise it happens by itself."""
        version = self.get_object()
        self.given(Nothing)
        return self.answer(actions.publish(request.user, version))


def _compared(diff, user):
    audience = contract_diff.audience(diff.version, user)
    refusal = None if diff.is_allowed else diff.refusal()
    return {
        "previous": diff.previous.number,
        "number": diff.version.number,
        "declared": diff.declared,
        "required": diff.required,
        "is_allowed": diff.is_allowed,
        "least_number": diff.least,
        "findings": diff.findings,
        "subscriptions": {
            "moved": len(audience.moved),
            "held": len(audience.held),
            "stay": len(audience.stay),
        },
        "problem": refusal and answer(refusal),
    }


def _files(version):
    return version.artifacts.select_related("uploaded_by")
