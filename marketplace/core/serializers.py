"""Texts that the REST API takes: each says whether it is one line or prose. Rules and reasons: docs/names.md."""

from rest_framework import serializers

from marketplace.core import text


class LineField(serializers.CharField):
    """One line of text, composed (NFC), without characters that cannot be seen."""

    default_validators = [text.one_line]

    def to_internal_value(self, data):
        return text.composed(super().to_internal_value(data))


class ProseField(serializers.CharField):
    """A text that may have several lines."""

    default_validators = [text.prose]
