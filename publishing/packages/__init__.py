"""Static inspection of what publishers upload: looked at, never loaded, in a limited child process.

    with inspect("/tmp/upload-1", "income.onnx") as found:
        found.files, found.signature, found.example

`inspect` raises Refused with a sentence and a remedy; then nothing is left on disk.
"""

from .inspection import Inspection, PackageFile, inspect
from .refusals import Refused

__all__ = ["Inspection", "PackageFile", "Refused", "inspect"]
