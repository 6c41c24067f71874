"""Posts one message to an address that a team named: through the egress policy, with a deadline for all of it."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from marketplace.core import egress

ANSWER_S = 5.0  # to connect, and for each piece of the answer
TOTAL_S = 15.0  # whatever the receiver does
ANSWER_BYTES = 1024


@dataclass(frozen=True)
class Answer:
    """What came back: a status with at most 1 KiB of text, or the problem."""

    status: int | None
    text: str
    problem: str
    took_ms: int

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Post `body` once. Redirects are not followed, and nothing is raised for what the receiver does."""
    began = time.monotonic()

    def answer(status: int | None = None, text: str = "", problem: str = "") -> Answer:
        return Answer(
            status, text, problem.replace("\0", "")[:300], int(1000 * (time.monotonic() - began))
        )

    try:
        connection = egress.connect(url, ANSWER_S)
    except egress.EgressDenied as refusal:
        return answer(problem=str(refusal))
    except OSError as error:
        return answer(problem=f"{type(error).__name__}: {error}")

    def end() -> None:
        with contextlib.suppress(OSError, AttributeError):  # not connected yet, or over already
            connection.sock.shutdown(socket.SHUT_RDWR)

    deadline = threading.Timer(TOTAL_S, end)
    deadline.daemon = True
    deadline.start()
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES).decode(errors="replace").replace("\0", "")
    except Exception as error:  # http.client raises what it likes at nonsense
        return answer(problem=f"{type(error).__name__}: {error}")
    finally:
        deadline.cancel()
        connection.close()
    problem = "" if 200 <= response.status < 300 else f"It answered {response.status}."
    return answer(response.status, text, problem)
