"""A second reader: picklescan looks at what the inspection accepted (docs/packaging.md, "Second reader").

It knows dangerous names, and ours knows permitted formats, so that it finds nothing unless ours is wrong. Runs in the child
process only. Nothing is unpickled.
"""

import io
import logging
from collections.abc import Sequence
from importlib.metadata import version

from picklescan import scanner

from . import limits
from .refusals import Refusal, printable

TOOL = "picklescan"


def scan(files: Sequence[dict[str, str]]) -> dict[str, str | int]:
    """{"tool", "files"} of the files of an inspection, [{"name", "path"}]. Raises Refusal naming what it found."""
    logging.getLogger(TOOL).disabled = True  # its warnings repeat its result
    for file in files:
        with open(file["path"], "rb") as stream:
            head = io.BytesIO(stream.read(limits.SCANNED_BYTES))
        found = scanner.scan_bytes(head, file["name"])
        named = [
            f"{one.module}.{one.name}"
            for one in found.globals
            if one.safety == scanner.SafetyLevel.Dangerous
        ]
        if found.issues_count:
            raise Refusal(
                f"{printable(file['name'])} would call {printable(', '.join(named[:3]))} if it were unpickled, says {TOOL}.",
                "scanner",
                "Leave the file out. If it is what it says, tell the marketplace: its own reading found nothing.",
            )
    return {"tool": f"{TOOL} {version(TOOL)}", "files": len(files)}
