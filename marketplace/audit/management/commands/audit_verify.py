"""manage.py audit_verify: exit 0 when the record is intact, 1 with the faults when it is not."""

from django.core.management.base import BaseCommand, CommandError

from marketplace.audit.models import AuditEvent
from marketplace.audit.verify import find_faults


class Command(BaseCommand):
    help = "Verify the audit chain and its witnessed checkpoints."

    def add_arguments(self, parser):
        parser.add_argument("--witness", help="another copy of the witness file to verify against")

    def handle(self, *args, witness=None, **options):
        faults = find_faults(witness)
        if faults:
            raise CommandError(
                "The record is not intact:\n" + "\n".join(f"- {fault}" for fault in faults)
            )
        count = AuditEvent.objects.exclude(seq=None).count()
        waiting = AuditEvent.objects.filter(seq=None).count()
        self.stdout.write(f"Intact: {count} events chained, {waiting} waiting for the sequencer.")
