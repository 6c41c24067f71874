"""Does a new contract break the callers of the old one? The bump it needs (docs/governance.md, "Version numbers"). Pure.

A contract is what callers rely on: the signature (inputs, outputs, ranges, units, order) and the declared service level.
compare({...}, {...}).required is "patch", "minor" or "major": the strongest of all findings.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from catalog import meanings

BUMPS = ("none", "patch", "minor", "major")
# What a value of the left type may become without a caller noticing.
WIDER = {
    "INT8": {"INT16", "INT32", "INT64", "FP32", "FP64"},
    "INT16": {"INT32", "INT64", "FP32", "FP64"},
    "INT32": {"INT64", "FP64"},
    "UINT8": {"UINT16", "UINT32", "UINT64", "INT16", "INT32", "INT64", "FP32", "FP64"},
    "UINT16": {"UINT32", "UINT64", "INT32", "INT64", "FP32", "FP64"},
    "UINT32": {"UINT64", "INT64", "FP64"},
    "FP32": {"FP64"},
}
DEADLINE_S = 30  # what callers wait at most when nothing else is declared
# Key of a service level → what it is called, its unit, and whether more of it is better.
SERVICE_LEVEL = {
    "availability": ("availability", " %", True),
    "p95_ms": ("p95 latency", " ms", False),
    "rps": ("throughput", " requests a second", True),
    "timeout_s": ("longest answer", " s", True),
}
ABSENT = "–"


@dataclass(frozen=True)
class Finding:
    """One difference, with both sides in words.

    bump     what it needs: patch, minor or major.
    path     the field: "inputs.age.maximum", "service_level.p95_ms".
    message  the difference as a clause without a full stop.
    before, after  the old and the new value as text; ABSENT where there is none.
    """

    bump: str
    path: str
    message: str
    before: str
    after: str

    @property
    def breaks(self):
        return self.bump == "major"


@dataclass(frozen=True)
class Comparison:
    """All differences, gravest first."""

    findings: tuple

    @property
    def required(self):
        return max((finding.bump for finding in self.findings), key=BUMPS.index, default="patch")

    @property
    def breaking(self):
        return tuple(finding for finding in self.findings if finding.breaks)

    def allows(self, declared):
        """True when a version raised by `declared` may carry these differences."""
        return BUMPS.index(declared) >= BUMPS.index(self.required)


def compare(old, new, old_level=None, new_level=None):
    """The Comparison of two signatures and, where they are given, of two declared service levels."""
    findings = [
        *_inputs(old.get("inputs", []), new.get("inputs", [])),
        *_outputs(old.get("outputs", []), new.get("outputs", [])),
        *_order(old.get("inputs", []), new.get("inputs", [])),
        *_service_level(old_level or {}, new_level or {}),
    ]
    return Comparison(tuple(sorted(findings, key=lambda finding: -BUMPS.index(finding.bump))))


def compare_versions(old, new):
    """The Comparison of what two ModelVersions promise."""
    return compare(old.signature, new.signature, old.sla, new.sla)


def breaks(old, new):
    """True when a caller of one ModelVersion may fail on the other. A contract that cannot be read breaks."""
    if old.signature == new.signature and old.sla == new.sla:
        return False
    try:
        return bool(compare_versions(old, new).breaking)
    except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError):
        return True


def _inputs(old, new):
    before, after = _by_name(old), _by_name(new)
    for name, field in before.items():
        if name in after:
            yield from _input(name, field, after[name])
        else:
            yield Finding(
                "major", f"inputs.{name}", f"the input {name} is gone", _shown(field), ABSENT
            )
    for name in [name for name in after if name not in before]:
        bump, how = ("major", "required") if _is_required(after[name]) else ("minor", "optional")
        yield Finding(
            bump, f"inputs.{name}", f"the {how} input {name} is new", ABSENT, _shown(after[name])
        )


def _input(name, old, new):
    path, what = f"inputs.{name}", f"the input {name}"
    if _is_required(old) != _is_required(new):
        bump = "major" if _is_required(new) else "minor"
        yield _changed(bump, f"{path}.required", what, _need(old), _need(new))
    yield from _type(path, what, old, new, widened="minor")
    yield from _enum(path, what, old, new, added="minor", removed="major")
    yield from _range(path, what, old, new, tightened="major", loosened="minor")
    if old.get("default") != new.get("default") and not _is_required(old):
        sides = _value(old.get("default")), _value(new.get("default"))
        yield _changed("major", f"{path}.default", f"the default of {what}", *sides)
    yield from _meaning(path, what, old, new)


def _outputs(old, new):
    before, after = _by_name(old), _by_name(new)
    for name, field in before.items():
        path, what = f"outputs.{name}", f"the output {name}"
        if name not in after:
            yield Finding("major", path, f"{what} is gone", _shown(field), ABSENT)
            continue
        yield from _type(path, what, field, after[name], widened="major")
        yield from _enum(path, what, field, after[name], added="major", removed="minor")
        yield from _range(path, what, field, after[name], tightened="minor", loosened="major")
        yield from _meaning(path, what, field, after[name])
    for name in [name for name in after if name not in before]:
        yield Finding(
            "minor", f"outputs.{name}", f"the output {name} is new", ABSENT, _shown(after[name])
        )


def _order(old, new):
    """Rows may be sent without names, in the order of the inputs (docs/packaging.md): what stood at a place stays there."""
    before, after = [field["name"] for field in old], [field["name"] for field in new]
    kept = [name for name in before if name in after]
    if len(before) == 1 < len(after) and len(old[0]["shape"]) > 1:
        message = "a tensor is no longer the only input: rows sent without names would be misread"
        yield Finding("major", "inputs", message, before[0], ", ".join(after))
    start = after[: len(kept)]
    if kept and start != kept:
        how = "in another order" if sorted(start) == sorted(kept) else "at other places"
        message = f"the inputs stand {how}: rows sent without names would be misread"
        yield Finding("major", "inputs", message, ", ".join(kept), ", ".join(after))


def _type(path, what, old, new, widened):
    if old["shape"] != new["shape"]:
        sides = _value(old["shape"]), _value(new["shape"])
        yield _changed("major", f"{path}.shape", f"the shape of {what}", *sides)
    if (old.get("format") or "") != (new.get("format") or ""):
        sides = old.get("format") or ABSENT, new.get("format") or ABSENT
        yield _changed("major", f"{path}.format", f"the format of {what}", *sides)
    if old["datatype"] != new["datatype"]:
        bump = widened if new["datatype"] in WIDER.get(old["datatype"], ()) else "major"
        yield _changed(bump, f"{path}.datatype", what, old["datatype"], new["datatype"])


def _enum(path, what, old, new, added, removed):
    """No list of values means any value: giving one up adds, setting one removes."""
    before, after = old.get("enum"), new.get("enum")
    more = [value for value in after or [] if value not in before] if before else []
    fewer = [value for value in before or [] if value not in after] if after else []
    sides = _value(before) if before else "any value", _value(after) if after else "any value"
    if more or (before and not after):
        told = f"has new values ({_value(more)})" if more else "takes any value now"
        yield Finding(added, f"{path}.enum", f"{what} {told}", *sides)
    if fewer or (after and not before):
        told = f"lost values ({_value(fewer)})" if fewer else f"is limited to {_value(after)}"
        yield Finding(removed, f"{path}.enum", f"{what} {told}", *sides)


def _range(path, what, old, new, tightened, loosened):
    for limit, unbounded in (("minimum", float("-inf")), ("maximum", float("inf"))):
        before, after = (
            unbounded if side.get(limit) is None else side[limit] for side in (old, new)
        )
        if before == after:
            continue
        is_tighter = after > before if limit == "minimum" else after < before
        sides = (_value(side.get(limit)) for side in (old, new))
        bump = tightened if is_tighter else loosened
        yield _changed(bump, f"{path}.{limit}", f"the {limit} of {what}", *sides)


def _meaning(path, what, old, new):
    """Another unit is another value, and so may be what lost words of its meaning. More words, or a unit told first, are none."""
    unit, other = old.get("unit") or "", new.get("unit") or ""
    if unit != other:
        bump = "major" if unit else "patch"
        yield _changed(bump, f"{path}.unit", f"the unit of {what}", unit or ABSENT, other or ABSENT)
    words, others = old.get("description") or "", new.get("description") or ""
    if words and words != others:
        lost = meanings.lost_words(words, others)
        told = f"is another one ({_value(lost)})" if lost else "is told in other words"
        message = f"the meaning of {what} {told}"
        bump = "major" if lost else "patch"
        yield Finding(bump, f"{path}.description", message, words, others or ABSENT)


def _service_level(old, new):
    for name, (label, unit, more_is_better) in SERVICE_LEVEL.items():
        before, after = _level(old, name), _level(new, name)
        if before is None or after is None or before == after:
            continue
        is_worse = after < before if more_is_better else after > before
        bump = "major" if is_worse else "patch"
        sides = f"{before}{unit}", f"{after}{unit}"
        yield _changed(bump, f"service_level.{name}", f"the promised {label}", *sides)


def _level(level, name):
    value = level.get(name) or (DEADLINE_S if name == "timeout_s" and level else None)
    return None if value is None else Decimal(str(value))


def _changed(bump, path, what, before, after):
    return Finding(bump, path, f"{what} was {before} and is {after}", before, after)


def _value(value):
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _shown(field):
    return f"{field['datatype']} [{_value(field['shape'])}]"


def _need(field):
    return "required" if _is_required(field) else "optional"


def _is_required(field):
    return field.get("required", True)


def _by_name(fields):
    return {field["name"]: field for field in fields}
