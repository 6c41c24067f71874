"""The inspection itself, in a process of its own: python -m publishing.packages.inspect_child PATH NAME QUARANTINE.

Prints one line of JSON: {"found": {...}} or {"refused": {...}}. Anything else counts as a refusal for the parent.
"""

import json
import sys
from pathlib import Path

from . import confinement
from .refusals import Refusal


def main(path, name, quarantine):
    path = Path(path)
    confinement.limit_process(path.stat().st_size)
    confinement.leave_network()
    from . import contents, runtime, tripwire  # noqa: F401  # after the limits: onnx and ONNX Runtime take most of the memory

    confinement.forbid_acts()
    try:
        found = contents.look_into(path, name, Path(quarantine))
        reply = {"found": found | {"scan": tripwire.scan(found["files"])}}
    except Refusal as refused:
        reply = {"refused": refused.as_data()}
    except (MemoryError, RecursionError):
        reply = {
            "refused": {
                "message": "The package needs too much memory to inspect.",
                "code": "limits",
                "remedy": "Upload a smaller model.",
            }
        }
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
