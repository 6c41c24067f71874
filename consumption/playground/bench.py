"""What somebody does on the playground's page, one act at a time: from a sheet to the next one.

An act is the value of the button that was pressed: "run", "move", "example", "add-row", "drop-row", "row-2", "mode-json", "paste",
"add-version", "without-<slug/number>", "clear". Anything else only shows what was typed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consumption.playground import history, movement, rows, sheet, tries
from consumption.playground.answers import main_output, outputs_of, shown
from consumption.playground.choices import Choice
from consumption.playground.history import Run, Side
from consumption.playground.rows import Unpasteable
from consumption.playground.sheet import Sheet
from consumption.playground.tries import Asked, Tried
from marketplace.accounts.models import User
from marketplace.core.errors import NotAllowed, RuleError

ROW, MODE, WITHOUT = "row-", "mode-", "without-"


@dataclass(frozen=True)
class Bench:
    """Who tries what: the versions that are asked, the first of them the one that the page is about."""

    user: User
    session_key: str | None
    choices: Sequence[Choice]

    @property
    def signature(self) -> Mapping[str, object]:
        return self.choices[0].version.signature

    def act(self, act: str, held: Sheet, move: str) -> Sheet:
        """The sheet after an act. `move`: the input that "move" moves. Raises NotAllowed."""
        if act != "example":
            held = self.applied(held)
        if held.typed_error:
            return held
        acts: dict[str, Callable[[Sheet], Sheet]] = {
            "run": self.run,
            "move": lambda held: self.move(held, move),
            "example": self.example,
            "add-row": Sheet.with_row,
            "drop-row": Sheet.without_row,
            "clear": self.clear,
        }
        if act in acts:
            return acts[act](held)
        number = act.removeprefix(ROW)
        if act.startswith(ROW) and number.isdigit() and len(number) < 4:
            return held.showing(int(number))
        if act.startswith(MODE) and act.removeprefix(MODE) in sheet.MODES:
            return self.entered(held, act.removeprefix(MODE))
        return held

    def applied(self, held: Sheet) -> Sheet:
        """The rows of what was written or pasted; the form's where nothing was."""
        if held.mode == sheet.FORM or not held.typed.strip():
            return held
        try:
            read = rows.of_paste(self.signature, held.typed)
        except Unpasteable as error:
            return replace(held, typed_error=str(error))
        held = held.holding(read)
        if held.mode == sheet.PASTE:
            held = replace(held, mode=sheet.FORM, typed="")
        if len(read) > rows.MOST_ROWS:
            said = f"The first {rows.MOST_ROWS} of {len(read)} rows were taken."
            return replace(held, problem=said)
        return held

    def entered(self, held: Sheet, mode: str) -> Sheet:
        """Another way to enter inputs. Rows with errors cannot be written as a request: they stay in the form."""
        if mode != sheet.JSON:
            return replace(held, mode=mode, typed="")
        judged = rows.judge(self.signature, held.rows)
        if judged.errors:
            held = held if held.at in judged.errors else held.showing(min(judged.errors))
            return replace(held, mode=sheet.FORM, errors=judged.errors)
        return replace(held, mode=mode, typed=_as_json(judged.body))

    def example(self, held: Sheet) -> Sheet:
        version = self.choices[0].version
        example = held.holding(rows.of_example(self.signature, version.example))
        return replace(example, at=0, mode=sheet.FORM, typed="")

    def clear(self, held: Sheet) -> Sheet:
        history.clear(self.session_key)
        return replace(held, run_id="", moved_id="")

    def run(self, held: Sheet) -> Sheet:
        judged = [rows.judge(choice.version.signature, held.rows) for choice in self.choices]
        held = replace(held, errors=self._errors(judged))
        asked = [
            (choice, judgement)
            for choice, judgement in zip(self.choices, judged, strict=True)
            if judgement.body is not None
        ]
        if not asked:
            at = held.at if held.at in held.errors else min(held.errors, default=held.at)
            return held.showing(at)
        try:
            tried = self._tried([(choice, judgement.body or {}) for choice, judgement in asked])
        except NotAllowed:
            raise
        except RuleError as refusal:
            return replace(held, problem=refusal.sentence)
        answered = {one.version.pk: one for one in tried}
        sides = [
            self._side(choice, judgement, answered.get(choice.version.pk), held.at)
            for choice, judgement in zip(self.choices, judged, strict=True)
        ]
        run = Run(self._slug, held.rows, sides, self._said(sides, held), held.at)
        history.keep(self.session_key, run)
        return replace(held, run_id=run.id, moved_id="")

    def _errors(self, judged: Sequence[rows.Judged]) -> dict[int, dict[str, str]]:
        """What is said at the fields: what is wrong for the first version, and with inputs that only another one has."""
        errors = {at: dict(wrong) for at, wrong in judged[0].errors.items()}
        known = {one.name for one in rows.fields_of(self.signature)}
        for other in judged[1:]:
            for at, wrong in other.errors.items():
                beyond = {name: said for name, said in wrong.items() if name not in known and name}
                if beyond:
                    errors[at] = beyond | errors.get(at, {})
        return errors

    def move(self, held: Sheet, name: str) -> Sheet:
        by_name = {
            one.name: one
            for choice in self.choices
            for one in rows.fields_of(choice.version.signature)
        }
        moved = by_name.get(name)
        if moved is None or not moved.is_movable:
            return replace(held, problem="Choose a number, or an input with a few values, to move.")
        points = movement.points(moved, held.row.get(name, ""))
        asked, sides = [], []
        for choice in self.choices:
            names = {one.name for one in rows.fields_of(choice.version.signature)}
            texts = [held.row | {name: point} for point in points]
            judged = rows.judge(choice.version.signature, texts if name in names else [held.row])
            if judged.body is not None:
                asked.append((choice, judged))
            elif choice is self.choices[0]:
                return replace(held, errors={held.at: next(iter(judged.errors.values()))})
        try:
            tried = self._tried([(choice, judged.body or {}) for choice, judged in asked])
        except NotAllowed:
            raise
        except RuleError as refusal:
            return replace(held, problem=refusal.sentence)
        for (choice, judged), one in zip(asked, tried, strict=True):
            sides.append(self._side(choice, judged, one, held.at))
        run = Run(self._slug, [held.row], sides, f"{len(points)} points", moved=name, points=points)
        history.keep(self.session_key, run)
        return replace(held, moved_id=run.id)

    def _tried(self, asked: Sequence[tuple[Choice, dict[str, object]]]) -> list[Tried]:
        wanted = [Asked(choice.version, body) for choice, body in asked]
        return tries.try_versions(self.user, wanted)[0]

    @property
    def _slug(self) -> str:
        return self.choices[0].version.model.slug

    def _side(self, choice: Choice, judged: rows.Judged, tried: Tried | None, at: int) -> Side:
        if tried is None:
            wrong = judged.errors.get(at) or next(iter(judged.errors.values()))
            name, said = next(iter(wrong.items()))
            return Side(choice.key, [], why_not=f"It was not asked. {name}: {said}")
        reply = tried.reply
        if reply is None:
            return Side(choice.key, judged.sent, why_not=tried.why_not)
        return Side(
            choice.key, judged.sent, reply.status, reply.document, reply.headers, reply.latency_ms
        )

    def _said(self, sides: Sequence[Side], held: Sheet) -> str:
        """A run in a few words, for the history."""
        refused = sum(not 200 <= side.status < 300 for side in sides)
        if refused:
            return "Not answered" if refused == len(sides) else f"{refused} did not answer"
        if held.errors:
            return f"{len(held.errors)} of {len(held.rows)} rows not sent"
        outputs = outputs_of(self.signature, sides[0].document)
        main = main_output(outputs)
        if len(held.rows) > 1 or main is None:
            return "All answered"
        return f"{shown(main.values[0])} {main.unit}".strip()


def _as_json(body: Mapping[str, Any] | None) -> str:
    """A request, one input a line; "" without one."""
    if body is None:
        return ""
    lines = (json.dumps(tensor, ensure_ascii=False) for tensor in body["inputs"])
    return '{{\n  "inputs": [\n    {}\n  ]\n}}'.format(",\n    ".join(lines))
