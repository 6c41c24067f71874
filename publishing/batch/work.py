"""What the tasks call: one step of an evaluation, by one worker at a time; what goes wrong ends it with a sentence."""

from collections.abc import Callable

from consumption import actions
from consumption.evaluations.files import Gone
from consumption.evaluations.lock import at_rows, at_work
from consumption.models import BatchEvaluation, BatchState
from marketplace.core.errors import RuleError
from marketplace.core.transitions import StaleState
from publishing.batch import answering, checking, findings, reading


def read(evaluation_id: int) -> None:
    _step(evaluation_id, (BatchState.RECEIVED,), reading.read)


def check(evaluation_id: int) -> None:
    _step(evaluation_id, (BatchState.CHECKING,), checking.check)


def run(evaluation_id: int) -> None:
    """Begin a queued run, or go on with it for a turn; then it is another one's turn."""
    if _step(evaluation_id, (BatchState.QUEUED, BatchState.RUNNING), _run):
        actions.wake_runs()


def _run(evaluation: BatchEvaluation) -> bool:
    if evaluation.state == BatchState.QUEUED and not actions.begin_run(evaluation):
        return False
    with at_work() as is_free:
        if not is_free:
            return False
        if answering.answer(evaluation):
            actions.succeed(evaluation, findings.find(evaluation))
        return True


def _step(
    evaluation_id: int,
    states: tuple[BatchState, ...],
    work: Callable[[BatchEvaluation], bool | None],
) -> bool:
    """Whether the step was taken; nobody else may be at these rows."""
    with at_rows(evaluation_id) as is_alone:
        evaluation = (
            BatchEvaluation.objects.for_list().filter(pk=evaluation_id, state__in=states).first()
        )
        if not is_alone or evaluation is None:
            return False
        try:
            return work(evaluation) is not False
        except (answering.Stopped, StaleState, Gone):
            return True  # cancelled or deleted meanwhile
        except RuleError as problem:
            actions.fail_evaluation(evaluation, problem.sentence)
            return True
        except Exception as error:
            actions.fail_evaluation(evaluation, "It broke off for a reason of the marketplace.")
            kind = type(error).__name__
            raise RuntimeError(
                f"batch evaluation {evaluation_id} broke off: {kind}"
            ) from None  # no row in the log
