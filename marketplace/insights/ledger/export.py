"""The auditor's export: every input of every line that the reader sees, and a script that works all of it out again."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Sum

from consumption.models import Application, UsageDay
from marketplace.accounts.models import User
from marketplace.core.spreadsheets import as_cell
from marketplace.insights.ledger import quarters
from marketplace.insights.ledger.permissions import sees_all_value
from marketplace.insights.models import ReuseEvent, SignedQuarter, ValueClaim

SCRIPT = Path(__file__).with_name("recompute.py")
MOST = 10_000  # lines
LINE = (
    "line kind quarter team business_unit capability model subscription application qualified_on window_from calls days counterfactual"
    " size complexity licence_price booked_cost cost_low cost_mid cost_high grade confidence share integration_logged integration"
    " low mid high rules_version search_record plan_reference plan_amount plan_ended_on plan_text confirmed_by confirmed_at confirmation"
    " described_by reverses reason posted_by posted_at"
).split()
CLAIM = (
    "claim title kind team business_unit model quarter gross attribution_percent attribution_reason method evidence state claimed_by"
    " owner_confirmed_by decided_by decided_at decision_reason posted_quarter is_independent weeks_saved acceleration"
).split()
QUARTER = "quarter signed_by signed_at line_count low mid high claims sha256 audit_event".split()
CALLS = "line day ok".split()


def as_zip(user: User) -> bytes:
    """A ZIP of lines.csv, calls.csv, claims.csv, quarters.csv and recompute.py: what the person sees, at most MOST lines."""
    lines = list(
        ReuseEvent.objects.visible_to(user)
        .for_page()
        .select_related("posted_by", "described_by")
        .order_by("pk")[:MOST]
    )
    tables: dict[str, tuple[list[str], Iterable[Iterable[Any]]]] = {
        "lines": (LINE, map(_line, lines)),
        "calls": (CALLS, _calls(lines)),
        "claims": (
            CLAIM,
            map(_claim, ValueClaim.objects.visible_to(user).for_list().order_by("pk")[:MOST]),
        ),
        "quarters": (QUARTER, map(_quarter, _quarters(user))),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (header, rows) in tables.items():
            archive.writestr(f"{name}.csv", _csv(header, rows))
        archive.writestr("recompute.py", SCRIPT.read_text())
    return packed.getvalue()


def lines_csv(user: User, year: int) -> str:
    """The lines of a year that the person sees, with all their inputs."""
    lines = ReuseEvent.objects.visible_to(user).for_page().in_year(year)
    return _csv(
        LINE, map(_line, lines.select_related("posted_by", "described_by").order_by("pk")[:MOST])
    )


def _line(line: ReuseEvent) -> list[Any]:
    facts = {
        "line": line.pk,
        "quarter": line.quarter_name,
        "team": line.team.slug,
        "business_unit": line.business_unit.slug,
        "capability": line.capability.slug,
        "model": line.model.slug,
        "subscription": line.subscription_id,
        "application": line.subscription.application.slug,
        "complexity": "; ".join(
            f"{name}={value}" for name, value in sorted(line.complexity.items())
        ),
        "search_record": str(line.search_record) if line.search_record else "",
        "confirmed_by": line.confirmed_by.username if line.confirmed_by else "",
        "described_by": line.described_by.username if line.described_by else "",
        "posted_by": line.posted_by.username,
        "reverses": line.reverses_id,
    }
    return [_text(facts[name] if name in facts else getattr(line, name)) for name in LINE]


def _claim(claim: ValueClaim) -> list[Any]:
    facts = {
        "claim": claim.pk,
        "team": claim.team.slug,
        "business_unit": claim.business_unit.slug,
        "model": claim.model.slug,
        "quarter": claim.quarter_name,
        "posted_quarter": quarters.name_of(claim.posted_quarter) if claim.posted_quarter else "",
        "claimed_by": claim.claimed_by.username,
        "owner_confirmed_by": claim.owner_confirmed_by.username if claim.owner_confirmed_by else "",
        "decided_by": claim.decided_by.username if claim.decided_by else "",
    }
    return [_text(facts[name] if name in facts else getattr(claim, name)) for name in CLAIM]


def _quarters(user: User) -> list[SignedQuarter]:
    """Sums of the whole company: for those who see all of it."""
    return list(SignedQuarter.objects.select_related("signed_by")) if sees_all_value(user) else []


def _quarter(signed: SignedQuarter) -> list[Any]:
    facts = {
        "quarter": signed.name,
        "signed_by": signed.signed_by.username,
        "audit_event": signed.audit_event_id,
    }
    return [_text(facts[name] if name in facts else getattr(signed, name)) for name in QUARTER]


def _calls(lines: list[ReuseEvent]) -> Iterator[list[Any]]:
    """The answered production calls of each line's window, a day a row."""
    for line in lines:
        if line.is_reversal:
            continue
        days = UsageDay.objects.filter(
            team=line.team_id,
            version__model=line.model_id,
            subscription__application__environment=Application.Environment.PROD,
            day__range=(line.window_from, line.qualified_on),
        )
        for row in days.values("day").annotate(sum=Sum("ok")).order_by("day"):
            yield [line.pk, row["day"].isoformat(), row["sum"]]


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return value  # a number is no formula
    return value.isoformat() if isinstance(value, date) else value


def _csv(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(map(as_cell, row) for row in rows)
    return text.getvalue()
