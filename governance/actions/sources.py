"""Verb of the sources of rules: confirm one (docs/governance.md, "Controls")."""

from datetime import date

from django.db import transaction

from governance.controls import SOURCES_BY_ID
from governance.models import SourceVerification
from governance.permissions import can_verify_sources
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid
from marketplace.core.guard import require


@transaction.atomic
def verify_source(
    by: User, source: str, note: str, applies_from: date | None = None
) -> SourceVerification:
    """Say that a source was read today and that the rules name it rightly. Returns the row. Raises NotAllowed, Invalid."""
    require(
        can_verify_sources(by),
        "Governance and legal reviewers verify sources.",
        ask="a governance or legal reviewer",
    )
    if source not in SOURCES_BY_ID:
        raise Invalid("There is no such source.", field="source")
    try:
        require_reason(note, "auditors read what you looked at")
    except Invalid as problem:
        raise Invalid(problem.message, field="note") from None
    row = SourceVerification.objects.create(
        source=source, note=note.strip(), applies_from=applies_from, by=by
    )
    record(by, "source.verify", row, reason=row.note, source=source)
    return row
