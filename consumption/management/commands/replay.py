"""manage.py replay: after a database was restored, before anything is started."""

from django.core.management.base import BaseCommand

from consumption.replay import replay


class Command(BaseCommand):
    help = "Bring back from the journals what a restored database forgot: usage, and that keys were revoked. Nothing else may run."

    def handle(self, *args, **options):
        found = replay()
        self.stdout.write(f"Usage events that came back: {found['events']}. Keys revoked again: {len(found['keys'])}.")
