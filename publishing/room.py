"""Is there room for an upload on the disk? Asked before it is received, before the verb, and told where the disk fills up after all."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from marketplace.core import disk_space
from marketplace.core.errors import InsufficientStorage


def require_room(size=0):
    """Raise InsufficientStorage unless `size` bytes fit beside the reserve where packages are inspected and kept."""
    for folder in (settings.ARTIFACT_ROOT, settings.QUARANTINE_ROOT):
        if disk_space.measure(folder).after(size).stops_uploads:
            raise insufficient_storage()
    if disk_space.measure(_incoming()).free < size:
        raise insufficient_storage()


@contextmanager
def told():
    """A disk that fills up inside is a InsufficientStorage, not a fault."""
    try:
        yield
    except OSError as error:
        if disk_space.is_full(error):
            raise insufficient_storage() from error
        raise


def insufficient_storage():
    return InsufficientStorage(
        "The marketplace's disk is nearly full, so the upload was not kept. Your draft is as it was.",
        remedy="Upload it again later.",
        ask="the operators; their page shows how much room is left",
    )


def quarantine():
    """The folder where uploads are received and inspected."""
    folder = Path(settings.QUARANTINE_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _incoming():
    return Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())
