"""What the tasks call: one step of an evaluation, by one worker at a time; what goes wrong ends it with a sentence."""

import logging
import time
from collections.abc import Callable

from consumption import actions
from consumption.evaluation_files import Gone
from consumption.evaluation_lock import at_rows
from consumption.models import BatchEvaluation, BatchState
from marketplace.core.errors import RuleError
from marketplace.core.transitions import StaleState
from publishing.batch import answering, checking, findings, reading

log = logging.getLogger(__name__)


def read(evaluation_id: int) -> None:
    _step(evaluation_id, (BatchState.RECEIVED,), reading.read)


def check(evaluation_id: int) -> None:
    _step(evaluation_id, (BatchState.CHECKING,), checking.check)


def run(evaluation_id: int) -> None:
    """Begin a queued run, or go on with one whose worker ended."""
    _step(evaluation_id, (BatchState.QUEUED, BatchState.RUNNING), _run)


def _run(evaluation: BatchEvaluation) -> None:
    if evaluation.state == BatchState.QUEUED and not actions.begin_run(evaluation):
        return
    started = time.monotonic()
    answering.answer(evaluation)
    results = findings.find(evaluation)
    actions.succeed(evaluation, results)
    log.info("batch evaluation %s ended after %.1f s", evaluation.pk, time.monotonic() - started)


def _step(
    evaluation_id: int,
    states: tuple[BatchState, ...],
    work: Callable[[BatchEvaluation], None],
) -> None:
    with at_rows(evaluation_id) as is_alone:
        evaluation = (
            BatchEvaluation.objects.for_list().filter(pk=evaluation_id, state__in=states).first()
        )
        if not is_alone or evaluation is None:
            return
        try:
            work(evaluation)
        except (answering.Stopped, StaleState, Gone):
            return  # cancelled or deleted meanwhile
        except RuleError as problem:
            actions.fail_evaluation(evaluation, problem.sentence)
        except Exception as error:
            actions.fail_evaluation(evaluation, "It broke off for a reason of the marketplace.")
            kind = type(error).__name__
            raise RuntimeError(
                f"batch evaluation {evaluation_id} broke off: {kind}"
            ) from None  # no row in the log
