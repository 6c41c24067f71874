"""What OPTIONS answers: the name, the description and the media types of an address."""

from typing import Any

from rest_framework.metadata import SimpleMetadata


class NameAndMediaTypes(SimpleMetadata):
    """Without the fields that may be written: the schema has them, and to find out who may write would be asking the verbs."""

    def determine_actions(self, request: Any, view: Any) -> dict[str, Any]:
        return {}
