"""The automatic checks as declared objects: what each asks, of whom, how severely (docs/governance.md, "Gates"). Pure data.

Producers stand above governance and write results with `actions.record_gate`.
"""

from dataclasses import dataclass, field
from typing import Any

BLOCK, WARN, INFORMS = "block", "warn", "info"
ALWAYS_BLOCKS = {"low": BLOCK, "medium": BLOCK, "high": BLOCK}
WARNS_AT_LOW = ALWAYS_BLOCKS | {"low": WARN}
ALWAYS_WARNS = dict.fromkeys(ALWAYS_BLOCKS, WARN)


@dataclass(frozen=True)
class Gate:
    """One automatic check.

    catalogue    its number in the specification's list, G1–G17
    is_required  a version waits in *checking* until there is a result
    is_run       it runs the version, in the limited child (publishing.execution_gates)
    is_waivable  a waiver may open it for a time (governance.waivers)
    severity     tier → BLOCK, WARN or INFORMS; an error always blocks
    """

    name: str
    catalogue: str
    label: str
    asks: str
    remedy: str
    producer: str
    is_required: bool = False
    is_run: bool = False
    is_waivable: bool = False
    severity: dict[str, str] = field(default_factory=lambda: dict(ALWAYS_BLOCKS))


def _run(name: str, catalogue: str, label: str, asks: str, remedy: str, **more: object) -> Gate:
    return Gate(
        name,
        catalogue,
        label,
        asks,
        remedy,
        "publishing.execution_gates",
        is_required=True,
        is_run=True,
        is_waivable=True,
        **more,  # type: ignore[arg-type]
    )


INSPECTION = "publishing.evidence"
EVALUATION = "governance.evaluation_runs"
SCREENING = "publishing.screening"
GATES = (
    Gate(
        "documentation",
        "G1",
        "Documentation",
        "Is the card complete enough for the tier?",
        "Answer the named fields of the card.",
        "governance.actions",
        is_required=True,
    ),
    Gate(
        "integrity",
        "G2",
        "Integrity",
        "Do the stored bytes match their digests?",
        "Upload the package again.",
        INSPECTION,
        is_required=True,
    ),
    Gate(
        "safety",
        "G3",
        "Safety of the package",
        "Known format, no pickle, reviewed operators only?",
        "Export the model as ONNX with standard operators.",
        INSPECTION,
        is_required=True,
    ),
    Gate(
        "validity",
        "G4",
        "Validity of the graph",
        "Does the ONNX graph pass the full check?",
        "Export the graph again.",
        INSPECTION,
        is_required=True,
    ),
    Gate(
        "signature",
        "G6",
        "Signature",
        "Is every input and output typed, and does the example fit?",
        "Correct the signature or the example.",
        INSPECTION,
        is_required=True,
    ),
    Gate(
        "run",
        "G6",
        "Trial run",
        "Did the version answer its own example?",
        "Mend the model or the example, and try again.",
        "publishing.trials",
        is_required=True,
    ),
    _run(
        "determinism",
        "G6",
        "Determinism",
        "Is the same request answered the same each time?",
        "Remove what draws random numbers, or give it a fixed seed.",
    ),
    _run(
        "batch",
        "G6",
        "Batch equals rows",
        "Is a row answered alike alone and among others?",
        "Export the model in inference mode.",
    ),
    Gate(
        "readiness",
        "G13",
        "Operational readiness",
        "Is there a promise, somebody to call, and from medium risk on a fallback and a monitoring plan?",
        "Complete the service level, the support contact, and the card's section on operation.",
        INSPECTION,
        is_required=True,
    ),
    Gate(
        "contract",
        "G7",
        "Version number",
        "Is the number high enough for what changes for callers?",
        "Take the number that the comparison asks for.",
        "publishing.contract_diff",
        is_required=True,
    ),
    Gate(
        "secrets",
        "G16",
        "Personal data and secrets",
        "Are card, example and package free of keys and of data about people?",
        "Take it out, write invented values instead, and end a key that was shown.",
        SCREENING,
        is_required=True,
    ),
    Gate(
        "dependencies",
        "G5",
        "Dependencies",
        "Are declared requirements pinned, from the package index, and without known weaknesses?",
        "Pin each requirement to a version without known weaknesses, and leave out other sources.",
        SCREENING,
        is_required=True,
        is_waivable=True,
        severity=dict(WARNS_AT_LOW),
    ),
    Gate(
        "licences",
        "G5",
        "Licences",
        "May the company use the models and the public data that it builds on?",
        "Name each licence on the card, or build on what has a permitted one.",
        SCREENING,
        is_required=True,
        is_waivable=True,
        severity=dict(WARNS_AT_LOW),
    ),
    Gate(
        "duplicates",
        "G17",
        "Another one of the same",
        "Does a published model do the same, and does the entry say why another one is needed?",
        "Say in the entry why another one is needed, or use the one that there is.",
        SCREENING,
        is_required=True,
        severity=dict(ALWAYS_WARNS),
    ),
    Gate(
        "evaluation",
        "G8",
        "Independent evaluation",
        "Is it better than a naive model on data that its team cannot read?",
        "Improve the model, or run the evaluation again.",
        EVALUATION,
    ),
    Gate(
        "champion",
        "G9",
        "Compared with the version in use",
        "Is it not worse than the version that it follows?",
        "Improve the model.",
        EVALUATION,
        severity=dict(WARNS_AT_LOW),
    ),
    Gate(
        "behaviour",
        "G15",
        "Behaviour",
        "Does it answer like the version that it follows, or does its number say that it does not?",
        "Give it the number that the change needs. Where it is a correction, an evaluator records that.",
        "publishing.behaviour",
        severity=ALWAYS_BLOCKS | {"low": INFORMS},
    ),
    Gate(
        "fairness",
        "G10",
        "Fairness",
        "Are groups of people treated alike?",
        "Mitigate the difference, and submit a new version.",
        EVALUATION,
    ),
    Gate(
        "perturbation",
        "G11",
        "Robustness to small changes",
        "Does it keep its answers under noise, gaps and values at the ends of ranges?",
        "Train with noise or fewer abrupt splits, and submit a new version.",
        EVALUATION,
        severity=ALWAYS_BLOCKS | {"low": WARN, "medium": WARN},
    ),
    _run(
        "boundaries",
        "G6",
        "Declared boundaries",
        "Is every declared minimum, maximum and allowed value answered?",
        "Declare a range that the model can answer, or mend the graph.",
    ),
    _run(
        "refusals",
        "G11",
        "Refusal of wrong requests",
        "Are wrong requests refused with a reason?",
        "Declare ranges, allowed values and required inputs.",
    ),
    _run(
        "robustness",
        "G11",
        "Robustness to extremes",
        "Are extreme values that no range excludes answered with numbers?",
        "Declare ranges, or let the model handle these values.",
        severity=ALWAYS_BLOCKS | {"low": WARN, "medium": WARN},
    ),
    _run(
        "latency",
        "G12",
        "Latency against the promise",
        "Is the p95 at the declared rate within the promised service level?",
        "Make the model quicker, or promise more time.",
        severity=dict(WARNS_AT_LOW),
    ),
    _run(
        "startup",
        "G13",
        "Start and memory",
        "Is it ready in a minute, within the declared memory?",
        "Make the model smaller.",
    ),
    _run(
        "health",
        "G13",
        "Health endpoint",
        "Does the address that says whether it is ready answer?",
        "Run the checks again.",
    ),
)
BY_NAME = {gate.name: gate for gate in GATES}
REQUIRED = tuple(gate.name for gate in GATES if gate.is_required)
RUN = tuple(gate.name for gate in GATES if gate.is_run)

POLICY: dict[str, Any] = {
    "schema": "gates/1.0.0",
    "semver": "1.0.0",
    "gates": {
        gate.name: {
            "catalogue": gate.catalogue,
            "required": gate.is_required,
            "waivable": gate.is_waivable,
            "severity": gate.severity,
        }
        for gate in GATES
    },
}


def severity_of(name: str, tier: str, verdict: str, text: dict[str, Any] = POLICY) -> str:
    """How much a result weighs at a tier: what could not run always blocks. Raises KeyError for an undeclared gate.

    text: a policy in the form of POLICY.
    """
    if verdict == "error":
        return BLOCK
    severity: str = text["gates"][name]["severity"].get(tier, BLOCK)
    return severity
