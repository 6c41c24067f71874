"""What comes back: rows, and what the server said about each call that brought them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, overload

from marketplace_client.errors import links_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """One limit of the plan as the last answer told it. `remaining` calls until it resets in `reset_s` seconds."""

    name: str
    remaining: int | None = None
    reset_s: int | None = None
    quota: int | None = None
    window_s: int | None = None


@dataclass(frozen=True)
class Deprecation:
    """The version that answered is deprecated (RFC 9745) and ends at `sunset` (RFC 8594)."""

    since: datetime | None
    sunset: datetime | None
    successor: str = ""
    guide: str = ""


@dataclass(frozen=True)
class CallInfo:
    """One HTTP call that brought rows."""

    request_id: str
    model_version: str
    trace_id: str
    rows: int
    attempts: int
    limits: dict[str, Limit] = field(default_factory=dict)
    deprecation: Deprecation | None = None


@dataclass(frozen=True)
class Predictions(Sequence[Row]):
    """The rows of an answer, in the order in which they were sent.

    columns  {output: one value for each row}
    calls    one CallInfo for each piece of the batch; a batch that fits is one call
    """

    columns: dict[str, list[Any]]
    calls: tuple[CallInfo, ...]

    def __len__(self) -> int:
        return sum(call.rows for call in self.calls)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        return {name: values[at] for name, values in self.columns.items()}

    def __iter__(self) -> Iterator[Row]:
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    @property
    def request_id(self) -> str:
        """Of the first call; `request_ids` has all."""
        return self.calls[0].request_id if self.calls else ""

    @property
    def request_ids(self) -> list[str]:
        return [call.request_id for call in self.calls]

    @property
    def model_version(self) -> str:
        """The version that answered last."""
        return self.calls[-1].model_version if self.calls else ""

    @property
    def limits(self) -> dict[str, Limit]:
        """What the plan leaves, by the name of the limit, as the last answer told it."""
        return self.calls[-1].limits if self.calls else {}

    @property
    def deprecation(self) -> Deprecation | None:
        return self.calls[-1].deprecation if self.calls else None

    def to_frame(self, index: Any = None) -> Any:
        """A pandas DataFrame. Needs pandas."""
        import pandas  # type: ignore[import-untyped,unused-ignore]

        frame = pandas.DataFrame(self.columns, index=index)
        frame.attrs["request_ids"] = self.request_ids
        frame.attrs["model_version"] = self.model_version
        return frame


def joined(pieces: Sequence[Predictions]) -> Predictions:
    """The pieces of one batch, one after the other."""
    names = dict.fromkeys(name for piece in pieces for name in piece.columns)
    columns = {name: [value for piece in pieces for value in piece.columns[name]] for name in names}
    return Predictions(columns, tuple(call for piece in pieces for call in piece.calls))


def limits_of(headers: dict[str, str]) -> dict[str, Limit]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
    left, policy = _items(headers.get("ratelimit", "")), _items(headers.get("ratelimit-policy", ""))
    return {
        name: Limit(
            name,
            left.get(name, {}).get("r"),
            left.get(name, {}).get("t"),
            policy.get(name, {}).get("q"),
            policy.get(name, {}).get("w"),
        )
        for name in {**policy, **left}
    }


def _items(text: str) -> dict[str, dict[str, int]]:
    found = re.findall(r'"([^"]*)"((?:\s*;\s*\w+=\d+)*)', text)
    return {
        name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", parameters)}
        for name, parameters in found
    }


def deprecation_of(headers: dict[str, str]) -> Deprecation | None:
    """From `Deprecation`, `Sunset` and `Link`; None when the version is not deprecated."""
    text = headers.get("deprecation")
    if text is None:
        return None
    links = links_of(headers.get("link", ""))
    since = re.fullmatch(r"@(\d+)", text.strip())
    return Deprecation(
        datetime.fromtimestamp(int(since[1]), UTC) if since else None,
        _date(headers.get("sunset")),
        links.get("successor-version", ""),
        links.get("deprecation", ""),
    )


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
