"""RECORD: append-only, hash-chained events. Acts append plain rows; one sequencer chains them."""

from django.conf import settings
from django.db import models

SEES_THE_RECORD = ("auditor", "curator", "admin")


class AuditEventSet(models.QuerySet):
    def visible_to(self, user):
        """One's own acts; the whole record for those who oversee."""
        return self if user.has_role(*SEES_THE_RECORD) else self.filter(actor=user)


class AuditEvent(models.Model):
    """One act, written in the act's own transaction. `seq`, `prev_hash`, `hash` are set once, by the sequencer.

    The database refuses UPDATE (except that one), DELETE and TRUNCATE by trigger.
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
    seq = models.BigIntegerField(null=True, unique=True)
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    objects = AuditEventSet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id"]),
            models.Index(fields=["id"], condition=models.Q(seq=None), name="audit_unsequenced"),
        ]

    def __str__(self):
        return f"{self.action} {self.object_label}"

    def content(self):
        """What the hash covers: every column but the three of the chain. Plain JSON values."""
        return {
            "id": self.pk,
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


class Checkpoint(models.Model):
    """The chain's head at a moment, signed (Ed25519, key outside the database) and written to a file as well."""

    size = models.BigIntegerField(unique=True)
    head = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-size"]
