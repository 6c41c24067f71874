"""Where packages are kept: Django's storage "artifacts", write-once, named by content."""

from django.core.files import File
from django.core.files.storage import storages

from catalog.models import stored_as


def store(file):
    """Keep a packages.PackageFile under its digest; the same bytes are kept once. Returns the storage name."""
    name = stored_as(file.sha256)
    if not storages["artifacts"].exists(name):
        with open(file.path, "rb") as stream:
            storages["artifacts"].save(name, File(stream))
    return name


def read(name):
    """An open binary stream of stored bytes. Raises FileNotFoundError."""
    return storages["artifacts"].open(name, "rb")
