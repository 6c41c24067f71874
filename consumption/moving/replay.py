"""The same rows on several versions, through the sandbox pass that the playground uses: free, no key, nobody's use.

A row holds texts by input, for the inputs of all versions together; each version is asked what its signature takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.models import ModelVersion
from consumption.playground import answers, history, rows, tries
from consumption.playground.rows import Texts
from consumption.playground.tries import Asked
from marketplace.accounts.models import User

MOST_CASES = rows.MOST_ROWS


@dataclass(frozen=True)
class Case:
    """One named row."""

    name: str
    row: Texts


@dataclass(frozen=True)
class Answered:
    """What a version answered to one row, by output; why_not says why there is nothing. main: the output shown first."""

    values: dict[str, Any] = field(default_factory=dict)
    main: str = ""
    unit: str = ""
    why_not: str = ""

    def value(self, output: str = "") -> Any:
        return self.values.get(output or self.main)


def ask(
    by: User, versions: Sequence[ModelVersion], cases: Sequence[Case]
) -> dict[int, list[Answered]]:
    """{version id: an Answered for each case}. One call for each version. Raises what tries.try_versions raises."""
    judged = {
        version.pk: rows.judge(version.signature, [case.row for case in cases])
        for version in versions
    }
    asked = [
        Asked(version, body)
        for version in versions
        if (body := judged[version.pk].body) is not None
    ]
    tried = {one.version.pk: one for one in tries.try_versions(by, asked)[0]} if asked else {}
    return {
        version.pk: read(version, judged[version.pk], len(cases), tried.get(version.pk))
        for version in versions
    }


def read(
    version: ModelVersion, judged: rows.Judged, count: int, tried: tries.Tried | None
) -> list[Answered]:
    """The answer to each of `count` rows; where there is none, why."""
    document = tried.reply.document if tried and tried.reply else {}
    is_answered = bool(tried and tried.reply and tried.reply.status == 200)
    outputs = answers.outputs_of(version.signature, document) if is_answered else []
    main = answers.main_output(outputs)
    read_rows = []
    for at in range(count):
        if at in judged.errors:
            read_rows.append(Answered(why_not=_wrong(judged.errors[at])))
        elif not outputs:
            read_rows.append(Answered(why_not=_no_answer(tried)))
        else:
            place = judged.sent.index(at)
            values = {
                output.name: output.values[place]
                for output in outputs
                if place < len(output.values)
            }
            shown = main or outputs[0]
            read_rows.append(Answered(values, shown.name, shown.unit))
    return read_rows


def recent(session_key: str | None, slug: str) -> list[Case]:
    """What this sign-in tried lately on the model, newest first; it was never stored (docs/playground.md, "What is kept")."""
    cases: list[Case] = []
    for run in history.runs(session_key):
        if run.model == slug and not run.moved:
            cases += [
                Case(f"Tried at {run.when:%H:%M}, row {at}", row)
                for at, row in enumerate(run.rows, 1)
            ]
    return cases[:MOST_CASES]


def of_owner(old: ModelVersion, new: ModelVersion) -> list[Case]:
    """The owner's examples: what both versions take from the newer one, the rest from the older one."""
    before = rows.of_example(old.signature, old.example)
    after = rows.of_example(new.signature, new.example)
    return [
        Case(f"The owner’s example, row {at}", {**row, **_only(after, at, row)})
        for at, row in enumerate(before, 1)
    ]


def _only(after: Sequence[Texts], at: int, row: Texts) -> Texts:
    """The values of the inputs that the older version does not have."""
    newer = after[min(at, len(after)) - 1]
    return {name: text for name, text in newer.items() if name not in row}


def _wrong(errors: dict[str, str]) -> str:
    name, said = next(iter(errors.items()))
    return f"{name}: {said}" if name else said


def _no_answer(tried: tries.Tried | None) -> str:
    if tried is None:
        return "It was not asked."
    if tried.reply is None:
        return tried.why_not
    return str(tried.reply.document.get("detail") or f"It answered {tried.reply.status}.")
