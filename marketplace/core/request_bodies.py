"""What a request may bring, told between the server that receives it (`marketplace.web.receiving`) and the middleware that judges it.

The server asks about a large body before it receives it: it sends the request on without its body, with an `Admission` under
ADMISSION, and the middleware fills it. A body that the server could not receive comes as the refusal under REFUSAL. See
docs/portal-limits.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

ADMISSION, REFUSAL = "portal.admission", "portal.refusal"  # keys of a WSGI environment
View = TypeVar("View", bound=Callable[..., Any])


@dataclass
class Admission:
    """May this body come? `declared` bytes, -1 when it comes in chunks; the rest is the answer."""

    declared: int
    is_granted: bool = False
    limit: int = 0  # bytes
    person: int | None = None  # pk of who sends it
    upload: int | None = None  # pk of the upload that it is
    folder: str = ""  # where an upload is received

    @property
    def is_upload(self) -> bool:
        return self.upload is not None


class NoFiles(FileUploadHandler):
    """Leaves out the files of a form that takes none: nothing is written."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None


def takes_from_anybody(limit: int) -> Callable[[View], View]:
    """Decorates a view that takes bodies of up to `limit` bytes from people who are not signed in."""

    def mark(view: View) -> View:
        view.takes_from_anybody = limit  # type: ignore[attr-defined]
        return view

    return mark
