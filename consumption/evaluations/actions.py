"""Verbs of batch evaluations: bring a file, choose its columns, run, cancel, delete the rows (docs/batch-evaluation.md)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.evaluations import files as evaluation_files
from consumption.evaluations import mapping as evaluation_mapping
from consumption.evaluations.files import Files
from consumption.evaluations.mapping import Mapping, is_needed
from consumption.models import (
    BatchEvaluation,
    BatchState,
    DataClass,
    DeletionReceipt,
    EvaluatedVersion,
    EvaluationKey,
)
from consumption.permissions import can_evaluate_for, can_manage_evaluation
from governance.evaluations import keep_consumer_figures
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, QuotaFull, RuleError, TooLarge
from marketplace.core.guard import require
from marketplace.core.transitions import StaleState, transition
from marketplace.notices.actions import notify

MOST_VERSIONS = 5
KEPT_DAYS = (0, 7, 30)  # what may be chosen; 0: until the run has ended
DRAFT_LIFE = timedelta(hours=24)  # a file that is never run does not wait for its retention
AT_ONCE = 2  # runs of a team
LEAST_SHARED = (
    100  # rows with a truth, below which figures say too little and too much about single ones
)
MOST_OPEN = 20  # evaluations of a team that have not ended
FIGURES_KEPT = timedelta(days=730)
TASK_OF = {
    BatchState.RECEIVED: "publishing.read_evaluation",
    BatchState.CHECKING: "publishing.check_evaluation",
    BatchState.QUEUED: "publishing.run_evaluation",
    BatchState.RUNNING: "publishing.run_evaluation",
}
# A step that has not ended after so long takes its worker with it each time.
GIVEN_UP_AFTER = {
    BatchState.RECEIVED: timedelta(minutes=15),
    BatchState.CHECKING: timedelta(minutes=15),
    BatchState.RUNNING: timedelta(hours=6),
}
UPLOAD = "upload"  # the name of the file as it came


@transaction.atomic
def create_evaluation(
    by: User,
    *,
    team: Team,
    name: str,
    data_class: str,
    keep_days: int,
    versions: Sequence[ModelVersion],
    file: Any,
) -> BatchEvaluation:
    """Keep a file under a key of its own, for one to five versions. `file` has name, size and chunks(). Returns the
    BatchEvaluation. Raises NotAllowed, Invalid, RuleError, TooLarge, QuotaFull, InsufficientStorage."""
    require(can_evaluate_for(by, team), f"Only members of {team} evaluate for it.", ask=str(team))
    require_data_class(data_class)
    if keep_days not in KEPT_DAYS:
        raise Invalid(f"Choose one of {', '.join(map(str, KEPT_DAYS))} days.", field="keep_days")
    require_versions(versions)
    _require_room(team, file.size)
    evaluation = BatchEvaluation.objects.create(
        team=team,
        name=name,
        data_class=data_class,
        keep_days=keep_days,
        file_name=_plain_name(file.name),
        file_bytes=file.size,
        created_by=by,
        delete_rows_at=timezone.now() + DRAFT_LIFE,
    )
    EvaluatedVersion.objects.bulk_create(
        EvaluatedVersion(evaluation=evaluation, version=version) for version in versions
    )
    evaluation_files.make_key(evaluation)
    try:
        Files(evaluation).write(UPLOAD, file.chunks(evaluation_files.BLOCK))
    except BaseException:
        evaluation_files.erase(evaluation)
        raise
    record(
        by,
        "batch_evaluation.upload",
        evaluation,
        data_class=data_class,
        keep_days=keep_days,
        versions=[str(version) for version in versions],
    )
    _enqueue(evaluation)
    return evaluation


def require_data_class(data_class: str) -> None:
    """Raise Invalid unless data of this class may be brought here."""
    if data_class not in DataClass.values:
        raise Invalid(f"Choose one of {', '.join(DataClass.values)}.", field="data_class")
    if data_class == DataClass.SPECIAL:
        raise Invalid(
            "Special categories of personal data are not taken: health, origin, belief, union, sex life, genes, biometrics.",
            field="data_class",
            remedy="Leave those columns out of the file, then choose the class of what remains.",
        )


def require_versions(versions: Sequence[ModelVersion]) -> None:
    """Raise Invalid unless these are one to five versions whose stored graphs can answer rows."""
    if not 1 <= len(set(versions)) == len(versions) <= MOST_VERSIONS:
        raise Invalid(f"Choose one to {MOST_VERSIONS} versions, each once.", field="versions")
    for version in versions:
        if problem := cannot_answer(version):
            raise Invalid(problem, field="versions")


def cannot_answer(version: ModelVersion) -> str:
    """Why a version cannot be evaluated on a file; "" when it can."""
    if version.kind == ModelVersion.Kind.EXTERNAL:
        return (
            f"{version} runs at its owner's own address, and rows do not leave the marketplace. "
            f"Ask {version.model.owner_team} for an ONNX package, or call it from an application of yours."
        )
    if not version.is_callable:
        return f"{version} is {version.get_state_display().lower()}; only live versions answer."
    for spec in version.signature["inputs"]:
        if is_needed(spec) and not takes_one_value(spec):
            return f"{version} takes several values a row for its input {spec['name']}; a table has one a cell."
    return ""


def takes_one_value(spec: dict[str, Any]) -> bool:
    return spec.get("shape", [-1]) in ([-1], [-1, 1])


@transaction.atomic
def read_again(
    by: User, evaluation: BatchEvaluation, *, encoding: str, delimiter: str, decimal: str
) -> BatchEvaluation:
    """Read the file another way: the guess was wrong. Returns the evaluation. Raises NotAllowed, RuleError."""
    _require_may(by, evaluation)
    _require_rows(evaluation)
    reading = {
        "kind": evaluation.reading.get("kind", ""),
        "encoding": encoding,
        "delimiter": delimiter,
        "decimal": decimal,
    }
    transition(evaluation, BatchState.RECEIVED, reading=reading, columns=[], mapping={}, report={})
    _enqueue(evaluation)
    return evaluation


@transaction.atomic
def map_columns(
    by: User, evaluation: BatchEvaluation, mapping: Mapping, *, confirms_personal: bool = False
) -> BatchEvaluation:
    """Choose what each column is; the rows are checked next. Returns the evaluation. Raises NotAllowed, Invalid, RuleError."""
    _require_may(by, evaluation)
    _require_rows(evaluation)
    names = [column["name"] for column in evaluation.columns]
    evaluation_mapping.require(mapping, evaluation.evaluated(), names)
    kept = [column for column in mapping.columns if column not in mapping.pseudonyms]
    personal = personal_columns(evaluation, kept)
    if personal and not confirms_personal:
        raise Invalid(
            f"{'; '.join(personal)}. Confirm that your team may use this data here, have it replaced by pseudonyms, or choose other columns.",
            field="confirms_personal",
        )
    transition(evaluation, BatchState.CHECKING, mapping=mapping.as_data(), report={})
    if personal:
        record(by, "batch_evaluation.confirm_personal_data", evaluation, columns=len(personal))
    if mapping.pseudonyms:
        count = len(mapping.pseudonyms)
        record(by, "batch_evaluation.pseudonymise", evaluation, columns=count)
    _enqueue(evaluation)
    return evaluation


def personal_columns(evaluation: BatchEvaluation, chosen: Iterable[str]) -> list[str]:
    """What looks like data of a person in the chosen columns, a sentence each."""
    wanted = set(chosen)
    return [
        f"The column {column['name']} looks like: {', '.join(column['personal'])}"
        for column in evaluation.columns
        if column["personal"] and column["name"] in wanted
    ]


@transaction.atomic
def start_evaluation(by: User, evaluation: BatchEvaluation) -> BatchEvaluation:
    """Queue the run. The file as it came is deleted: only its mapped columns stay. Raises NotAllowed, RuleError."""
    _require_may(by, evaluation)
    _require_rows(evaluation)
    if not any(entry["valid"] for entry in evaluation.report.get("versions", [])):
        raise RuleError(
            "No version takes a row of this file.", remedy="Choose other columns, or mend the file."
        )
    require_versions(evaluation.evaluated())
    transition(
        evaluation,
        BatchState.QUEUED,
        answers_done=0,
        worked_s=0,
        delete_rows_at=timezone.now() + timedelta(days=max(evaluation.keep_days, 1)),
    )
    Files(evaluation).remove(UPLOAD)
    record(by, "batch_evaluation.start", evaluation, rows=evaluation.rows)
    _enqueue(evaluation)
    return evaluation


@transaction.atomic
def cancel_evaluation(by: User, evaluation: BatchEvaluation) -> BatchEvaluation:
    """Stop it, whatever it is at; a running one ends after the rows in hand. Its rows are deleted. Raises NotAllowed, RuleError."""
    _require_may(by, evaluation)
    transition(evaluation, BatchState.CANCELLED, finished_at=timezone.now())
    record(by, "batch_evaluation.cancel", evaluation)
    _begin_deletion(by, evaluation, DeletionReceipt.Reason.ASKED)
    return evaluation


@transaction.atomic
def delete_rows(by: User, evaluation: BatchEvaluation) -> DeletionReceipt:
    """Destroy the key now, and have the files removed; figures stay. Returns the receipt. Raises NotAllowed, RuleError."""
    _require_may(by, evaluation)
    if evaluation.is_in_work:
        raise RuleError("It is at work with these rows.", remedy="Cancel it first.")
    _require_rows(evaluation)
    if evaluation.is_open:
        transition(evaluation, BatchState.CANCELLED, finished_at=timezone.now())
    return _begin_deletion(by, evaluation, DeletionReceipt.Reason.ASKED)


@transaction.atomic
def share_figures(by: User, evaluation: BatchEvaluation) -> BatchEvaluation:
    """Put the figures over all rows beside the versions' others, once; rows, groups and single answers stay the team's.

    Versions of the team's own models are left out. Returns the evaluation. Raises NotAllowed, RuleError.
    """
    _require_may(by, evaluation)
    evaluation = (
        BatchEvaluation.objects.select_for_update(of=("self",))
        .select_related("team__business_unit")
        .get(pk=evaluation.pk)
    )
    if evaluation.shared_at:
        raise RuleError("Its figures are shared already.", remedy="Reload the page and look again.")
    shared = shareable(evaluation)
    if not shared:
        raise RuleError(
            "There is nothing to share.",
            remedy=f"Figures of another team's models are shared, over at least {LEAST_SHARED} rows with the truth.",
        )
    for version, figures in shared:
        keep_consumer_figures(by, version, evaluation.team, figures)
        _tell_of_figures(evaluation, version)
    evaluation.shared_at = timezone.now()
    evaluation.save(update_fields=["shared_at"])
    versions = [str(version) for version, _ in shared]
    record(by, "batch_evaluation.share", evaluation, versions=versions)
    return evaluation


def shareable(evaluation: BatchEvaluation) -> list[tuple[ModelVersion, list[dict[str, Any]]]]:
    """The versions of other teams with the figures that may be shared: metric, value, low, high, n; [] before it succeeded."""
    results = evaluation.results
    if evaluation.state != BatchState.SUCCEEDED or results.get("measured", 0) < LEAST_SHARED:
        return []
    return [
        (version, figures)
        for place, version in enumerate(evaluation.evaluated())
        if version.model.owner_team_id != evaluation.team_id
        and (figures := _figures_of(results, place))
    ]


def _figures_of(results: dict[str, Any], place: int) -> list[dict[str, Any]]:
    """What was measured of the version at a place, the figures that are undefined left out."""
    return [
        {"metric": row["metric"], "n": results["measured"]} | value
        for row in results["figures"]
        if (value := row["values"][place])["value"] is not None
    ]


def _tell_of_figures(evaluation: BatchEvaluation, version: ModelVersion) -> None:
    notify(
        User.objects.on_teams([version.model.owner_team]),
        "batch_evaluation",
        f"{evaluation.team} measured {version} on its own rows",
        key=f"figures-shared:{evaluation.pk}:{version.pk}",
        body=f"Over {evaluation.results['measured']:,} rows. The figures stand beside the others.",
        url=reverse("governance:figures", args=[version.model.slug, version.number]),
        model=version.model.slug,
        teams=[version.model.owner_team_id],
    )


def _begin_deletion(by: User, evaluation: BatchEvaluation, reason: str) -> DeletionReceipt:
    """The key goes in this transaction; consumption.erase_evaluation removes the files and completes the receipt."""
    receipt, created = DeletionReceipt.objects.get_or_create(
        evaluation=evaluation, defaults={"asked_by": by, "reason": reason}
    )
    if created:
        EvaluationKey.objects.filter(evaluation=evaluation).delete()
        now = timezone.now()
        DeletionReceipt.objects.filter(pk=receipt.pk).update(key_destroyed_at=now)
        BatchEvaluation.objects.filter(pk=evaluation.pk).update(rows_deleted_at=now)
        evaluation.rows_deleted_at = receipt.key_destroyed_at = now
        record(by, "batch_evaluation.destroy_key", evaluation, reason=reason)
        enqueue("consumption.erase_evaluation", evaluation.pk)
    return receipt


@transaction.atomic
def complete_receipt(evaluation: BatchEvaluation) -> DeletionReceipt:
    """Remove the files of an evaluation whose key is destroyed, and write what was there and that nothing is left."""
    receipt = DeletionReceipt.objects.select_for_update().get(evaluation=evaluation)
    if receipt.done_at is not None:
        return receipt
    files, size = evaluation_files.erase(evaluation)
    has_key = EvaluationKey.objects.filter(evaluation=evaluation).exists()
    if has_key or not evaluation_files.is_empty(evaluation):
        raise RuleError(
            f"The rows of {evaluation} could not be removed.",
            remedy="Try again later.",
            ask="the operators",
        )
    receipt.files, receipt.size, receipt.rows = files, size, evaluation.rows
    receipt.rows_left, receipt.done_at = 0, timezone.now()
    receipt.save()
    record(
        User.objects.system("batch-evaluator"),
        "batch_evaluation.delete_rows",
        evaluation,
        receipt=receipt.pk,
        rows=evaluation.rows,
        rows_left=0,
        files=files,
        key_destroyed=True,
    )
    return receipt


@transaction.atomic
def end_retention(evaluation: BatchEvaluation) -> None:
    """Its time is over, or its run has ended and its rows were to go then: delete them, unless a worker is at them."""
    evaluation = BatchEvaluation.objects.select_for_update().get(pk=evaluation.pk)
    if not evaluation.has_rows or evaluation.is_in_work:
        return
    by = User.objects.system("batch-evaluator")
    if evaluation.is_open:
        problem = "It was not run within a day, so its file was deleted."
        transition(evaluation, BatchState.CANCELLED, finished_at=timezone.now(), problem=problem)
    after_run = evaluation.keep_days == 0 and not evaluation.is_open
    reasons = DeletionReceipt.Reason
    _begin_deletion(by, evaluation, reasons.AFTER_RUN if after_run else reasons.RETENTION)


def sweep_evaluations(now: datetime | None = None) -> None:
    """Wake what waits, delete what is due, complete receipts, and forget figures that are too old."""
    now = now or timezone.now()
    for evaluation in BatchEvaluation.objects.in_work().filter(
        state_since__lt=now - timedelta(seconds=20)
    )[:100]:
        longest = GIVEN_UP_AFTER.get(BatchState(evaluation.state))
        if longest and evaluation.state_since < now - longest:
            fail_evaluation(evaluation, "It did not end, whichever worker took it. Try fewer rows.")
        else:
            _enqueue(evaluation)
    for evaluation in BatchEvaluation.objects.with_rows().filter(delete_rows_at__lte=now)[:100]:
        end_retention(evaluation)
    open_receipts = DeletionReceipt.objects.filter(
        done_at=None, asked_at__lt=now - timedelta(seconds=20)
    )
    for receipt in open_receipts.select_related("evaluation")[:100]:
        enqueue("consumption.erase_evaluation", receipt.evaluation_id)
    BatchEvaluation.objects.filter(finished_at__lt=now - FIGURES_KEPT).exclude(results={}).update(
        results={}
    )


# --- what a worker writes ----------------------------------------------------------------------------------------------


@transaction.atomic
def columns_found(
    evaluation: BatchEvaluation, reading: dict[str, str], columns: list[dict[str, Any]], rows: int
) -> None:
    transition(evaluation, BatchState.MAPPING, reading=reading, columns=columns, rows=rows)


@transaction.atomic
def rows_checked(evaluation: BatchEvaluation, report: dict[str, Any], rows: int) -> None:
    transition(evaluation, BatchState.READY, report=report, rows=rows)


def fail_evaluation(evaluation: BatchEvaluation, problem: str) -> None:
    """It cannot go on: the reason is for the team. Its rows go as if the run had ended."""
    _end(evaluation, BatchState.FAILED, problem=problem)


@transaction.atomic
def begin_run(evaluation: BatchEvaluation) -> bool:
    """Take one of the team's places. False while both are taken."""
    Team.objects.select_for_update(no_key=True).get(pk=evaluation.team_id)
    others = BatchEvaluation.objects.filter(team=evaluation.team_id, state=BatchState.RUNNING)
    if others.exclude(pk=evaluation.pk).count() >= AT_ONCE:
        return False
    transition(evaluation, BatchState.RUNNING, started_at=timezone.now())
    return True


def advance(evaluation: BatchEvaluation, answers_done: int, worked_s: float) -> bool:
    """Commit how far it is. False when it was cancelled meanwhile."""
    running = BatchEvaluation.objects.filter(pk=evaluation.pk, state=BatchState.RUNNING)
    return running.update(answers_done=answers_done, worked_s=worked_s) == 1


def succeed(evaluation: BatchEvaluation, results: dict[str, Any]) -> None:
    _end(evaluation, BatchState.SUCCEEDED, results=results)


@transaction.atomic
def _end(evaluation: BatchEvaluation, state: BatchState, **ends: Any) -> None:
    """Unless it was cancelled meanwhile. Rows that were kept for the run only are due to go."""
    ends["finished_at"] = now = timezone.now()
    if evaluation.keep_days == 0:
        ends["delete_rows_at"] = now
    try:
        transition(evaluation, state, **ends)
    except StaleState:
        return
    _record_end(evaluation)


def wake_runs() -> None:
    """A turn has ended: the run that has worked least goes on, or begins."""
    runs = BatchEvaluation.objects.filter(state__in=(BatchState.QUEUED, BatchState.RUNNING))
    for evaluation in runs.order_by("worked_s", "id")[: 2 * AT_ONCE]:
        _enqueue(evaluation)


def _record_end(evaluation: BatchEvaluation) -> None:
    system = User.objects.system("batch-evaluator")
    record(system, "batch_evaluation.end", evaluation, state=evaluation.state, rows=evaluation.rows)
    if evaluation.created_by.is_on(evaluation.team):
        notify(
            [evaluation.created_by],
            "batch_evaluation",
            f"{evaluation.name}: {evaluation.get_state_display().lower()}",
            key=f"batch-evaluation-ended:{evaluation.pk}",
            body=evaluation.problem,
            url=evaluation.get_absolute_url(),
        )
    waiting = BatchEvaluation.objects.filter(team=evaluation.team_id, state=BatchState.QUEUED)
    for other in waiting.order_by("id")[:AT_ONCE]:
        _enqueue(other)
    if evaluation.keep_days == 0:
        enqueue("consumption.end_evaluation", evaluation.pk)


def _enqueue(evaluation: BatchEvaluation) -> None:
    enqueue(TASK_OF[BatchState(evaluation.state)], evaluation.pk)


def _require_may(by: User, evaluation: BatchEvaluation) -> None:
    team = evaluation.team
    require(can_manage_evaluation(by, evaluation), f"Only {team} works on it.", ask=str(team))


def _require_rows(evaluation: BatchEvaluation) -> None:
    if not evaluation.has_rows:
        raise RuleError(
            "Its rows were deleted.", remedy="Upload the file again for another evaluation."
        )


def _require_room(team: Team, size: int) -> None:
    """Raise TooLarge, QuotaFull or RuleError unless a file of `size` bytes may come."""
    most = settings.EVALUATION_MAX_BYTES
    if size > most:
        raise TooLarge(
            f"A file has at most {filesizeformat(most)}; this one has {filesizeformat(size)}.",
            field="file",
            limit=most,
            remedy="Take a sample of the rows, or leave out columns.",
        )
    if size == 0:
        raise Invalid("The file is empty.", field="file")
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # two at once see each other
    kept = BatchEvaluation.objects.filter(team=team)
    used = kept.with_rows().aggregate(total=Sum("file_bytes"))["total"] or 0
    if used + size > settings.EVALUATION_TEAM_BYTES:
        raise QuotaFull(
            f"{team} keeps {filesizeformat(used)} of rows, and {filesizeformat(settings.EVALUATION_TEAM_BYTES)} is the most.",
            field="file",
            limit=settings.EVALUATION_TEAM_BYTES,
            remedy="Delete the rows of evaluations that have ended.",
        )
    if kept.filter(state__in=BatchEvaluation.OPEN).count() >= MOST_OPEN:
        raise RuleError(
            f"{team} has {MOST_OPEN} evaluations that have not ended.",
            remedy="Run or cancel some of them.",
        )


def _plain_name(name: str) -> str:
    """The name of a file as one line without a path."""
    last = str(name).replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:120] or "file"
