"""What the REST API takes: texts that say whether they are one line or prose (docs/names.md), and values of the type that the
contract names, never of one that could be read as it (docs/input-limits.md).
"""

from collections.abc import Iterator
from typing import Any

from rest_framework import serializers

from marketplace.core import text

WHOLE = "body"  # stands for the document as a whole where an error names its field
# What a field takes in JSON, and how a sentence calls it; the first row that fits a field counts.
TYPES: tuple[tuple[tuple[type, ...], tuple[type, ...], str], ...] = (
    ((serializers.BooleanField,), (bool,), "true or false"),
    ((serializers.IntegerField,), (int,), "a whole number"),
    ((serializers.FloatField,), (int, float), "a number"),
    ((serializers.MultipleChoiceField, serializers.ManyRelatedField), (list,), "a list"),
    ((serializers.ListField, serializers.ListSerializer), (list,), "a list"),
    ((serializers.DictField, serializers.Serializer), (dict,), "an object"),
    (
        (serializers.CharField, serializers.ChoiceField, serializers.DateTimeField),
        (str,),
        "a text",
    ),
)


class LineField(serializers.CharField):
    """One line of text, composed (NFC), without characters that cannot be seen."""

    default_validators = [text.one_line]

    def to_internal_value(self, data):
        return text.composed(super().to_internal_value(data))


class MonthField(serializers.CharField):
    """A month that is answered, 2026-11; the row keeps its first day."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(read_only=True, **({"help_text": "2026-11"} | facts))

    def to_representation(self, value: Any) -> str:
        return f"{value:%Y-%m}"


class ProseField(serializers.CharField):
    """A text that may have several lines."""

    default_validators = [text.prose]


def type_errors(field: Any, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, sentence) of each value of the wrong JSON type. Null is left to the field, which knows whether it takes it."""
    types, name = _type_of(field)
    if not types or value is None:
        return
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        yield path or WHOLE, f"Send {name}."
    elif value == "" and isinstance(field, serializers.RelatedField):
        # The library reads it as null; the contract has no empty names.
        yield path or WHOLE, f"Name one{', or send null' if field.allow_null else ''}."
    else:
        for step, inner, item in _inside(field, value):
            yield from type_errors(inner, item, f"{path}.{step}" if path else step)


def _type_of(field: Any) -> tuple[tuple[type, ...], str]:
    """(JSON types, name) of what a field takes; ((), "") for anything."""
    if isinstance(field, serializers.SlugRelatedField):
        return ((int,), "a whole number") if field.slug_field == "id" else ((str,), "a text")
    return next(
        ((types, name) for fields, types, name in TYPES if isinstance(field, fields)), ((), "")
    )


def _inside(field: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """(step of the path, field, value) of what a list or an object holds."""
    if isinstance(field, serializers.Serializer):
        yield from (
            (name, inner, value[name]) for name, inner in field.fields.items() if name in value
        )
    elif isinstance(field, serializers.ListField | serializers.ListSerializer):
        yield from ((str(index), field.child, item) for index, item in enumerate(value))
    elif isinstance(field, serializers.DictField):
        yield from ((name, field.child, item) for name, item in value.items())
