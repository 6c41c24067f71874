"""What the playground's page shows: fields, answers, the movement of one input, the history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from consumption.playground import answered, movement, rows
from consumption.playground.allowance import Allowance
from consumption.playground.answered import Answer
from consumption.playground.choices import Choice, Offer
from consumption.playground.fields import LONG_TEXT, InputField, Mistyped
from consumption.playground.history import Run
from consumption.playground.movement import Movement
from consumption.playground.sheet import INPUT, MODES, Sheet


@dataclass(frozen=True)
class Shown:
    """One input of the shown row."""

    field: InputField
    number: int
    text: str
    error: str

    @property
    def id(self) -> str:
        return f"input-{self.number}"

    @property
    def control_name(self) -> str:
        return f"{INPUT}{self.field.name}"

    @property
    def is_long(self) -> bool:
        return "\n" in self.text or len(self.text) > LONG_TEXT

    @property
    def is_unlisted(self) -> bool:
        """Whether the text is none of the choices: it stays in the list, so that what was pasted is not lost."""
        return bool(self.text) and self.text not in dict(self.field.choices)

    @property
    def dot(self) -> float | None:
        """Where its number stands between the limits, percent; None where there are none."""
        limits = self.field.limits if self.field.is_number else None
        try:
            value = self.field.value_of(self.text)
        except Mistyped:
            return None
        if limits is None or value is None:
            return None
        low, high = limits
        return min(100.0, max(0.0, 100 * (float(value) - low) / (high - low)))


@dataclass(frozen=True)
class InputGroup:
    """The inputs of one version that none before it has: all of the first one's, and what another one asks beyond."""

    choice: Choice
    inputs: list[Shown]


@dataclass(frozen=True)
class Page:
    """Everything of the playground's page. `body` is the request of the shown row for code to copy; {} while it has errors."""

    sheet: Sheet
    choices: Sequence[Choice]
    offers: list[Offer]
    allowance: Allowance
    groups: list[InputGroup]
    answer: Answer | None
    movement: Movement | None
    history: list[Run]
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Shown]:
        return self.groups[0].inputs

    @property
    def only(self) -> list[InputGroup]:
        return [group for group in self.groups[1:] if group.inputs]

    @property
    def modes(self) -> list[tuple[str, str]]:
        return list(MODES.items())

    @property
    def movable(self) -> list[InputField]:
        inputs = (shown.field for group in self.groups for shown in group.inputs)
        return [one for one in inputs if one.is_movable]

    @property
    def shown_runs(self) -> list[str]:
        return [self.sheet.run_id, self.sheet.moved_id]

    @property
    def row_errors(self) -> list[int]:
        return list(self.sheet.errors)

    @property
    def row_error(self) -> str:
        """What is wrong with the shown row as a whole."""
        return self.sheet.errors.get(self.sheet.at, {}).get("", "")

    @property
    def can_run(self) -> bool:
        return any(not choice.why_not for choice in self.choices) and self.allowance.left > 0


def build(
    sheet: Sheet,
    choices: Sequence[Choice],
    offers: list[Offer],
    allowance: Allowance,
    runs: list[Run],
) -> Page:
    """The Page of a sheet. There is at least one choice."""
    by_id = {run.id: run for run in runs}
    run, moved = by_id.get(sheet.run_id), by_id.get(sheet.moved_id)
    is_answer, is_movement = run and not run.moved, moved and moved.moved
    return Page(
        sheet=sheet,
        choices=choices,
        offers=offers,
        allowance=allowance,
        groups=input_groups(sheet, choices),
        answer=answered.of_run(run, choices, sheet.rows, sheet.at) if run and is_answer else None,
        movement=movement.of_run(moved, choices) if moved and is_movement else None,
        history=runs,
        body=rows.judge(choices[0].version.signature, [sheet.row]).body or {},
    )


def input_groups(sheet: Sheet, choices: Sequence[Choice]) -> list[InputGroup]:
    """A group for each version; the first one's is its whole signature."""
    wrong = sheet.errors.get(sheet.at, {})
    known: set[str] = set()
    groups = []
    for choice in choices:
        inputs = []
        for one in rows.fields_of(choice.version.signature):
            if one.name not in known:
                text, error = sheet.row.get(one.name, ""), wrong.get(one.name, "")
                inputs.append(Shown(one, len(known), text, error))
                known.add(one.name)
        groups.append(InputGroup(choice, inputs))
    return groups
