"""Inspection of what publishers upload, in a limited child process: its code is read, and only its graph is opened, by ONNX Runtime.

    with inspect("/tmp/upload-1", "income.onnx") as found:
        found.files, found.signature, found.example

`inspect` raises Refused with a sentence and a remedy; then nothing is left on disk.
"""

__all__ = ["Inspection", "PackageFile", "Refused", "inspect"]


def __getattr__(name):
    """Loads the parent's side on first use: the child, which starts in this package, must not load the marketplace."""
    if name in __all__:
        from . import inspection

        return getattr(inspection, name)
    raise AttributeError(name)
