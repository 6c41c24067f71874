"""What a thread may be about: the fields of a submission (docs/governance.md, "Threads")."""

from dataclasses import dataclass

from catalog.models import ModelVersion
from governance import cards, tiering
from governance.models import Thread

PARTS = {
    "package": "Package",
    "service level": "Service level",
    "changelog": "Changelog",
    "plans": "Plans and price",
}


@dataclass(frozen=True)
class Shown:
    """A thread with the name of the field that it is about."""

    thread: Thread
    label: str
    may_resolve: bool


def anchors(version: ModelVersion) -> dict[str, str]:
    """anchor → label of everything that a remark about this version can hang on."""
    fields = {
        f"{side[:-1]}:{field['name']}": f"{side[:-1].capitalize()} {field['name']}"
        for side in ("inputs", "outputs")
        for field in version.signature.get(side, [])
    }
    risk = {
        f"risk:{question.id}": f"Risk answer: {question.label}" for question in tiering.QUESTIONS
    }
    card = {f"card:{field.id}": f"Card: {field.label}" for field in cards.FIELDS}
    return PARTS | fields | risk | card


def label_of(version: ModelVersion, anchor: str) -> str:
    """The name of what a thread is about, also of a field that is there no longer."""
    return anchors(version).get(anchor, anchor.partition(":")[2] or anchor)
