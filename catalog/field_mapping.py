"""What a caller of one version changes to call another one, field by field. Pure; generated from both signatures.

mapping(old, new, renames) gives a row for each field of either side, what needs work first. Signatures as in ModelVersion.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.compatibility import ABSENT, Comparison, compare

SIDES = {"inputs": "input", "outputs": "output"}


class Change(StrEnum):
    """What a caller does about a field."""

    RENAME = "rename"
    ADD = "add"
    DROP = "drop"
    CHECK = "check"
    MAY_ADD = "may add"
    SAME = "same"


WORK = (Change.RENAME, Change.ADD, Change.DROP, Change.CHECK)


@dataclass(frozen=True)
class MappedField:
    """One field. side: "input" or "output"; old, new: its names, ABSENT where it is not; text: what to do, a sentence."""

    side: str
    old: str
    new: str
    change: Change
    text: str

    @property
    def needs_work(self) -> bool:
        return self.change in WORK


def mapping(
    old: Mapping[str, Any], new: Mapping[str, Any], renames: Mapping[str, str] | None = None
) -> list[MappedField]:
    """The rows for a caller of `old` who moves to `new`.

    renames  {"inputs.products": "inputs.product_count"}: what became of a field that is gone; what is not there is ignored.
    """
    comparison = compare(dict(old), dict(new))
    rows = [row for side in SIDES for row in _side(side, old, new, renames or {}, comparison)]
    order = list(Change)
    return sorted(rows, key=lambda row: order.index(row.change))


def gone(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that the new signature does not have, each with those it may have become: {"inputs.a": ["inputs.b"]}."""
    found: dict[str, list[str]] = {}
    for side in SIDES:
        before, after = _by_name(old, side), _by_name(new, side)
        added = [f"{side}.{name}" for name in after if name not in before]
        found |= {f"{side}.{name}": added for name in before if name not in after}
    return found


def likely_renames(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """A field that is gone and the only new one of its type and shape, where no other gone field fits it too."""
    fits = {
        path: [other for other in others if _kind(old, path) == _kind(new, other)]
        for path, others in gone(old, new).items()
    }
    taken = [other for others in fits.values() for other in others]
    return {
        path: others[0]
        for path, others in fits.items()
        if len(others) == 1 and taken.count(others[0]) == 1
    }


def _side(
    side: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    renames: Mapping[str, str],
    comparison: Comparison,
) -> Iterator[MappedField]:
    before, after, what = _by_name(old, side), _by_name(new, side), SIDES[side]
    renamed: set[str] = set()
    for name in before:
        became = renames.get(f"{side}.{name}", "").partition(".")[2]
        if name in after:
            yield _kept(side, name, comparison)
        elif became in after:
            renamed.add(became)
            verb = "Send it" if side == "inputs" else "Read it"
            yield MappedField(
                what,
                name,
                became,
                Change.RENAME,
                f"{verb} as {became}. {_types(before, after, name, became)}".strip(),
            )
        else:
            text = "Do not send it." if side == "inputs" else "It is not answered any more."
            yield MappedField(what, name, ABSENT, Change.DROP, text)
    for name, field in after.items():
        if name in before or name in renamed:
            continue
        is_required = side == "inputs" and field.get("required", True)
        text = "Send it." if is_required else "You may send it."
        if side == "outputs":
            text = "It is new; you may read it."
        change = Change.ADD if is_required else Change.MAY_ADD
        described = " ".join(part for part in (text, field.get("description") or "") if part)
        yield MappedField(what, ABSENT, name, change, described)


def _kept(side: str, name: str, comparison: Comparison) -> MappedField:
    """A field of both, with what differs in it. Who relied on the old value looks at what breaks."""
    path = f"{side}.{name}."
    found = [finding for finding in comparison.findings if finding.path.startswith(path)]
    change = Change.CHECK if any(finding.breaks for finding in found) else Change.SAME
    text = "; ".join(finding.message for finding in found if finding.bump != "patch")
    sentence = f"{text[:1].upper()}{text[1:]}." if text else "Nothing to do."
    return MappedField(SIDES[side], name, name, change, sentence)


def _types(before: Mapping[str, Any], after: Mapping[str, Any], name: str, became: str) -> str:
    old, new = before[name]["datatype"], after[became]["datatype"]
    return "" if old == new else f"It was {old} and is {new}."


def _by_name(signature: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {field["name"]: field for field in signature.get(side, [])}


def _kind(signature: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    side, _, name = path.partition(".")
    field = _by_name(signature, side)[name]
    return side, field["datatype"], field["shape"], field.get("unit") or ""
