"""What the server class answers when it says no: problem+json (RFC 9457) with the member `error` of the protocol."""

import json
from dataclasses import dataclass, field

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS_TOLD = 10


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: which input, which row (0-based), what to do about it."""

    detail: str
    field: str | None = None
    row: int | None = None
    remedy: str = ""

    @property
    def sentence(self):
        places = [f"input '{self.field}'"] if self.field else []
        places += [f"row {self.row}"] if self.row is not None else []
        where = ", ".join(places)
        where = where[:1].upper() + where[1:]
        return (
            f"{where}: {self.detail} {self.remedy}".strip()
            if where
            else f"{self.detail} {self.remedy}".strip()
        )

    def members(self):
        return {name: value for name, value in vars(self).items() if value not in (None, "")}


@dataclass
class Problem(Exception):
    """An answer other than 200. `faults` lists what is wrong, the first ten of them; `limits` what a 413 would take."""

    status: int
    slug: str
    title: str
    faults: list[Fault] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)

    def __str__(self):
        return self.detail

    @property
    def detail(self):
        return self.faults[0].sentence if self.faults else self.title

    def body(self, request_id=""):
        """JSON bytes. `error` repeats the detail, as Open Inference Protocol clients expect."""
        first = self.faults[0].members() if self.faults else {}
        members = {
            "type": f"/docs/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            **{name: value for name, value in first.items() if name != "detail"},
            "detail": self.detail,
            "error": self.detail,
            **self.limits,
        }
        if len(self.faults) > 1:
            members["errors"] = [fault.members() for fault in self.faults[:MOST_FAULTS_TOLD]]
        if request_id:
            members["request_id"] = request_id
        return json.dumps(members).encode()


def unreadable(detail, remedy=""):
    """400: the bytes are not a request of the protocol."""
    return Problem(
        400, "unreadable-request", "The request cannot be read", [Fault(detail, remedy=remedy)]
    )


def bad_input(*faults):
    """422: a request of the protocol that the model's signature does not allow."""
    return Problem(422, "bad-input", "The input does not fit the model's signature", list(faults))


def too_large(detail, remedy="", **limits):
    """413: more than the server class takes in one request. limits: `limit_bytes` and the like, as members of the document."""
    return Problem(
        413, "request-too-large", "The request is too large", [Fault(detail, remedy=remedy)], limits
    )


def not_found(detail):
    return Problem(404, "no-such-route", "There is nothing at this address", [Fault(detail)])
