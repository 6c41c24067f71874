"""The locales that ONNX Runtime asks for, wherever it runs: StringNormalizer lowers and raises case by a named locale.

It asks for en_US unless the model names another one, and machines without language packs have none but C.UTF-8. That one
knows the case of every Unicode letter; what languages have of their own beyond it is only the case rule of a few.
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

USES = b"StringNormalizer"
ASKED = re.compile(
    rb'\x0a\x06locale"[\x01-\x28]([A-Za-z]{2,3}(?:_[A-Z]{2})?(?:\.[A-Za-z0-9-]+)?)', re.DOTALL
)
DEFAULTS = ("en_US", "en_US.UTF-8")
OWN_CASE_RULES = ("tr", "az", "crh", "lt")  # dotted and dotless i: not to be stood in for
FULL = tuple(
    Path(root, name)
    for root in ("/usr/lib/locale", "/usr/share/locale")
    for name in ("C.utf8", "C.UTF-8")
)


@contextlib.contextmanager
def provided(graph):
    """While a session of the serialised `graph` is made: its locales can be found. They are read once, and kept by libc."""
    full = next((folder for folder in FULL if folder.is_dir()), None)
    if USES not in graph or full is None or "LOCPATH" in os.environ:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="locale-"))
    names = sorted(_names(graph))
    try:
        for name in names:
            os.symlink(full, folder / name)
        os.environ["LOCPATH"] = f"{folder}:{full.parent}"
        yield
    finally:
        os.environ.pop("LOCPATH", None)
        for name in names:
            os.unlink(folder / name)
        os.rmdir(folder)


def _names(graph):
    asked = {found.decode() for found in ASKED.findall(graph)}
    return {
        *DEFAULTS,
        *(name for name in asked if name.split("_")[0].lower() not in OWN_CASE_RULES),
    }
