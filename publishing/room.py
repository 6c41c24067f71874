"""Is there room for an upload? Asked before its body is read, before the verb, and told where the disk fills up after all."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import render

from marketplace.lib import disk, problems
from marketplace.lib.errors import NoRoom

SMALL = 64 * 1024  # a form's own fields; only what brings a file is asked


def require_room(size=0):
    """Raise NoRoom unless `size` bytes fit beside the reserve where packages are inspected and kept."""
    for folder in (settings.ARTIFACT_ROOT, settings.QUARANTINE_ROOT):
        if disk.room(folder).after(size).stops_uploads:
            raise no_room()
    if disk.room(_incoming()).free < size:
        raise no_room()


@contextmanager
def told():
    """A disk that fills up inside is a NoRoom, not a fault."""
    try:
        yield
    except OSError as error:
        if disk.is_full(error):
            raise no_room() from error
        raise


def no_room():
    return NoRoom(
        "The marketplace's disk is nearly full, so the upload was not kept. Your draft is as it was.",
        remedy="Upload it again later.",
        ask="the operators; their page shows how much room is left",
    )


def before_reading(get_response):
    """Middleware: a body that will not fit is refused before it is written anywhere."""

    def middleware(request):
        try:
            if request.content_type == "multipart/form-data":
                _take_body(request)
        except NoRoom as error:
            return _refusal(request, error)
        return get_response(request)

    return middleware


def _take_body(request):
    """The API reads its body itself, later."""
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if size > SMALL:
        require_room(size)
    if not _is_api(request):
        with told():
            request.POST  # noqa: B018 - reading it writes its files


def _refusal(request, error):
    if _is_api(request):
        body = problems.problem(error.status, error.slug, error.title, error.message, remedy=error.remedy, ask=error.ask)
        return JsonResponse(body, status=error.status, content_type=problems.MEDIA_TYPE)
    return render(request, "refused.html", {"error": error}, status=error.status)


def _is_api(request):
    return request.path.startswith("/api/")


def _incoming():
    return Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())
