"""The portal's request: a Content-Type that nobody can read is an answer, not an exception before the first middleware."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

UNREADABLE = "unreadable"  # a charset that `middleware.readable` refuses


class PortalRequest(WSGIRequest):
    """Text is UTF-8. Django lets the request choose any of Python's codecs, and some of them decode no text."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(
                meta.get("CONTENT_TYPE", "")
            )
        except (ValueError, LookupError):
            self.content_type, self.content_params = "", {"charset": UNREADABLE}

    def parse_file_upload(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse_file_upload(*args, **kwargs)
        except (LookupError, UnicodeError) as error:
            raise MultiPartParserError(f"A part of the form cannot be read: {error}") from None


class PortalHandler(WSGIHandler):
    request_class = PortalRequest
