"""A card as its readers see it, on the model's page, in a review and in the preview of a draft."""

from collections.abc import Mapping
from typing import Any

from catalog.pages import CardEntry, CardSection
from governance import cards


def sections(values: Mapping[str, Any]) -> list[CardSection]:
    """The filled part of a card (field id → value), in the schema's order."""
    found = [
        CardSection(
            section_id,
            title,
            [
                CardEntry(field.label, values[field.id])
                for field in cards.FIELDS
                if field.section == section_id and field.id in values
            ],
        )
        for section_id, title, _ in cards.SECTIONS
    ]
    return [section for section in found if section.fields]
