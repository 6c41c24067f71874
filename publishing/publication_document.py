"""The shape of a publication: everything of a version but its package, as a pipeline or a model registry's run says it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consumption.subscribing.api.access import PlanOffer
from governance import card_values, cards
from governance.api import RiskAnswers
from governance.evaluation_api import EvaluationDeclared
from governance.evaluations import MOST_DECLARED
from marketplace.core.errors import Invalid
from marketplace.core.serializers import LineField, ProseField
from publishing import card_import
from publishing.signature import DETAILS

MOST_PLANS = 20
MOST_FIELDS = 512


class Promise(serializers.Serializer[Any]):
    """The service level that consumers may rely on."""

    availability = serializers.ChoiceField(choices=["99.0", "99.5", "99.9"])
    p95_ms = serializers.IntegerField(min_value=1, max_value=60_000)
    rps = serializers.IntegerField(min_value=1, max_value=100_000)
    support = LineField(max_length=80)
    timeout_s = serializers.IntegerField(
        min_value=1, max_value=300, required=False, help_text="Longest answer; 30 unless given"
    )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: card_values.schema(field) for name, field in cards.FIELDS_BY_ID.items()
        },
    }
)
class CardData(serializers.DictField):
    child = serializers.JSONField(allow_null=True)


class PlanPart(PlanOffer):
    """A plan of the model, by its slug."""

    model = None  # type: ignore[assignment]

    class Meta(PlanOffer.Meta):
        fields = [name for name in PlanOffer.Meta.fields if name != "model"]


class FieldDetails(serializers.DictField):
    """What people say of one field of the signature."""

    child = serializers.JSONField(allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(data.keys() - set(DETAILS))
        if unknown:
            raise serializers.ValidationError(
                {unknown[0][:60]: [f"It takes: {', '.join(DETAILS)}."]}
            )
        return super().to_internal_value(data)


class Columns(serializers.ListField):
    child = LineField(max_length=100)


class PublicationDocument(serializers.Serializer[Any]):
    """Everything of a version but its package. What is left out stays as it is."""

    endpoint = serializers.URLField(max_length=200, required=False)
    columns = serializers.DictField(
        child=Columns(allow_null=True, allow_empty=False, max_length=MOST_FIELDS),
        required=False,
        help_text="Input tensor → the names of its columns, or null: it is one tensor",
    )
    confirm_names = serializers.BooleanField(
        required=False, help_text="Names that were taken from the version before are right"
    )
    signature = serializers.JSONField(required=False)
    fields_ = serializers.DictField(
        child=FieldDetails(),
        required=False,
        help_text=f"Field of the signature → {', '.join(DETAILS)}",
    )
    example = serializers.JSONField(required=False)
    changelog = ProseField(max_length=10_000, required=False, allow_blank=True)
    sla = Promise(required=False)
    card = CardData(required=False)
    card_text = serializers.CharField(
        required=False,
        max_length=card_import.LONGEST,
        trim_whitespace=False,
        help_text="A Hugging Face README, an MLmodel or CycloneDX file; `card` stands above what is read from it",
    )
    risk = RiskAnswers(required=False)
    evaluations = EvaluationDeclared(
        many=True,
        required=False,
        max_length=MOST_DECLARED,  # type: ignore[call-arg]
    )
    plans = PlanPart(
        many=True,
        required=False,
        max_length=MOST_PLANS,  # type: ignore[call-arg]
    )

    def validate_card(self, values: dict[str, Any]) -> dict[str, Any]:
        """All that is wrong with the card at once."""
        wrong = {
            name[:60]: [refusal]
            for name, value in values.items()
            if (refusal := _card_refusal(name, value))
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return values

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a name that Django REST framework has taken."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


def plain(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts as plain data, as they are kept and compared; what a card's text says is in `card`. Raises Invalid."""
    if text := parts.pop("card_text", ""):
        parts["card"] = _read_card(text) | dict(parts.get("card") or {})
    return {
        name: [dict(item) for item in value]
        if isinstance(value, list)
        else dict(value)
        if isinstance(value, dict)
        else value
        for name, value in parts.items()
    }


def _read_card(text: str) -> dict[str, Any]:
    try:
        return card_import.read(text).values
    except Invalid as error:
        raise Invalid(error.message, field="card_text", remedy=error.remedy) from None


def _card_refusal(name: str, value: Any) -> str:
    field = cards.FIELDS_BY_ID.get(name)
    return card_values.refusal(field, value) if field else "The card has no such field."
