"""The command line against the portal, in one process: its HTTP goes into Django's test client."""

import io
import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.test import Client

from marketplace_client.cli.context import World
from marketplace_client.cli.main import main
from marketplace_client.cli.portal import Response
from tests import factories

PORTAL = "http://testserver"


@dataclass
class Ran:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


class Terminal:
    """`run("search", "income")` as somebody with a token of these scopes. `sleeps` are written down, not waited for."""

    def __init__(self, by=None, *, scopes=("read",), config="/nonexistent", **environment):
        self.sleeps = []
        self.while_waiting = lambda: None
        self.environment = {"XDG_CONFIG_HOME": str(config), **environment}
        if by is not None:
            _, text = factories.token(by, scopes=scopes)
            self.environment |= {"MARKETPLACE_URL": PORTAL, "MARKETPLACE_TOKEN": text}

    def run(self, *words, stdin=""):
        out, err = io.StringIO(), io.StringIO()
        world = World(self.environment, through_django, self._sleep, io.StringIO(stdin), out, err)
        try:
            code = main(
                [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in words],
                world,
            )
        except SystemExit as end:
            code = end.code
        return Ran(code, out.getvalue(), err.getvalue())

    def _sleep(self, seconds):
        self.sleeps.append(seconds)
        self.while_waiting()


def through_django(method, url, headers, body):
    parts = urlsplit(url)
    content = body if isinstance(body, bytes) else body.read() if body else b""
    answer = Client(raise_request_exception=False, headers=headers).generic(
        method,
        parts.path + (f"?{parts.query}" if parts.query else ""),
        content,
        content_type=headers.get("Content-Type", "application/octet-stream"),
    )
    read = b"".join(answer) if answer.streaming else answer.content
    return Response(
        answer.status_code, {name.lower(): value for name, value in answer.items()}, read
    )
