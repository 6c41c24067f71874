"""How the compared versions answered rows of the reader's own team: the newest batch evaluation of them (docs/comparison.md, "Your own rows").

Intervals, paired differences and Holm's correction are the evaluation's own; here they are only set out in the columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from consumption.evaluations.page import LABELS, short
from consumption.models import BatchEvaluation, BatchState
from governance import paired
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import listed, number
from marketplace.insights.comparison.table import (
    Axis,
    Cell,
    Column,
    Group,
    Mark,
    Row,
    Sentence,
    Verdict,
)

TITLE = "On your own rows"
REFERENCE = "Reference"


def group(user: User, columns: Sequence[Column]) -> Group | None:
    """The group of rows; None where no evaluation of the person's teams had two of the columns."""
    evaluation = newest(user, columns)
    if evaluation is None:
        return None
    versions = evaluation.evaluated()
    places = [
        versions.index(column.version) if column.version in versions else None for column in columns
    ]
    found = evaluation.results
    rows = [_figures(figures, places) for figures in found.get("figures", [])]
    if rows:
        rows[0] = replace(rows[0], is_kept=True)
    rows += [_time(found, places), _refused(found, places)]
    return Group(TITLE, tuple(rows), _about(evaluation), evaluation.get_absolute_url())


def sentence(names: Sequence[str], own: Group | None) -> Sentence | None:
    """Who answers the primary metric better on these rows, in words; None where nothing was measured."""
    primary = own.rows[0] if own else None
    if primary is None or not primary.is_kept:
        return None
    tones: dict[str, list[str]] = {}
    for name, cell in zip(names, primary.cells, strict=True):
        if cell.verdict:
            tones.setdefault(
                REFERENCE if cell.verdict.text == REFERENCE else cell.verdict.tone, []
            ).append(name)
    if REFERENCE not in tones:
        return None
    [reference] = tones[REFERENCE]
    parts = [
        f"{listed(tones[tone])} {'answers' if len(tones[tone]) == 1 else 'answer'} {word} than {reference}"
        for tone, word in (("good", "better"), ("bad", "worse"))
        if tone in tones
    ]
    if alike := tones.get("info"):
        parts.append(f"no significant difference between {reference} and {listed(alike)}")
    return (
        Sentence(f"{TITLE}:", f" {'; '.join(parts)}.", "good" if "good" in tones else "info")
        if parts
        else None
    )


def newest(user: User, columns: Sequence[Column]) -> BatchEvaluation | None:
    """The evaluation of the person's teams that had most of the columns, at least two; the newest of those."""
    versions = [column.version for column in columns]
    ended = BatchEvaluation.objects.visible_to(user).filter(state=BatchState.SUCCEEDED)
    having = Count("entries", filter=Q(entries__version__in=versions), distinct=True)
    found = ended.exclude(results={}).annotate(having=having).filter(having__gte=2)
    return found.for_list().order_by("-having", "-id").first()


def _about(evaluation: BatchEvaluation) -> str:
    rows, used = evaluation.results["rows"], evaluation.results["used"]
    said = (
        f"{evaluation.name}, {number(used)} of {number(rows)} rows that all of its models answered"
    )
    if evaluation.finished_at:
        said += f", run {timezone.localtime(evaluation.finished_at):%-d %b %Y}"
    if evaluation.rows_deleted_at:
        said += f"; rows deleted {timezone.localtime(evaluation.rows_deleted_at):%-d %b %Y}"
    return said


def _figures(found: dict[str, Any], places: Sequence[int | None]) -> Row:
    """One metric. `places`: where each column stands in the evaluation; None: it was not in it."""
    values, lower_is_better = found["values"], found["metric"] in paired.LOWER_IS_BETTER
    pairs = {pair["other"]: pair for pair in found["pairs"]}
    shown = [values[place] for place in places if place is not None]
    ends = [end for one in shown for end in one.values() if end is not None]
    axis = Axis.over(ends) if ends else None
    best = _best(pairs, places)
    cells = [
        Cell(verdict=Verdict("Not in this run"))
        if place is None
        else _cell(values[place], _verdict(pairs, place), place == best, axis)
        for place in places
    ]
    hint = f"{'Lower' if lower_is_better else 'Higher'} is better; 95 % interval. Differences are paired, row by row"
    is_alike = None not in places and all(pair["better"] is None for pair in pairs.values())
    return Row(LABELS.get(found["metric"], found["metric"]), tuple(cells), hint, is_alike=is_alike)


def _cell(value: dict[str, Any], verdict: Verdict, is_best: bool, axis: Axis | None) -> Cell:
    low, high = value["low"], value["high"]
    interval = "" if low is None or high is None else f"{short(low)}–{short(high)}"
    drawn = axis.estimate(value["value"], low, high, None) if axis and interval else None
    mark = Mark.BEST if is_best else Mark.WORSE if verdict.tone == "bad" else Mark.NONE
    return Cell(short(value["value"]), interval, verdict, mark, drawn)


def _best(pairs: dict[int, dict[str, Any]], places: Sequence[int | None]) -> int | None:
    """The first of the run where it is surely better than every other column; another one only where it alone was compared with it."""
    others = [place for place in places if place]
    if 0 not in places or not others:
        return None
    better = {pairs[place]["better"] for place in others}
    if better == {0}:
        return 0
    return others[0] if len(others) == 1 and better == {others[0]} else None


def _verdict(pairs: dict[int, dict[str, Any]], place: int) -> Verdict:
    """Against the first model of the run. A pair has the first one's figure less the other's: here it is the other way round."""
    if place == 0:
        return Verdict(REFERENCE, icon="map-pin")
    pair = pairs.get(place)
    if pair is None or pair["difference"] is None or pair["low"] is None or pair["high"] is None:
        return Verdict("Cannot be told apart")
    ends = f"{_signed(-pair['high'])} to {_signed(-pair['low'])}"
    if pair["better"] is None:
        return Verdict(f"No significant difference ({ends})", "info", "bars-2")
    size = short(abs(pair["difference"]))
    if pair["better"] == 0:
        return Verdict(f"Worse by {size} ({ends})", "bad", "arrow-trending-down")
    return Verdict(f"Better by {size} ({ends})", "good", "arrow-trending-up")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + short(abs(value))


def _time(found: dict[str, Any], places: Sequence[int | None]) -> Row:
    latency = found.get("latency", [])
    taken = [latency[place].get("p95") if place is not None else None for place in places]
    cells = tuple(Cell("not timed") if one is None else Cell(f"{short(one)} ms") for one in taken)
    return Row("Answered in, p95", cells, "One row at a time, the graph alone; not a promise")


def _refused(found: dict[str, Any], places: Sequence[int | None]) -> Row:
    cells = [
        Cell(verdict=Verdict("Not in this run"))
        if place is None
        else Cell(number(found["rows"] - found["answered"][place]))
        for place in places
    ]
    return Row("Rows not answered", tuple(cells))
