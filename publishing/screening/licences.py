"""Licences of what a version builds on: base models, and data that is not the company's own (docs/governance.md, "Screening").

The card names them; SPDX expressions are read by `packaging.licenses`.
"""

import re
from collections.abc import Iterable
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from catalog.models import ModelVersion
from publishing.screening.found import Found, Severity, Verdict, listed

GATE = "licences"
# Licences that let a company use, change and serve what they cover without opening its own work (OSI, Creative Commons).
ALLOWED = frozenset(
    """0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0
    ISC MIT MIT-0 ODC-By-1.0 PDDL-1.0 PSF-2.0 Python-2.0 Unlicense Zlib""".split()
)
PUBLIC = "public"  # data.training.classification: only public data comes from elsewhere
IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]{2,80})[)\]]")
AFTER_WORD = re.compile(r"(?i)\blicen[cs]ed?\b(?: under)?[\s:,]*([^;,()]{2,80})")
SPOKEN = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "cc by 4.0": "CC-BY-4.0",
    "cc0": "CC0-1.0",
}


def found(version: ModelVersion) -> Found:
    """What the gate of licences says about a version."""
    data = version.card.data
    is_public = data.get("data.training.classification") == PUBLIC
    named = [("base model", entry) for entry in _entries(data.get("identity.base_models"))]
    if is_public:
        named += [("data set", entry) for entry in _entries(data.get("data.training.datasets"))]
    if not named:
        said = "It builds on no other model, and its data is not public: it is the company's own."
        return Found(GATE, Verdict.NOT_APPLICABLE, said)
    return judged(named, version.risk_tier)


def judged(named: Iterable[tuple[str, Any]], tier: str) -> Found:
    """named: [(what it is, its entry on the card)]."""
    refused, unstated, allowed = [], [], []
    for kind, entry in named:
        licence = licence_of(entry)
        label = f"{kind} {_name_of(entry)}"
        if not licence:
            unstated.append(f"{label} names no licence")
        elif is_allowed(licence):
            allowed.append(f"{label}: {licence}")
        else:
            refused.append(f"{label} is under {licence}")
    metrics = {"allowed": allowed[:20], "not_allowed": refused[:20], "not_stated": unstated[:20]}
    if refused:
        return Found(GATE, Verdict.FAIL, f"{listed([*refused, *unstated])}.", metrics=metrics)
    if unstated:
        severity = Severity.BLOCK if tier == "high" else Severity.WARN
        return Found(GATE, Verdict.INCONCLUSIVE, f"{listed(unstated)}.", severity, metrics=metrics)
    return Found(GATE, Verdict.PASS, f"{listed(allowed)}.", metrics=metrics)


def licence_of(entry: Any) -> str:
    """The SPDX expression that an entry of the card names, or its own words where they are none; "" when it says nothing.

    entry: {"name", "licence"}, or a sentence such as "bert-base-uncased (Apache-2.0)".
    """
    if isinstance(entry, dict):
        said = next((entry[key] for key in entry if key.lower() in ("licence", "license")), "")
        return _canonical(str(said)) or str(said).strip()
    for match in (*IN_BRACKETS.finditer(str(entry)), *AFTER_WORD.finditer(str(entry))):
        if expression := _canonical(match[1]):
            return expression
    after = AFTER_WORD.search(str(entry))
    return after[1].strip() if after else ""


def is_allowed(expression: str) -> bool:
    """One side of an OR is enough; of what is joined by AND, or in brackets, every part counts."""
    sides = [expression] if "(" in expression else expression.split(" OR ")
    return any(
        all(part in ALLOWED for part in re.split(r" AND | OR |[()]+", side) if part.strip())
        for side in sides
    )


def _canonical(said: str) -> str:
    said = said.strip().rstrip(".")
    try:
        return canonicalize_license_expression(SPOKEN.get(said.lower(), said))
    except InvalidLicenseExpression:
        return ""


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _name_of(entry: Any) -> str:
    if isinstance(entry, dict):
        entry = next(
            (entry[key] for key in entry if key.lower() in ("name", "id")), "without a name"
        )
    return str(entry)[:80]
