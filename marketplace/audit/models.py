"""RECORD: append-only, hash-chained events. Acts append plain rows; one sequencer chains them."""

import hashlib
import hmac
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models.fields.json import KeyTransform
from django.utils import timezone

from marketplace.core.canonical import canonical

SEES_THE_RECORD = ("auditor", "curator", "admin")


class AuditEventSet(models.QuerySet):
    def visible_to(self, user):
        """One's own acts; the whole record for those who oversee."""
        return self if user.has_role(*SEES_THE_RECORD) else self.filter(actor=user)

    def by_tokens(self, kids):
        """What was done with one of these tokens, the newest first. The caller may see the tokens."""
        return (
            self.filter(detail__has_key="token", detail__token__in=list(kids))
            .select_related("actor")
            .order_by("-id")
        )


class AuditEvent(models.Model):
    """One act, written in the act's own transaction. `seq`, `prev_hash`, `hash` are set once, by the sequencer.

    The database refuses UPDATE (except that one), DELETE and TRUNCATE by trigger, and the application's role has no right
    to them (grants.py). `mac` shows that a process with the audit key wrote the row: whoever inserts one by hand has no key.
    """

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="audit_events")
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_label = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    nonce = models.UUIDField(default=uuid4, unique=True, editable=False)
    mac = models.CharField(
        max_length=64, blank=True, help_text="The writer's keyed digest; blank before release 0.2"
    )
    seq = models.BigIntegerField(null=True, unique=True)
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    objects = AuditEventSet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id"]),
            models.Index(fields=["id"], condition=models.Q(seq=None), name="audit_unsequenced"),
            models.Index(
                KeyTransform("token", "detail"),
                models.F("id").desc(),
                condition=models.Q(detail__has_key="token"),
                name="audit_by_token",
            ),
        ]

    def __str__(self):
        return f"{self.action} {self.object_label}"

    def content(self):
        """What the hash covers: every column but the three of the chain. Plain JSON values."""
        writer = {"nonce": str(self.nonce), "mac": self.mac} if self.mac else {}
        return {"id": self.pk, **self.act(), **writer}

    def as_line(self):
        """The event with its links, as packs and extracts hold it. Plain JSON values."""
        return {
            "seq": self.seq,
            "prev_hash": self.prev_hash,
            "hash": self.hash,
            "content": self.content(),
        }

    def act(self):
        """Who did what to what, when and why. Plain JSON values."""
        return {
            "at": self.at.isoformat(),
            "actor": self.actor_id,
            "action": self.action,
            "object_type": self.object_type,
            "object_id": self.object_id,
            "object_label": self.object_label,
            "reason": self.reason,
            "detail": self.detail,
            "request_id": self.request_id,
        }

    def seal(self):
        """Set the writer's digest: HMAC-SHA256 (hex) under the current audit key, over the act and the row's own nonce."""
        self.mac = self._mac(settings.AUDIT_KEYS[0])

    def is_sealed(self):
        """True when a process that has, or had, an audit key wrote this row as it is."""
        return any(hmac.compare_digest(self.mac, self._mac(key)) for key in settings.AUDIT_KEYS)

    def _mac(self, key):
        return hmac.new(
            key.encode(), canonical([str(self.nonce), self.act()]), hashlib.sha256
        ).hexdigest()


class Checkpoint(models.Model):
    """The chain's head at a moment, signed (Ed25519, key outside the database) and written to a file as well."""

    size = models.BigIntegerField(unique=True)
    head = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-size"]


class Verification(models.Model):
    """One check of the whole record that somebody asked for; finished when the worker has looked at every row."""

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0, help_text="Chained events that were looked at")
    faults = models.JSONField(default=list, help_text="Sentences; empty: the record is intact")

    class Meta:
        ordering = ["-id"]
        get_latest_by = "id"

    def __str__(self):
        return f"Verification {self.pk}"


class Watch(models.Model):
    """How far the clock's own walk round the record has come (watch.py). There is one row.

    `seq`, `head`, `is_sealed` and `witness_offset` (bytes of the witness file) are where the next step begins; `found` is of this
    round, `faults` what people are told.
    """

    seq = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64, default="0" * 64)
    is_sealed = models.BooleanField(default=False)
    witness_offset = models.BigIntegerField(default=0)
    found = models.JSONField(default=list)
    faults = models.JSONField(default=list, help_text="Sentences; empty: nothing is wrong")
    broken_since = models.DateTimeField(null=True)
    stepped_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True, help_text="When the last whole round ended")
    size = models.BigIntegerField(default=0, help_text="Events that the last whole round saw")

    def __str__(self):
        return f"Watch at seq {self.seq}"
