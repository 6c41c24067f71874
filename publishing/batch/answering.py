"""The run: chunk by chunk and version by version, in limited children. What is answered is committed, so a new worker goes on there."""

import time
from typing import Any

from consumption import actions
from consumption.evaluations.files import Files
from consumption.evaluations.mapping import Mapping
from consumption.models import BatchEvaluation
from marketplace.core.errors import RuleError
from publishing import predictions
from publishing.batch import kept
from publishing.batch.kept import Contract
from publishing.packages import limits

LONGEST_S = 600  # of a run
TURN_S = 15.0  # then another run takes its turn
LEFT_FOR_FIGURES_S = 45.0
TIMED_ROWS = 200  # single rows of the first chunk that are measured
MOST_REFUSED = 200  # rows that a version itself refuses, and that are listed


class Stopped(Exception):
    """It was cancelled: there is nothing more to do."""


class CannotAnswer(RuleError):
    """Why the run cannot go on, without a cell."""


def answer(evaluation: BatchEvaluation) -> bool:
    """Let the versions answer chunks that they have not answered, for a turn. True when all are. Raises Stopped, CannotAnswer, Gone."""
    files, mapping = Files(evaluation), Mapping.of(evaluation.mapping)
    contracts = kept.contracts_of(evaluation.evaluated(), mapping)
    has_worked = False
    clock, most = Clock(evaluation.worked_s), evaluation.rows * len(contracts)
    for number, name in enumerate(files.names(kept.ROWS)):
        views: kept.Views | None = None
        for place, contract in enumerate(contracts):
            wanted = kept.answers_name(contract.version, name)
            if files.has(wanted):
                continue
            if has_worked and clock.turn_is_over:
                return False
            views = views or kept.Views(kept.read_chunk(files, name), evaluation.reading["decimal"])
            found = _answers(contract, views, clock, number == 0)
            rows = len(views.chunk.numbers)
            done = number * kept.CHUNK_ROWS * len(contracts) + (place + 1) * rows
            if not actions.advance(evaluation, min(done, most), clock.spent_s):
                raise Stopped
            files.write_json(wanted, found)
            has_worked = True
    return True


class Clock:
    """Seconds that a run has worked, those before a pause included."""

    def __init__(self, before_s: float) -> None:
        self._before, self._started = before_s, time.monotonic()

    @property
    def spent_s(self) -> float:
        return self._before + time.monotonic() - self._started

    @property
    def turn_is_over(self) -> bool:
        return time.monotonic() - self._started > TURN_S

    def left_s(self) -> float:
        """For the next child. Raises CannotAnswer when the run has taken too long."""
        left = LONGEST_S - LEFT_FOR_FIGURES_S - self.spent_s
        if left <= 0:
            raise CannotAnswer(
                f"It did not end within {LONGEST_S // 60} minutes. Take fewer rows or fewer versions."
            )
        return min(left, limits.PREDICT_SECONDS)


def _answers(contract: Contract, views: kept.Views, clock: Clock, is_first: bool) -> dict[str, Any]:
    seen = views.of(contract)
    places = [place for place, is_taken in enumerate(seen.taken) if is_taken]
    if not places:
        return {"taken": [], "values": [], "refused": [], "ms": []}
    task = {
        "inputs": {name: [values[at] for at in places] for name, values in seen.values.items()},
        "output": contract.output,
        "timed": TIMED_ROWS if is_first else 0,
    }
    try:
        found = predictions.answer_rows(contract.version, task, clock.left_s())
    except OSError:
        raise CannotAnswer(f"The stored file of {contract.version} cannot be read.") from None
    if "problem" in found:
        raise CannotAnswer(f"{contract.version} could not answer: {found['problem']}.")
    if len(found["values"]) != len(found["taken"]):
        raise CannotAnswer(f"{contract.version} did not answer each row once.")
    return {
        "taken": [places[at] for at in found["taken"]],
        "values": found["values"],
        "refused": [
            {"row": views.chunk.numbers[places[at]], "input": name or "", "problem": why}
            for at, name, why in found["refused"][:MOST_REFUSED]
        ],
        "ms": found["ms"],
    }
