"""The contract gate: what a version changes for the callers of the one it follows, and the number that this demands.

Rules: docs/governance.md, "Version numbers". The comparison itself is catalog.compatibility.
"""

import copy
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from catalog import upgrades
from catalog.compatibility import SERVICE_LEVEL, Comparison, Finding, compare_versions
from catalog.models import RELEASE, ModelVersion
from consumption.models import Subscription
from governance.actions import record_gate
from governance.models import GateResult
from marketplace.accounts.models import User
from marketplace.core.errors import Invalid, RuleError
from publishing import semver
from publishing import signature as signatures

GATE = "contract"
TOOL = "contract-diff/1"
MOST_FINDINGS = 100  # of one version that are kept as evidence and shown; 512 fields may all differ


@dataclass(frozen=True)
class ContractDiff:
    """`version` compared with the release it follows.

    declared  which part of the number rises: patch, minor or major.
    least     the lowest number that the findings allow.
    """

    version: ModelVersion
    previous: ModelVersion
    declared: str
    comparison: Comparison
    least: str

    @property
    def required(self) -> str:
        return self.comparison.required

    @property
    def is_allowed(self) -> bool:
        return self.comparison.allows(self.declared)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.comparison.findings[:MOST_FINDINGS]

    @property
    def left_out(self) -> int:
        """How many findings are not shown."""
        return len(self.comparison.findings) - len(self.findings)

    @property
    def forcing(self) -> list[Finding]:
        """Of the findings shown, those that demand the number."""
        return [finding for finding in self.findings if finding.bump == self.required]

    @property
    def sentence(self) -> str:
        """What came of it, with the findings that decide."""
        if self.is_allowed:
            return (
                f"A {self.declared} version after {self.previous.number} may change this: it needs"
                f" at least a {self.required} version."
            )
        told = "; ".join(finding.message for finding in self.forcing[:3])
        more = f"; and {len(self.forcing) - 3} more" if len(self.forcing) > 3 else ""
        return (
            f"It needs a {self.required} version, and {self.version.number} is a {self.declared} version"
            f" after {self.previous.number}: {told}{more}."
        )

    @property
    def remedy(self) -> str:
        return f"Make it {self.least}, or keep what {self.previous.number} promises."

    @property
    def problem(self) -> str:
        """Why the number is too low, and what to do; "" when it is not."""
        return "" if self.is_allowed else f"{self.sentence} {self.remedy}"

    def as_data(self) -> dict[str, object]:
        """Evidence of the gate: plain JSON."""
        return {
            "previous": self.previous.number,
            "declared": self.declared,
            "required": self.required,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def refusal(self) -> RuleError:
        """The answer to who submits it: each forcing finding by its field, old value and new value."""
        error = RuleError(self.sentence, field=GATE, remedy=self.remedy)
        error.problems = [
            {
                "field": finding.path,
                "code": finding.bump,
                "message": finding.message,
                "before": finding.before,
                "after": finding.after,
                "remedy": self.remedy,
            }
            for finding in self.forcing
        ]
        return error


@dataclass(frozen=True)
class Audience:
    """The open subscriptions that one person may see, by what the version does to them.

    moved  they follow it by themselves.
    held   their policy would follow its number, and a breaking finding keeps them where they are.
    stay   pinned, or of another line.
    """

    moved: list[Subscription]
    held: list[Subscription]
    stay: list[Subscription]


def of(version: ModelVersion) -> ContractDiff | None:
    """The ContractDiff with the release it follows; None for the first of its line."""
    return compared(version, version.predecessor())


def compared(version: ModelVersion, previous: ModelVersion | None) -> ContractDiff | None:
    """The ContractDiff with `previous`; None without one, or while the version has no signature. Raises Invalid."""
    if previous is None or not version.signature:
        return None
    comparison = compare_versions(previous, version)
    declared = semver.bump_between(semver.parse(previous.number), semver.parse(version.number))
    return ContractDiff(
        version, previous, declared, comparison, _least(version, previous, comparison.required)
    )


def proposal(
    previous: ModelVersion,
    number: str,
    signature: dict[str, Any],
    service_level: dict[str, Any] | None = None,
) -> ModelVersion:
    """An unsaved version after `previous`, for a dry run. Raises Invalid by its field."""
    parsed = semver.parse(number)
    signatures.validate_signature(signature)
    version = ModelVersion(
        model=previous.model,
        number=number,
        major=parsed.major,
        minor=parsed.minor,
        patch=parsed.patch,
        signature=signature,
        sla=previous.sla if service_level is None else checked_level(service_level),
    )
    version.candidate = parsed.candidate or RELEASE  # else the database computes it
    return version


def checked_level(level: dict[str, Any]) -> dict[str, Any]:
    """A service level of numbers. Raises Invalid."""
    for name in SERVICE_LEVEL.keys() & level.keys():
        try:
            if not Decimal(str(level[name])).is_finite():
                raise InvalidOperation
        except InvalidOperation:
            raise Invalid(f"{name} is a number.", field=f"service_level.{name}") from None
    return level


def problem(version: ModelVersion) -> str:
    """Why the version's number is too low for what it changes, or ""."""
    diff = of(version)
    return diff.problem if diff else ""


def record_for_submission(version: ModelVersion) -> GateResult:
    """Compare, and keep it as evidence about the frozen manifest."""
    diff = of(version)
    if diff is None:
        first = "It follows no approved version."
        return record_gate(version, GATE, GateResult.Verdict.NOT_APPLICABLE, first, tool=TOOL)
    return record_gate(
        version,
        GATE,
        GateResult.Verdict.PASS if diff.is_allowed else GateResult.Verdict.FAIL,
        diff.problem or diff.sentence,
        tool=TOOL,
        metrics=diff.as_data(),
    )


def audience(version: ModelVersion, user: User) -> Audience:
    """Who is moved by `version`, among the subscriptions that `user` may see: as it is, or as if it were published now."""
    seen = Subscription.objects.visible_to(user).filter(model=version.model_id).open().for_list()
    versions = list(version.model.versions.filter(state__in=ModelVersion.LISTED))
    if version not in versions:
        version = copy.copy(version)
        version.published_at = timezone.now()
        versions.append(version)
    sorted_out = Audience([], [], [])
    outcomes: dict[tuple[str, int, int | None], list[Subscription]] = {}
    for subscription in seen:
        policy, pinned = subscription.version_policy, subscription.pinned_version
        held = subscription.held_version
        key = (policy, pinned.pk, subscription.held_version_id)
        if key not in outcomes:
            followed = version in upgrades.followed(policy, pinned, versions)[1:]
            is_moved = followed and not (held and version.precedence > held.precedence)
            is_held = followed or version in upgrades.held_back(policy, pinned, versions)
            outcomes[key] = (
                sorted_out.moved if is_moved else sorted_out.held if is_held else sorted_out.stay
            )
        outcomes[key].append(subscription)
    return sorted_out


def _least(version: ModelVersion, previous: ModelVersion, required: str) -> str:
    """The lowest number, not used yet, that the findings allow after `previous`."""
    if required == "patch":
        return version.number
    number = semver.next_number(semver.parse(previous.number), required)
    used = set(version.model.versions.exclude(pk=version.pk).values_list("number", flat=True))
    while str(number) in used:
        number = semver.next_number(number, required)
    return str(number)
