"""The evidence about one version as one archive that verifies offline (docs/evidence-packs.md).

Digests of artifacts, not the artifacts; of benchmark data its name and digest, never a row; no keys and no tokens.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog.models import ModelVersion
from governance import ml_bom
from governance.evaluations import artifact_digest
from governance.models import AutomaticApproval, Decision, Evaluation
from governance.permissions import can_see_evidence
from marketplace.accounts.models import User
from marketplace.audit import verify_offline
from marketplace.audit.actions import anchor, record
from marketplace.audit.models import AuditEvent
from marketplace.audit.verify_offline import (
    CHECKPOINT,
    MANIFEST,
    RECORD,
    SIGNATURE,
    canonical,
    contents_digest,
    digest,
)
from marketplace.core import signing
from marketplace.core.errors import RuleError
from marketplace.core.guard import require

SCHEMA = "evidence-pack/1"
MOST_ROWS = (
    2_000  # of one kind, the newest: the pack stays below some megabytes, and says what it left out
)
VERIFIER = Path(verify_offline.__file__)
VERSION = (
    "number",
    "kind",
    "state",
    "risk_tier",
    "changelog",
    "external_url",
    "manifest",
    "manifest_sha256",
    "manifest_signature",
    "submitted_by__username",
    "submitted_at",
    "approved_at",
    "approved_until",
    "published_at",
    "suspended_at",
)
# member → columns of its rows; "__" follows a relation, and is written "_" in the pack.
COLUMNS = {
    "contributions.json": ("user__username", "kind", "at"),
    "artifacts.json": ("name", "size", "sha256", "media_type", "uploaded_by__username"),
    "risk.json": (
        "answers",
        "tier",
        "score",
        "reasons",
        "policy__semver",
        "policy__sha256",
        "answered_by__username",
        "at",
    ),
    "evaluations.json": (
        "kind",
        "suite",
        "metric",
        "slice",
        "value",
        "low",
        "high",
        "n",
        "threshold",
        "baseline",
        "data",
        "data_sha256",
        "artifact_sha256",
        "environment",
        "by__username",
        "at",
    ),
    "runs.json": (
        "id",
        "dataset__name",
        "dataset__sha256",
        "dataset__rows",
        "state",
        "manifest_sha256",
        "seed",
        "summary",
        "record",
        "metrics_sha256",
        "requested_by__username",
        "requested_at",
        "started_at",
        "finished_at",
    ),
    "gates.json": (
        "id",
        "gate",
        "verdict",
        "severity",
        "summary",
        "remedy",
        "metrics",
        "tool",
        "manifest_sha256",
        "duration_ms",
        "at",
    ),
    "reviews.json": (
        "id",
        "kind",
        "round",
        "state",
        "opened_at",
        "assignee__username",
        "due_at",
        "decided_at",
        "kept_from_id",
    ),
    "decisions.json": (
        "review_id",
        "review__kind",
        "review__round",
        "by__username",
        "outcome",
        "reason",
        "no_conflict",
        "manifest_sha256",
        "card_sha256",
        "evidence",
        "checklist",
        "policy__semver",
        "policy__sha256",
        "at",
    ),
    "automatic_approvals.json": (
        "previous__number",
        "policy__semver",
        "policy__sha256",
        "evidence",
        "manifest_sha256",
        "card_sha256",
        "at",
    ),
    "conditions.json": (
        "decision__review_id",
        "text",
        "owner__username",
        "due_on",
        "state",
        "evidence",
        "fulfilled_by__username",
        "fulfilled_at",
        "returned",
        "confirmed_by__username",
        "confirmed_at",
    ),
    "waivers.json": (
        "gate",
        "manifest_sha256",
        "reason",
        "instead",
        "alternatives",
        "ends_on",
        "state",
        "proposed_by__username",
        "proposed_at",
        "decided_by__username",
        "decided_at",
        "decision_reason",
    ),
}


@dataclass(frozen=True)
class EvidencePack:
    """A finished archive."""

    name: str  # of the file
    content: bytes  # a ZIP


def export(by: User, version: ModelVersion) -> EvidencePack:
    """Gather the evidence about a version, record that it was exported, sign it. Raises NotAllowed, RuleError.

    The record's event names the digest of the contents, and the checkpoint in the pack covers the event: contents that
    were made up later do not fit the record.
    """
    require(
        can_see_evidence(by, version),
        f"Members of {version.model.owner_team}, reviewers and those who oversee export the evidence.",
        ask=str(version.model.owner_team),
    )
    if not version.manifest_sha256 or version.manifest_sha256 != digest(version.manifest):
        raise RuleError(
            "There is evidence about what was submitted, and this version is being worked on.",
            remedy="Export it once it is submitted.",
        )
    with transaction.atomic():
        members, left_out = _gathered(version)
        event = record(by, "evidence.export", version, contents=contents_digest(members))
    point = anchor(event)
    recorded = _about(version).filter(seq__lte=event.seq)
    newest = recorded.order_by("-seq")[:MOST_ROWS]
    members[RECORD] = b"\n".join(canonical(row.as_line()) for row in reversed(newest))
    members[CHECKPOINT] = _json(
        {"size": point.size, "head": point.head, "signature": point.signature, "at": point.at}
    )
    left_out |= _left_out({RECORD: recorded})
    manifest = {
        "schema": SCHEMA,
        "model": version.model.slug,
        "version": version.number,
        "made_at": timezone.now(),
        "made_by": by.username,
        "public_key": signing.public_key(),
        "left_out": left_out,
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in members.items()
        },
    }
    members[MANIFEST] = _json(manifest)
    members[SIGNATURE] = signing.sign(members[MANIFEST]).encode()
    return EvidencePack(f"evidence-{version.model.slug}-{version.number}.zip", _zipped(members))


def _gathered(version: ModelVersion) -> tuple[dict[str, bytes], dict[str, int]]:
    """{member: bytes} of what is known about a version, and {member: number of older rows that were left out}."""
    tables: dict[str, QuerySet[Any]] = {
        "contributions.json": version.contributions.all(),
        "artifacts.json": version.artifacts.all(),
        "risk.json": version.assessments.all(),
        "evaluations.json": version.evaluations.all(),
        "runs.json": version.evaluation_runs.all(),
        "gates.json": version.gate_results.all(),
        "reviews.json": version.reviews.all(),
        "decisions.json": Decision.objects.filter(review__version=version),
        "automatic_approvals.json": AutomaticApproval.objects.filter(version=version),
        "conditions.json": version.conditions.all(),
        "waivers.json": version.waivers.all(),
    }
    documents = {
        "version.json": {"model": version.model.slug, "name": version.model.name}
        | _rows(ModelVersion.objects.filter(pk=version.pk), VERSION)[0],
        "signature.json": version.signature,
        "card.json": {
            "schema_version": version.card.schema_version,
            "sha256": version.card.sha256,
            "data": version.card.data,
        },
        "bom.cdx.json": ml_bom.bill_of_materials(version, present_evaluations(version)),
    } | {name: _rows(rows, COLUMNS[name]) for name, rows in tables.items()}
    members = {name: _json(document) for name, document in documents.items()}
    return members | {"verify.py": VERIFIER.read_bytes()}, _left_out(tables)


def present_evaluations(version: ModelVersion) -> QuerySet[Evaluation]:
    """The newest figures about the version's present files, at most MOST_ROWS."""
    present = version.evaluations.filter(artifact_sha256=artifact_digest(version))
    return present.order_by("-pk")[:MOST_ROWS]


def _rows(rows: QuerySet[Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The newest MOST_ROWS as plain values, oldest first."""
    newest = list(rows.order_by("-pk").values(*columns)[:MOST_ROWS])
    return [{name.replace("__", "_"): row[name] for name in columns} for row in reversed(newest)]


def _about(version: ModelVersion) -> QuerySet[AuditEvent]:
    """The events about a version, its reviews, conditions, waivers and threads."""
    about = Q(object_type=version._meta.label_lower, object_id=str(version.pk))
    for rows in (version.reviews, version.conditions, version.waivers, version.threads):
        ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
        about |= Q(object_type=rows.model._meta.label_lower, object_id__in=ids)
    return AuditEvent.objects.filter(about)


def _left_out(tables: dict[str, QuerySet[Any]]) -> dict[str, int]:
    """{member: how many older rows it does not have}."""
    counts = {name: rows.count() for name, rows in tables.items()}
    return {name: count - MOST_ROWS for name, count in counts.items() if count > MOST_ROWS}


def _json(document: Any) -> bytes:
    text = json.dumps(document, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
    return text.encode()


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
