"""Does a new signature break the callers of the old one? The bump it needs (docs/governance.md, "Version numbers"). Pure.

compare({...}, {...}).required is "patch", "minor" or "major": the strongest of all findings.
"""

from dataclasses import dataclass

from publishing.semver import BUMPS, at_least

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


@dataclass(frozen=True)
class Finding:
    """One difference. `path` names the field ("inputs.age.minimum"); `bump` is what it needs."""

    bump: str
    path: str
    message: str


@dataclass(frozen=True)
class Comparison:
    """All differences, gravest first."""

    findings: tuple

    @property
    def required(self):
        return max((finding.bump for finding in self.findings), key=BUMPS.index, default="patch")

    def allows(self, declared):
        """True when a version raised by `declared` may carry these differences."""
        return at_least(declared, self.required)

    def sentence(self):
        """The findings that force the bump, as one text; "" when nothing does."""
        gravest = [finding.message for finding in self.findings if finding.bump == self.required]
        return f"Needs a {self.required} version: {'; '.join(gravest)}." if gravest else ""


def compare(old, new):
    """The Comparison of two signatures."""
    findings = [
        *_inputs(old["inputs"], new["inputs"]),
        *_outputs(old["outputs"], new["outputs"]),
        *_positional(old, new),
    ]
    return Comparison(tuple(sorted(findings, key=lambda finding: -BUMPS.index(finding.bump))))


def _inputs(old, new):
    before, after = _by_name(old), _by_name(new)
    for name in before.keys() - after.keys():
        yield Finding("major", f"inputs.{name}", f"the input {name} is gone")
    for name in after.keys() - before.keys():
        bump, how = ("major", "required") if _is_required(after[name]) else ("minor", "optional")
        yield Finding(bump, f"inputs.{name}", f"the {how} input {name} is new")
    for name in before.keys() & after.keys():
        yield from _input(name, before[name], after[name])


def _input(name, old, new):
    path = f"inputs.{name}"
    if _is_required(new) and not _is_required(old):
        yield Finding("major", path, f"the input {name} is now required")
    if _is_required(old) and not _is_required(new):
        yield Finding("minor", path, f"the input {name} is now optional")
    yield from _type("input", path, old, new, widened="minor")
    yield from _enum("input", path, old, new, added="minor", removed="major")
    yield from _range("input", path, old, new, tightened="major", loosened="minor")
    if old.get("default") != new.get("default") and not _is_required(old):
        yield Finding("major", path, f"the default of the input {name} changed")
    if old.get("unit", "") and old.get("unit", "") != new.get("unit", ""):
        yield Finding("major", path, f"the unit of the input {name} changed")


def _outputs(old, new):
    before, after = _by_name(old), _by_name(new)
    for name in before.keys() - after.keys():
        yield Finding("major", f"outputs.{name}", f"the output {name} is gone")
    for name in after.keys() - before.keys():
        yield Finding("minor", f"outputs.{name}", f"the output {name} is new")
    for name in before.keys() & after.keys():
        yield from _output(name, before[name], after[name])


def _output(name, old, new):
    path = f"outputs.{name}"
    yield from _type("output", path, old, new, widened="major")
    yield from _enum("output", path, old, new, added="major", removed="minor")
    yield from _range("output", path, old, new, tightened="minor", loosened="major")
    if old.get("unit", "") and old.get("unit", "") != new.get("unit", ""):
        yield Finding("major", path, f"the unit of the output {name} changed")


def _positional(old, new):
    """A tensor that callers send whole (several columns in one input) is positional: its order is its meaning."""
    whole = {field["name"] for field in old["inputs"] if len(field["shape"]) > 1}
    orders = [
        [field["name"] for field in side["inputs"] if field["name"] in whole] for side in (old, new)
    ]
    if sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]:
        yield Finding("major", "inputs", "tensors are in another order")


def _type(side, path, old, new, widened):
    name = old["name"]
    if old["shape"] != new["shape"]:
        yield Finding("major", path, f"the {side} {name} has another shape")
    if (old.get("format") or "") != (new.get("format") or ""):
        yield Finding("major", path, f"the {side} {name} has another format")
    if old["datatype"] != new["datatype"]:
        bump = widened if new["datatype"] in WIDER.get(old["datatype"], ()) else "major"
        yield Finding(
            bump, path, f"the {side} {name} changed from {old['datatype']} to {new['datatype']}"
        )


def _enum(side, path, old, new, added, removed):
    """No list of values means any value: giving one up adds, setting one removes."""
    before, after, name = old.get("enum"), new.get("enum"), old["name"]
    if (before and not after) or (before and after and set(after) - set(before)):
        yield Finding(added, path, f"the {side} {name} has new values")
    if (after and not before) or (before and after and set(before) - set(after)):
        yield Finding(removed, path, f"the {side} {name} lost values")


def _range(side, path, old, new, tightened, loosened):
    low = _moved(old.get("minimum"), new.get("minimum"), float("-inf"))
    high = -_moved(old.get("maximum"), new.get("maximum"), float("inf"))
    name = old["name"]
    if low > 0 or high > 0:
        yield Finding(tightened, path, f"the range of the {side} {name} is tighter")
    if low < 0 or high < 0:
        yield Finding(loosened, path, f"the range of the {side} {name} is wider")


def _moved(old, new, unbounded):
    """-1, 0 or 1: where a limit went; None means unbounded."""
    before, after = (unbounded if value is None else value for value in (old, new))
    return (after > before) - (after < before)


def _is_required(field):
    return field.get("required", True)


def _by_name(fields):
    return {field["name"]: field for field in fields}
