"""Version numbers of models: MAJOR.MINOR.PATCH, optionally a release candidate -rc.N (docs/governance.md, "Version numbers")."""

import re
from dataclasses import dataclass

from marketplace.core.errors import Invalid

FORM = re.compile(
    r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-rc\.([1-9]\d{0,3}))?", re.ASCII
)


@dataclass(frozen=True)
class Number:
    """A parsed version number; ordered as semantic versioning says, candidates before their release."""

    major: int
    minor: int
    patch: int
    candidate: int = 0

    def __str__(self):
        return f"{self.major}.{self.minor}.{self.patch}" + (
            f"-rc.{self.candidate}" if self.candidate else ""
        )

    def __lt__(self, other):
        return self._key() < other._key()

    def _key(self):
        return self.major, self.minor, self.patch, self.candidate or float("inf")


def parse(text):
    """The Number in `text`. Raises Invalid."""
    found = FORM.fullmatch(text or "")
    if not found:
        raise Invalid(
            f"“{str(text)[:30]}” is not a version number.",
            field="number",
            remedy="Write three numbers, for example 1.0.0.",
        )
    return Number(*(int(part or 0) for part in found.groups()))


def bump_between(old, new):
    """Which part rises from `old` to `new` (Numbers): major, minor, patch or none. Raises Invalid when new is not higher."""
    if not old < new:
        raise Invalid(
            f"{new} does not come after {old}.",
            field="number",
            remedy=f"Choose {next_number(old, 'patch')} or higher.",
        )
    if new.major > old.major:
        return "major"
    if new.minor > old.minor:
        return "minor"
    return "patch" if new.patch > old.patch else "none"


def next_number(number, bump):
    """The Number after `number` when `bump` (major, minor or patch) rises; a candidate becomes its release."""
    if number.candidate and bump == "patch":
        return Number(number.major, number.minor, number.patch)
    raised = {
        "major": Number(number.major + 1, 0, 0),
        "minor": Number(number.major, number.minor + 1, 0),
        "patch": Number(number.major, number.minor, number.patch + 1),
    }
    return raised[bump]
