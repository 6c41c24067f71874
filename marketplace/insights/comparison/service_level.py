"""Service side by side: what each version promised and what was measured of it in the last 30 days."""

from collections.abc import Sequence
from decimal import Decimal

from hosting import service_levels
from hosting.service_levels import Promise, ServiceLevelReport
from marketplace.core.templatetags.formatting import listed, ms, number, points
from marketplace.insights.comparison.table import Cell, Column, Group, Mark, Row, Sentence, Verdict

LINES = ["Availability", "95 % of answers within", "Calls a second"]
LABELS = {
    "Availability": ("Availability", ""),
    "95 % of answers within": ("Response time (p95)", "95 % of the answers came within"),
    "Calls a second": ("Throughput", "Over the busiest hour; calls a second"),
}


class Measured:
    """The service of one version: its report and its promises, by the name of the line."""

    def __init__(self, column: Column) -> None:
        self.report: ServiceLevelReport = service_levels.report(column.version)
        found = service_levels.promises(column.version, self.report)
        self.promises: dict[str, Promise] = {promise.name: promise for promise in found}

    @property
    def is_broken(self) -> bool:
        return any(one.verdict == Promise.BROKEN for one in self.promises.values())

    @property
    def is_kept(self) -> bool:
        kept = {one.verdict for one in self.promises.values()}
        return bool(kept) and kept <= {Promise.KEPT, Promise.UNTRIED}


def group(services: Sequence[Measured]) -> Group:
    """Promised and measured, line by line."""
    days = services[0].report.days
    rows = [
        Row(LABELS[line][0], tuple(_cell(line, one) for one in services), LABELS[line][1])
        for line in LINES
    ]
    return Group("Service", tuple(rows), f"Last {days} days, production, all consumers")


def sentence(names: Sequence[str], services: Sequence[Measured]) -> Sentence | None:
    """Who keeps what was promised, in words; None where nobody was called enough."""
    kept = [name for name, one in zip(names, services, strict=True) if one.is_kept]
    broken = [name for name, one in zip(names, services, strict=True) if one.is_broken]
    if not kept and not broken:
        return None
    if len(kept) == len(names):
        return Sentence("All keep the service level", " that they promise.", "good")
    too_few = (
        "; too few calls to judge the others." if len(kept) + len(broken) < len(names) else "."
    )
    if not kept:
        verb = "misses" if len(broken) == 1 else "miss"
        return Sentence(f"{listed(broken)} {verb} the promised service level", too_few, "bad")
    verb = "keeps" if len(kept) == 1 else "keep"
    missed = f"; {listed(broken)} {'misses' if len(broken) == 1 else 'miss'} it" if broken else ""
    strong = f"Only {listed(kept)} {verb} the promised service level"
    return Sentence(strong, missed + too_few, "good")


def _cell(line: str, service: Measured) -> Cell:
    promise, report = service.promises.get(line), service.report
    figures = dict(
        zip(LINES, (report.availability, report.p95_ms, report.busiest_rps), strict=True)
    )
    measured = _shown(line, figures[line]) if report.is_enough else ""
    if promise is None:
        verdict = None if measured else Verdict(_too_few(report))
        return Cell(measured, "nothing promised", verdict)
    promised = f"promised {_shown(line, promise.promised)}"
    if promise.verdict == Promise.TOO_LITTLE:
        return Cell("", promised, Verdict(_too_few(report)))
    if promise.verdict == Promise.BROKEN:
        return Cell(measured, promised, Verdict("Missed", "bad", "x-circle"), Mark.WORSE)
    if promise.verdict == Promise.UNTRIED:
        return Cell(measured, promised, Verdict("Never asked for so many"))
    return Cell(measured, promised, Verdict("Met", "good", "check-badge"))


def _shown(line: str, value: Decimal | float | None) -> str:
    if line == "Availability":
        return str(points(value))
    return str(ms(value)) if line == "95 % of answers within" else str(number(value))


def _too_few(report: ServiceLevelReport) -> str:
    return f"Too few calls: {report.calls}"
