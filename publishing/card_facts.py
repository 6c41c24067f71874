"""Which answers of a card are facts about other files than the version has (docs/governance.md, "Facts about the files")."""

from typing import Any

from catalog.models import ModelVersion
from governance import cards
from marketplace.core.canonical import digest


def files_digest(version: ModelVersion) -> str:
    """One digest of the version's files; "" while it has none, and for an external endpoint."""
    files = sorted(version.artifacts.values_list("name", "sha256"))
    return digest([list(file) for file in files]) if files else ""


def stale(version: ModelVersion) -> dict[str, str]:
    """Field id → the version whose files it was written about, of the facts that nobody confirmed for the present files.

    What was written before there was any file is about the files to come.
    """
    present = files_digest(version)
    written = version.card.written()
    origins = {name: version.card.origins.get(name, {}) for name in cards.ABOUT_FILES}
    return {
        name: origin.get("of", version.number)
        for name, origin in origins.items()
        if present and name in written and origin.get("files", present) != present
    }


def origin_of(version: ModelVersion) -> dict[str, str]:
    """What ModelCard.origins keeps of a fact that is said about the version's present files; {} while there are none."""
    files = files_digest(version)
    return {"files": files, "of": version.number} if files else {}


def inherited_origins(previous: ModelVersion, data: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The origins of facts that a new version takes over from `previous`: they are about its files until somebody confirms them."""
    of_previous = origin_of(previous)
    known = {name: previous.card.origins.get(name) or of_previous for name in cards.ABOUT_FILES}
    return {name: origin for name, origin in known.items() if origin and name in data}
