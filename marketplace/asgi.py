"""The web process: python -m marketplace.asgi, on a Unix socket that only the front reaches. The gateway has its own entry."""

import logging
import os
from importlib import import_module

import django
import uvicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - what follows needs Django's settings and apps
from django.db import DatabaseError, InterfaceError  # noqa: E402

from marketplace.core.garbage import keep_what_is_loaded  # noqa: E402
from marketplace.core.requests import PortalHandler  # noqa: E402
from marketplace.web import front_limits  # noqa: E402
from marketplace.web.front import private_folder, socket_path  # noqa: E402
from marketplace.web.receiving import Portal  # noqa: E402
from publishing import uploads  # noqa: E402

KEEP_ALIVE_S = 60  # an idle connection of the front's, which closes first
SHUTDOWN_S = 5
log = logging.getLogger(__name__)


def _forget_unfinished_uploads() -> None:
    try:
        uploads.forget_those_of_this_server()
    except (DatabaseError, InterfaceError):
        log.warning(
            "Postgres is away: unfinished uploads of an earlier start count until they expire."
        )


application = Portal(PortalHandler(), front_limits.from_environment(), _forget_unfinished_uploads)


def main() -> None:
    """Serve until SIGTERM; then finish what was begun."""
    import_module(settings.ROOT_URLCONF)
    keep_what_is_loaded()
    path = socket_path(settings.RUN_DIR)
    private_folder(path.parent)
    uvicorn.run(
        application,
        uds=str(path),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


if __name__ == "__main__":
    main()
