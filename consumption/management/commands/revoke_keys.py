"""manage.py revoke_keys: end keys now, also while Postgres or Redis is down.

    manage.py revoke_keys AbCd1234 mkc_… --reason "Laptop stolen"
    manage.py revoke_keys --reason "Found in a public repository" < leaked.txt      any text; keys are found in it

Exit 0 when every gateway knows or will know; 1 when nothing could be reached, or when no key was found.
"""

import re
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from redis import RedisError

from consumption.keys import emergency_revocations
from consumption.keys.actions import revoke_leaked, revoke_named
from marketplace.accounts.models import User
from marketplace.core import keys, postgres

KID = re.compile(r"(?:mk[csp]_)?([0-9A-Za-z]{8})…?")
POSTGRES_S = 5.0


class Command(BaseCommand):
    help = "End keys now, everywhere within a second; works while Postgres or Redis is down."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser):
        parser.add_argument(
            "keys",
            nargs="*",
            help="names of keys (AbCd1234) or whole keys; none: read text from standard input",
        )
        parser.add_argument(
            "--reason", required=True, help="why, for the record and for the key's team"
        )

    def handle(self, *args, reason, **options):
        kids, leaked = _given(options["keys"]) if options["keys"] else ([], sys.stdin.buffer.read())
        texts = keys.find_texts(leaked)
        if not kids and not texts:
            raise CommandError(
                "There is no key in this. A key is 50 characters and begins with mkc_, mks_ or mkp_."
            )
        try:
            ended = _revoke(kids, leaked, reason)
        except (DatabaseError, InterfaceError):
            self._deny(
                [emergency_revocations.for_kid(kid, reason) for kid in kids]
                + [emergency_revocations.for_text(text, reason) for text in texts]
            )
            return
        for key in ended:
            self.stdout.write(f"{key} no longer works.")
        rest = len({*kids, *keys.find(leaked)}) - len(ended)
        if rest:
            self.stdout.write(
                f"{rest} of those named are not live keys: unknown, mistyped or ended before. Nothing to do for them."
            )

    def _deny(self, revocations):
        self.stdout.write(
            f"Postgres does not answer, so {len(revocations)} keys are ended without it:"
        )
        reached = [
            self._sent(
                "Redis: every gateway that reaches it refuses them within a second.",
                emergency_revocations.publish,
                revocations,
            )
        ]
        path = settings.EMERGENCY_REVOCATIONS_FILE
        reached.append(
            self._sent(
                f"{path}: the gateway on this machine refuses them within a second.",
                emergency_revocations.append_to_file,
                revocations,
            )
        )
        if not any(reached):
            raise CommandError(
                "Nothing was reached: the keys still work. Run this on each gateway's machine, with its RUN_DIR."
            )
        if not reached[0]:
            self.stdout.write(
                "Run this on the machine of every other gateway too; there a key lives on for two minutes at most."
            )
        self.stdout.write(
            "When Postgres answers again, the gateways enter this there by themselves. Run the same command once more then: "
            "it says which keys have ended."
        )

    def _sent(self, message, send, revocations):
        try:
            send(revocations)
        except (RedisError, OSError) as error:
            self.stdout.write(f"- NOT {message.partition(':')[0]}: {error}")
            return False
        self.stdout.write(f"- {message}")
        return True


def _given(words):
    """(kids, bytes with whole keys) of the arguments. Raises CommandError."""
    texts = [word for word in words if keys.parse(word.encode())]
    named = [KID.fullmatch(word) for word in words if word not in texts]
    if not all(named):
        raise CommandError(
            "A key is named by its eight characters (AbCd1234) or given whole. At least one of these is neither."
        )
    return [match[1] for match in named], " ".join(texts).encode()


def _revoke(kids, leaked, reason):
    """The keys that ended. Raises DatabaseError, InterfaceError when Postgres does not answer."""
    with postgres.deadline(POSTGRES_S, POSTGRES_S):
        by = User.objects.system("emergency")
        return [*revoke_named(by, kids, reason), *revoke_leaked(by, leaked, reason)]
