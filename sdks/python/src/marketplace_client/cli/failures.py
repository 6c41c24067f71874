"""What a command ends with when it does not succeed, and its exit code."""

from __future__ import annotations

from marketplace_client import errors

REFUSED, USAGE, NOT_ALLOWED, NOT_FOUND, NOT_PASSED, NOT_NOW, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130

BY_KIND = {
    "unauthenticated": NOT_ALLOWED,
    "forbidden": NOT_ALLOWED,
    "not_found": NOT_FOUND,
    "limit_reached": NOT_NOW,
    "unavailable": NOT_NOW,
    "connection_failed": NOT_NOW,
    "connection_lost": NOT_NOW,
    "deadline_exceeded": NOT_NOW,
}


class Failure(Exception):
    """Ends the command with a message and an exit code."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: errors.MarketplaceError) -> int:
    """The exit code for an error of the portal or the gateway."""
    is_broken = isinstance(error, errors.ProblemError) and error.status >= 500
    return BY_KIND.get(error.kind, NOT_NOW if is_broken else REFUSED)


def message_of(error: errors.MarketplaceError) -> str:
    """What is wrong and what to do, as lines for a terminal."""
    if not isinstance(error, errors.ProblemError):
        return str(error)
    lines = [f"{error.title}: {error.detail}" if error.title != error.detail else error.detail]
    if error.remedy and error.remedy not in error.detail:
        lines.append(error.remedy)
    if ask := error.document.get("ask"):
        lines.append(f"Ask: {ask}")
    for fault in error.errors[:20]:
        where = fault.get("field") or "-"
        page = f"  {fault['page']}" if fault.get("page") else ""
        lines.append(f"  {where}: {fault.get('message') or fault.get('detail') or ''}{page}")
    if error.request_id:
        lines.append(f"Request {error.request_id}")
    return "\n".join(lines)
