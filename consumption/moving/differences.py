"""What changes between two versions in the words of who calls them: fields to replace, send, drop or read. Pure.

The findings are those of the contract comparison (catalog.compatibility), grouped by field. An input that is gone and a new one
are shown as one replacement where name and kind say so; the publisher's own words are in the changelog.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from django.utils.text import capfirst

from catalog.compatibility import Finding, compare
from marketplace.core.templatetags.formatting import quantity

Spec = Mapping[str, Any]
ALIKE = 0.5  # SequenceMatcher ratio of two names, from which on one field may stand for the other
TEXT, BOOL = "BYTES", "BOOL"


class Act(StrEnum):
    """What the caller does about one field."""

    REPLACE = "replace"
    SEND = "send"
    DROP = "drop"
    CHANGE = "change"
    MAY_SEND = "may_send"
    STOP_READING = "stop_reading"
    READ_DIFFERENTLY = "read_differently"
    NEW_ANSWER = "new_answer"
    MAY_READ = "may_read"
    DESCRIBED = "described"
    PROMISE = "promise"
    UNCHANGED = "unchanged"


# Of each: what it is called, its tone and its icon.
SHOWN = {
    Act.REPLACE: ("Replace", "warn", "arrow-path"),
    Act.SEND: ("Send", "warn", "plus-circle"),
    Act.DROP: ("Drop", "warn", "minus-circle"),
    Act.CHANGE: ("Change", "warn", "pencil-square"),
    Act.STOP_READING: ("Stop reading", "warn", "x-circle"),
    Act.READ_DIFFERENTLY: ("Read differently", "warn", "eye"),
    Act.PROMISE: ("Promise", "neutral", "clock"),
    Act.MAY_SEND: ("May send", "info", "plus-circle"),
    Act.NEW_ANSWER: ("New answer", "info", "plus-circle"),
    Act.MAY_READ: ("Answers change", "info", "eye"),
    Act.DESCRIBED: ("Described anew", "neutral", "chat-bubble-left"),
    Act.UNCHANGED: ("Unchanged", "neutral", "check-circle"),
}


@dataclass(frozen=True)
class CallDifference:
    """One thing to do, or to know. old, new: names of fields, "" where there is none; names: of unchanged ones.

    must  whether calls fail, or mean something else, unless it is done.
    """

    act: Act
    text: str
    old: str = ""
    new: str = ""
    names: list[str] = field(default_factory=list)
    must: bool = False

    @property
    def label(self) -> str:
        return SHOWN[self.act][0]

    @property
    def verdict(self) -> dict[str, str]:
        """For components/verdict.html."""
        text, tone, icon = SHOWN[self.act]
        return {"text": text, "tone": tone, "icon": icon}


def between(
    old: Spec, new: Spec, old_level: Spec | None = None, new_level: Spec | None = None
) -> list[CallDifference]:
    """The CallDifferences of two signatures and, where they are given, two service levels: what must be done first."""
    findings = compare(old, new, old_level, new_level).findings
    by_field: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        side, _, rest = finding.path.partition(".")
        by_field[side, rest.partition(".")[0]].append(finding)
    rows = [
        *_inputs(_named(old, "inputs"), _named(new, "inputs"), by_field),
        *_outputs(_named(old, "outputs"), _named(new, "outputs"), by_field),
        *[
            CallDifference(Act.PROMISE, capfirst(f"{finding.message}."))
            for (side, _), of_level in by_field.items()
            if side == "service_level"
            for finding in of_level
        ],
    ]
    order = list(SHOWN)
    return sorted(rows, key=lambda row: (not row.must, order.index(row.act)))


def sentence(rows: Sequence[CallDifference]) -> str:
    """ "2 inputs to change, 1 answer more"; "Your calls stay as they are" where nothing has to be done."""
    inputs = sum(row.must and row.act in _OF_INPUTS for row in rows)
    answers = sum(row.must and row.act in _OF_OUTPUTS for row in rows)
    more = sum(row.act is Act.NEW_ANSWER for row in rows)
    parts = [
        f"{quantity(inputs, 'input,inputs')} to change" if inputs else "",
        f"{quantity(answers, 'answer,answers')} to read differently" if answers else "",
        f"{quantity(more, 'answer,answers')} more" if more else "",
    ]
    said = ", ".join(part for part in parts if part)
    if not inputs and not answers:
        return f"Your calls stay as they are{f'; {said}' if said else ''}"
    return said


_OF_INPUTS = {Act.REPLACE, Act.SEND, Act.DROP, Act.CHANGE}
_OF_OUTPUTS = {Act.STOP_READING, Act.READ_DIFFERENTLY}


def _inputs(
    old: dict[str, Spec], new: dict[str, Spec], findings: dict[tuple[str, str], list[Finding]]
) -> list[CallDifference]:
    gone = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    rows = []
    for before, after in _replacements(gone, added, old, new):
        rows.append(CallDifference(Act.REPLACE, described(new[after]), before, after, must=True))
        gone.remove(before)
        added.remove(after)
    for name in gone:
        text = "It is no longer an input."
        rows.append(CallDifference(Act.DROP, text, old=name, must=True))
    for name in added:
        act = Act.SEND if _is_required(new[name]) else Act.MAY_SEND
        rows.append(
            CallDifference(act, described(new[name]), new=name, must=_is_required(new[name]))
        )
    if order := findings.get(("inputs", "")):
        rows.append(CallDifference(Act.CHANGE, _sentences(order), must=True))
    kept = [name for name in old if name in new]
    rows += [
        _changed(Act.CHANGE, name, findings["inputs", name])
        for name in kept
        if ("inputs", name) in findings
    ]
    return [*rows, *_unchanged("inputs", kept, findings)]


def _outputs(
    old: dict[str, Spec], new: dict[str, Spec], findings: dict[tuple[str, str], list[Finding]]
) -> list[CallDifference]:
    gone = "It is no longer answered."
    rows = [
        CallDifference(Act.STOP_READING, gone, old=name, must=True)
        for name in old
        if name not in new
    ]
    rows += [
        CallDifference(Act.NEW_ANSWER, f"{described(new[name])} You may ignore it.", new=name)
        for name in new
        if name not in old
    ]
    kept = [name for name in old if name in new]
    rows += [
        _changed(Act.READ_DIFFERENTLY, name, findings["outputs", name])
        for name in kept
        if ("outputs", name) in findings
    ]
    return [*rows, *_unchanged("outputs", kept, findings)]


def _changed(act: Act, name: str, findings: Sequence[Finding]) -> CallDifference:
    """Only what breaks has to be done; an input whose range is wider may stay as it is."""
    must = any(finding.breaks for finding in findings)
    if not must:
        is_only_words = all(finding.bump == "patch" for finding in findings)
        milder = Act.MAY_SEND if act is Act.CHANGE else Act.MAY_READ
        act = Act.DESCRIBED if is_only_words else milder
    return CallDifference(act, _sentences(findings), old=name, new=name, must=must)


def _unchanged(
    side: str, kept: Sequence[str], findings: Mapping[tuple[str, str], list[Finding]]
) -> list[CallDifference]:
    names = [name for name in kept if (side, name) not in findings]
    what = "Same inputs" if side == "inputs" else "Same answers"
    text = f"{what}: names, units and ranges."
    return [CallDifference(Act.UNCHANGED, text, names=names)] if names else []


def described(spec: Spec) -> str:
    """What an input or output is, as its owner describes it: "Account credits in USD, from 0 to 90,000. Required." """
    text = str(spec.get("description") or spec["name"]).rstrip(".")
    if spec.get("unit"):
        text += f", in {spec['unit']}"
    low, high = spec.get("minimum"), spec.get("maximum")
    if low is not None and high is not None:
        text += f", from {low:,} to {high:,}"
    elif low is not None or high is not None:
        text += f", at {'least' if high is None else 'most'} {low if high is None else high:,}"
    if spec.get("enum"):
        text += f": {', '.join(map(str, spec['enum'][:12]))}"
    return f"{capfirst(text)}."


def _replacements(
    gone: Sequence[str], added: Sequence[str], old: dict[str, Spec], new: dict[str, Spec]
) -> list[tuple[str, str]]:
    """Pairs of an input that is gone and a new one of the same kind with a like name, the likest first."""
    pairs = sorted(
        (
            (-SequenceMatcher(None, before, after).ratio(), before, after)
            for before in gone
            for after in added
            if _kind(old[before]) == _kind(new[after])
        ),
    )
    taken: set[str] = set()
    chosen = []
    for unlike, before, after in pairs:
        if -unlike >= ALIKE and not {f"old {before}", f"new {after}"} & taken:
            taken |= {f"old {before}", f"new {after}"}
            chosen.append((before, after))
    return chosen


def _kind(spec: Spec) -> tuple[str, int]:
    datatype = str(spec["datatype"])
    kind = datatype if datatype in (TEXT, BOOL) else "number"
    return kind, len(spec["shape"])


def _named(signature: Spec, side: str) -> dict[str, Spec]:
    return {spec["name"]: spec for spec in signature.get(side) or []}


def _is_required(spec: Spec) -> bool:
    return bool(spec.get("required", True))


def _sentences(findings: Sequence[Finding]) -> str:
    return " ".join(capfirst(f"{finding.message}.") for finding in findings)
