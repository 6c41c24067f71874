"""Where an upload's names come from, and what only its publisher can say about them (docs/packaging.md, "Names stay").

A draft's manifest keeps `mapping` {source, rows, to_confirm} and `questions` [{tensor, width}] until they are answered.
"""

from typing import Any

from catalog.models import ModelVersion
from marketplace.core.errors import Invalid
from publishing import packages
from publishing import signature as signatures


def former_interface(version: ModelVersion) -> tuple[ModelVersion, str]:
    """(what a new upload takes names and meanings from, its name): the draft itself, else the version before it."""
    if version.signature:
        return version, "the former package"
    others = version.model.versions.exclude(pk=version.pk).exclude(signature={})
    former = version.predecessor() or others.newest_first().first()
    return (former, former.number) if former else (version, "")


def example_of(former: ModelVersion, signature: dict[str, Any]) -> dict[str, Any]:
    """The former example where it is still one."""
    try:
        signatures.validate_example(signature, former.example)
    except Invalid:
        return {}
    return former.example


def unanswered(
    found: packages.Inspection, former: dict[str, Any], made: dict[str, Any]
) -> list[dict[str, Any]]:
    """Of the package's questions those that the former interface does not answer."""
    asked = {question["tensor"]: question for question in found.questions}
    unnamed = set(signatures.unnamed_tensors(made))
    was_tensor = {
        row["tensor"]
        for row in (former.get("binding") or {}).get("inputs", [])
        if row["columns"] is None
    }
    for row in made["binding"]["inputs"]:
        is_answered = row["columns"] is not None or row["tensor"] in was_tensor
        if row["tensor"] in asked and row["tensor"] not in unnamed and is_answered:
            del asked[row["tensor"]]
    return list(asked.values())


def answered(manifest: dict[str, Any], signature: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a draft whose publisher wrote the whole signature: it confirms the names, and answers what they answer."""
    if "questions" not in manifest and "mapping" not in manifest:
        return manifest
    divided = {
        row["tensor"]
        for row in (signature.get("binding") or {}).get("inputs", [])
        if row["columns"]
    } - set(signatures.unnamed_tensors(signature))
    questions = [one for one in manifest.get("questions", []) if one["tensor"] not in divided]
    mapping = {**manifest["mapping"], "to_confirm": False} if "mapping" in manifest else None
    kept = {key: manifest[key] for key in manifest if key not in ("questions", "mapping")}
    return kept | {
        key: value for key, value in (("questions", questions), ("mapping", mapping)) if value
    }
