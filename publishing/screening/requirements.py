"""The requirements that a package declares: from where, pinned or not, and known weaknesses (docs/governance.md, "Screening").

Nothing is installed or fetched: the marketplace serves with its own locked environment. Known weaknesses are looked up in a
file that operators bring (ADVISORIES_FILE); without it nobody knows, and the result says so.
"""

import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from catalog.models import ModelVersion
from publishing.screening import texts
from publishing.screening.found import Found, Severity, Verdict, listed

GATE = "dependencies"
FILE_NAME = re.compile(r"(?:.*/)?requirements[\w.-]*\.txt")
FOREIGN = re.compile(r"\s*(?:-i|-f|-r|-c|-e|--[a-z-]+)\b|.*://")
MOST = 500  # lines of requirements that are read
BLOCKING = {"low": (), "medium": ("CRITICAL",), "high": ("CRITICAL", "HIGH")}  # by tier


@dataclass(frozen=True)
class Declared:
    """Requirements of a package as sentences by what is wrong with them. pinned: name → version."""

    pinned: dict[str, str]
    foreign: list[str]
    loose: list[str]
    unread: list[str]


def found(version: ModelVersion) -> Found:
    """What the gate of dependencies says about a version."""
    if version.kind == ModelVersion.Kind.EXTERNAL:
        said = (
            "Hosted outside: its team keeps the dependencies patched, and nothing of it runs here."
        )
        return Found(GATE, Verdict.NOT_APPLICABLE, said)
    sources = [text for text in texts.files(version).texts if FILE_NAME.fullmatch(text.place)]
    if not sources:
        said = "The package declares no requirement and brings no code: it is served by the marketplace's own locked environment."
        return Found(GATE, Verdict.NOT_APPLICABLE, said)
    return judged(
        declared(line for source in sources for line in source.text.splitlines()),
        advisories(settings.ADVISORIES_FILE),
        version.risk_tier,
    )


def declared(lines: Iterable[str]) -> Declared:
    """Sort requirement lines (PEP 508, as pip reads them)."""
    sorted_out = Declared({}, [], [], [])
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    for line in [line for line in stripped if line][:MOST]:
        shown = line[:80]
        if FOREIGN.match(line):
            sorted_out.foreign.append(shown)
            continue
        try:
            requirement = Requirement(line.partition(" --hash")[0].rstrip("\\ "))
        except InvalidRequirement:
            sorted_out.unread.append(shown)
            continue
        exact = [part.version for part in requirement.specifier if part.operator in ("==", "===")]
        if exact and not exact[0].endswith("*"):
            sorted_out.pinned[canonicalize_name(requirement.name)] = exact[0]
        else:
            sorted_out.loose.append(shown)
    return sorted_out


def judged(lines: Declared, known: dict[str, list[dict[str, Any]]] | None, tier: str) -> Found:
    """known: name → advisories; None without a list of them."""
    weak = [
        (name, number, advisory)
        for name, number in lines.pinned.items()
        for advisory in (known or {}).get(name, ())
        if is_affected(number, advisory)
    ]
    named = [
        f"{name} {number}: {advisory['id']}, {level_of(advisory).lower()}"
        for name, number, advisory in weak
    ]
    metrics = {
        "pinned": len(lines.pinned),
        "not_pinned": lines.loose[:20],
        "from_elsewhere": lines.foreign[:20],
        "not_understood": lines.unread[:20],
        "known_weaknesses": named[:20] if known is not None else "not looked up",
    }
    if lines.foreign or any(level_of(advisory) in BLOCKING.get(tier, ()) for *_, advisory in weak):
        parts = [*(f"from elsewhere: {line}" for line in lines.foreign), *named]
        return Found(GATE, Verdict.FAIL, f"{listed(parts)}.", metrics=metrics)
    if problems := [
        *named,
        *(f"not pinned: {line}" for line in lines.loose),
        *(f"not understood: {line}" for line in lines.unread),
    ]:
        return Found(GATE, Verdict.FAIL, f"{listed(problems)}.", Severity.WARN, metrics=metrics)
    said = f"{len(lines.pinned)} requirement(s) are pinned, none from elsewhere."
    if known is None:
        return Found(
            GATE,
            Verdict.INCONCLUSIVE,
            f"{said} Known weaknesses were not looked up: the marketplace has no list of advisories.",
            Severity.WARN,
            "Operators: point ADVISORIES_FILE to a list of advisories (docs/operations.md), and run the checks again.",
            metrics,
        )
    return Found(GATE, Verdict.PASS, f"{said} No known weakness.", metrics=metrics)


def level_of(advisory: dict[str, Any]) -> str:
    """LOW, MODERATE, HIGH, CRITICAL, or UNKNOWN, which counts as critical nowhere."""
    return str(advisory.get("database_specific", {}).get("severity", "UNKNOWN")).upper()


def is_affected(number: str, advisory: dict[str, Any]) -> bool:
    """Does an OSV advisory name this version? What cannot be compared is affected."""
    try:
        version = Version(number)
        for package in advisory["affected"]:
            if number in package.get("versions", ()):
                return True
            for span in package.get("ranges", ()):
                if span.get("type") == "ECOSYSTEM" and _is_within(version, span["events"]):
                    return True
    except InvalidVersion:
        return True
    return False


def _is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """OSV: affected from each "introduced" on, until "fixed" (left out) or "last_affected" (included)."""
    is_within = False
    for event in events:
        (name, number), *_ = event.items()
        at = Version("0" if number == "0" else number)
        if name == "introduced" and version >= at:
            is_within = True
        elif (name == "fixed" and version >= at) or (name == "last_affected" and version > at):
            is_within = False
    return is_within


def advisories(path: str) -> dict[str, list[dict[str, Any]]] | None:
    """{package: [OSV record]} of a file with one record a line; None without one. Read again when the file changes."""
    if not path or not Path(path).is_file():
        return None
    return _advisories(path, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _advisories(path: str, changed: int) -> dict[str, list[dict[str, Any]]]:
    known: dict[str, list[dict[str, Any]]] = {}
    with open(path, encoding="utf-8") as lines:
        for record in map(json.loads, filter(str.strip, lines)):
            packages = [affected["package"] for affected in record.get("affected", ())]
            for name in {
                canonicalize_name(one["name"]) for one in packages if one.get("ecosystem") == "PyPI"
            }:
                known.setdefault(name, []).append(record)
    return known
