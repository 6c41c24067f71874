"""Where packages are kept: Django's storage "artifacts", write-once, named by content."""

from django.core.files import File
from django.core.files.storage import storages

from catalog.models import stored_as


def store(file):
    """Keep a packages.PackageFile under its digest; the same bytes are kept once. Returns the storage name.

    What a full disk or a kill cut short is not taken for the file: it is written anew.
    """
    name, kept = stored_as(file.sha256), storages["artifacts"]
    if kept.exists(name) and kept.size(name) != file.size:
        kept.delete(name)
    if not kept.exists(name):
        try:
            with open(file.path, "rb") as stream:
                kept.save(name, File(stream))
        except OSError:
            kept.delete(name)
            raise
    return name


def read(name):
    """An open binary stream of stored bytes. Raises FileNotFoundError."""
    return storages["artifacts"].open(name, "rb")
