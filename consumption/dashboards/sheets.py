"""The tables of dashboards as CSV: the same rows with exact figures and machine names."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from consumption.dashboards.adoption import ConsumerRow, OwnModelRow, VersionRow
from consumption.dashboards.call_log import Call
from consumption.deadlines import Deadline
from consumption.metering import measures
from consumption.metering.burn import Burn
from consumption.metering.failures import FailureCount
from consumption.metering.received import Received
from consumption.metering.rejections import RejectionCount
from consumption.metering.usage import Row
from marketplace.core.query import chosen
from marketplace.core.spreadsheets import as_cell


@dataclass(frozen=True)
class Sheet:
    """A header and its rows; every cell is text, a number, or None."""

    header: Sequence[str]
    rows: Iterable[Sequence[Any]]


def download(
    address: Mapping[str, str], name: str, sheets: dict[str, Callable[[], Sheet]]
) -> HttpResponse | None:
    """The table that `?as=csv&table=` names as CSV; None for a page. Raises UnknownChoice for no such table.

    A text that a spreadsheet would run as a formula has an apostrophe before it.
    """
    if address.get("as") != "csv":
        return None
    wanted = chosen("table", address.get("table"), {one: one for one in sheets}, next(iter(sheets)))
    sheet, text = sheets[wanted](), io.StringIO()
    writer = csv.writer(text)
    writer.writerow(sheet.header)
    writer.writerows([as_cell(value) for value in row] for row in sheet.rows)
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename={name}-{wanted}.csv"},
    )


def of_usage(rows: Sequence[Row], shows_costs: bool = True) -> Sheet:
    """Usage by one thing; a column of exact cost for each currency."""
    currencies = sorted({one for row in rows for one in row.costs}) if shows_costs else []
    header = ["name", "label", *measures.COUNTS, "units", "slowest_p95_us"]
    return Sheet(
        [*header, *(f"cost_{one.lower()}" for one in currencies)],
        [
            [
                row.name,
                row.label,
                *(row.counts[name] for name in (*measures.COUNTS, "units")),
                row.p95_us,
                *(row.costs.get(one, 0) for one in currencies),
            ]
            for row in rows
        ],
    )


def of_failures(rows: Iterable[FailureCount]) -> Sheet:
    """Failures by kind."""
    return Sheet(
        ["kind", "label", "by", "calls", "percent_of_failures", "statuses"],
        [
            [
                row.kind.slug,
                row.kind.label,
                row.kind.by,
                row.calls,
                f"{row.percent:.3f}",
                row.statuses,
            ]
            for row in rows
        ],
    )


def of_refused(rows: Iterable[RejectionCount]) -> Sheet:
    """Refused calls by limit and subscription."""
    return Sheet(
        ["limit", "application", "model", "plan", "calls", "last_at", "remedy"],
        [
            [
                row.slug,
                row.subscription.application.slug,
                row.subscription.model.slug,
                row.subscription.plan.slug,
                row.calls,
                row.last_at.isoformat(),
                row.limit.remedy,
            ]
            for row in rows
        ],
    )


def of_burns(rows: Iterable[Burn]) -> Sheet:
    """Quotas of the month, their forecast and the limit that comes first."""
    return Sheet(
        ["application", "model", "plan", "used", "quota", "left", "forecast", "full_on", "limit"],
        [
            [
                row.subscription.application.slug,
                row.subscription.model.slug,
                row.subscription.plan.slug,
                row.used,
                row.quota,
                row.left,
                row.forecast,
                row.full_on,
                row.limit.sentence,
            ]
            for row in rows
        ],
    )


def of_received(rows: Iterable[Received]) -> Sheet:
    """Promised and received service levels."""
    return Sheet(
        [
            "application",
            "model",
            "version",
            "served",
            "failed",
            "availability_percent",
            "promised_availability_percent",
            "availability_verdict",
            "answered",
            "in_time",
            "promised_p95_ms",
            "in_time_verdict",
        ],
        [
            [
                row.subscription.application.slug,
                row.version.model.slug,
                row.version.number,
                row.served,
                row.failed,
                None if row.availability is None else f"{row.availability:.4f}",
                row.promised_availability,
                row.availability_verdict,
                row.answered,
                row.in_time,
                row.promised_ms,
                row.in_time_verdict,
            ]
            for row in rows
        ],
    )


def of_deadlines(rows: Iterable[Deadline]) -> Sheet:
    """What will change."""
    return Sheet(
        ["due", "kind", "subscription", "title", "text", "act"],
        [
            [
                row.due.isoformat(),
                row.kind.value,
                row.subscription.pk if row.subscription else None,
                row.title,
                row.text,
                row.act,
            ]
            for row in rows
        ],
    )


def of_calls(rows: Iterable[Call]) -> Sheet:
    """The log's page."""
    return Sheet(
        [
            "request_id",
            "at",
            "application",
            "model",
            "version",
            "key",
            "environment",
            "result",
            "reason",
            "http_status",
            "duration_us",
            "request_bytes",
            "response_bytes",
            "units",
        ],
        [
            [
                str(row.request_id),
                row.at.isoformat(),
                row.subscription.application.slug,
                row.version.model.slug,
                row.version.number,
                row.key.kid if row.key else None,
                row.environment,
                row.kind.slug if row.kind else "answered",
                row.kind.reason if row.kind else "",
                row.http_status,
                row.duration_us,
                row.request_bytes,
                row.response_bytes,
                row.units,
            ]
            for row in rows
        ],
    )


def of_consumers(rows: Iterable[ConsumerRow]) -> Sheet:
    """Who consumes a model."""
    return Sheet(
        ["application", "team", "business_unit", "plan", "policy", "version", "calls"]
        + ["percent_answered", "last", "has_to_move"],
        [
            [
                row.subscription.application.name,
                row.subscription.application.team.slug,
                row.subscription.application.team.business_unit.slug,
                row.subscription.plan.slug,
                row.subscription.version_policy,
                row.version.number,
                row.calls,
                None if row.success_percent is None else f"{row.success_percent:.3f}",
                row.last.isoformat() if row.last else None,
                "yes" if row.moves else "no",
            ]
            for row in rows
        ],
    )


def of_versions(rows: Iterable[VersionRow]) -> Sheet:
    """How far each version is taken up."""
    return Sheet(
        ["version", "state", "calls", "percent", "callers", "follows", "sunset_at", "to_move"],
        [
            [
                row.version.number,
                row.version.state,
                row.calls,
                f"{row.percent:.3f}",
                row.callers,
                row.follows,
                row.version.sunset_at.isoformat() if row.version.sunset_at else None,
                row.to_move,
            ]
            for row in rows
        ],
    )


def of_own_models(rows: Iterable[OwnModelRow]) -> Sheet:
    """A publisher's models."""
    return Sheet(
        ["model", "name", *measures.COUNTS, "subscriptions", "waiting_discussions", "to_move"],
        [
            [
                row.model.slug,
                row.model.name,
                *(row.use.counts[name] for name in measures.COUNTS),
                row.subscriptions,
                row.waits,
                row.to_move,
            ]
            for row in rows
        ],
    )
