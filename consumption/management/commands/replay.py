"""manage.py replay: after a database was restored, before anything is started."""

from django.core.management.base import BaseCommand, CommandError

from consumption.metering.replay import StillServing, replay


class Command(BaseCommand):
    help = "Bring back from the journals what a restored database forgot: usage, and that keys were revoked. Nothing else may run."

    def handle(self, *args, **options):
        try:
            found = replay()
        except StillServing as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            f"Usage events that came back: {found['events']}. Keys revoked again: {len(found['keys'])}."
        )
