"""What publishing can prove about a package: the gates it answers, and the card fields it fills in by itself."""

import hashlib

from catalog.models import ModelVersion, stored_as
from governance.actions import record_gate
from marketplace.core.errors import Invalid
from publishing import signature as signatures
from publishing.storage import read

TOOL = "package-inspection/1"
CHUNK = 1 << 20
PROMISES = {
    "availability": "availability",
    "p95_ms": "p95 latency",
    "rps": "requests a second",
    "support": "support hours",
}
OPERATION = {"ops.rollback": "a fallback", "ops.monitoring_plan": "a monitoring plan"}


def record_package_gates(version):
    """Write the gates integrity, safety, validity and signature for the version's present manifest."""
    external = version.kind == ModelVersion.Kind.EXTERNAL
    problem = "" if external else _stored_bytes_problem(version)
    files = len(version.manifest["files"])
    _gate(
        version,
        "integrity",
        problem,
        "No package: the endpoint is external."
        if external
        else f"{files} file(s) match their digests.",
    )
    _gate(version, "safety", "", _safety_summary(version, external))
    _gate(
        version,
        "validity",
        "",
        "The endpoint is probed through the protocol." if external else _validity_summary(version),
    )
    _gate(
        version,
        "signature",
        _signature_problem(version),
        "Every input and output is typed, and the example fits.",
    )
    record_readiness(version)


def record_readiness(version):
    """Write the gate readiness: what the version declares about its operation."""
    lacking = _not_declared(version)
    _gate(
        version,
        "readiness",
        f"Not declared: {', '.join(lacking)}." if lacking else "",
        f"Promised: {_sla_words(version.sla)}. To call: {version.model.support_contact}.",
    )


def _not_declared(version):
    """What of the operation the version leaves open, in words."""
    needed = {label: version.sla.get(name) for name, label in PROMISES.items()}
    needed["a support contact"] = version.model.support_contact
    if version.risk_tier != "low":
        needed |= {label: version.card.data.get(name) for name, label in OPERATION.items()}
    return [label for label, value in needed.items() if not value]


def card_facts(version):
    """Card fields with source "auto": name, version, signature, artifact, service level. Field id → value."""
    model, files = version.model, version.artifacts.all()
    facts = {
        "identity.name": f"{model.name} ({model.slug}) {version.number}",
        "identity.domain": f"{model.domain} / {model.capability}",
        "contacts.owner_team": model.owner_team.name,
        "contacts.accountable_owner": str(model.owner),
        "contacts.support": f"{model.support_contact} {model.support_hours}".strip(),
        "technical.signature": _signature_words(version.signature),
        "technical.artifact_sha256": ", ".join(
            f"{f.name}: {f.sha256} ({f.size} bytes)" for f in files
        )
        or version.external_url,
        "technical.dependencies": _dependencies(version),
        "security.scan": "Inspection passed: recognised format, reviewed operators only, one file.",
        "examples": f"An example request with {len(version.example.get('inputs', []))} inputs; see the API tab.",
        "changelog": version.changelog,
        "ops.sla": _sla_words(version.sla),
    }
    return {key: value for key, value in facts.items() if value}


def _gate(version, gate, problem, summary):
    record_gate(version, gate, "fail" if problem else "pass", problem or summary, tool=TOOL)


def _stored_bytes_problem(version):
    for file in version.manifest["files"]:
        if _stored_digest(file["sha256"]) != file["sha256"]:
            return f"The stored bytes of {file['name']} do not match their digest."
    return "" if version.manifest["files"] else "The package holds no file."


def _stored_digest(sha256):
    found = hashlib.sha256()
    try:
        with read(stored_as(sha256)) as stream:
            while chunk := stream.read(CHUNK):
                found.update(chunk)
    except FileNotFoundError:
        return ""
    return found.hexdigest()


def _signature_problem(version):
    try:
        signatures.validate_signature(version.signature, version.manifest.get("graph"))
        signatures.validate_example(version.signature, version.example)
    except Invalid as problem:
        return problem.sentence
    return ""


def _safety_summary(version, external):
    if external:
        return "Nothing is uploaded; calls leave through the gateway only."
    changes = version.manifest.get("changes", [])
    changed = f" Changed on the way in: {' '.join(changes)}" if changes else ""
    scan = version.manifest.get("scan")
    second = f" {scan['tool']} looked at {scan['files']} file(s) and found nothing." if scan else ""
    return f"Recognised by content; no pickle, reviewed operators only, one file; it ran in a limited process, if at all.{second}{changed}"


def _validity_summary(version):
    opset = ", ".join(
        f"{name or 'ai.onnx'} {number}" for name, number in version.manifest["opset"].items()
    )
    return f"The ONNX graph passed the full check (opset {opset})."


def _signature_words(signature):
    inputs = ", ".join(f"{i['name']} {i['datatype']}" for i in signature.get("inputs", []))
    outputs = ", ".join(f"{o['name']} {o['datatype']}" for o in signature.get("outputs", []))
    return f"in: {inputs}; out: {outputs}" if inputs else ""


def _dependencies(version):
    if version.kind == ModelVersion.Kind.EXTERNAL:
        return "Hosted outside the marketplace: its owner team keeps the dependencies patched."
    return "Runtime environment onnx: ONNX Runtime, NumPy (locked)."


def _sla_words(sla):
    if not sla:
        return ""
    return (
        f"{sla.get('availability', '?')} % availability, p95 {sla.get('p95_ms', '?')} ms, "
        f"{sla.get('rps', '?')} requests/s, support {sla.get('support', 'office hours')}"
    )
