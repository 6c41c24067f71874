"""A measurement repeated: the same files, rows and seed give the same figures (docs/evaluation.md, "Replays")."""

from catalog.models import ModelVersion
from governance.models import EvaluationRun, RunState
from marketplace.accounts.models import RoleGrant, User
from marketplace.audit.actions import record
from marketplace.notices.actions import notify
from publishing import evaluation


def difference(run: EvaluationRun) -> str:
    """Why a repeated run does not give what was recorded, or "". Keeps nothing. Raises CannotEvaluate."""
    assessment, _ = evaluation.assess(run)
    if assessment.sha256 == run.metrics_sha256:
        return ""
    if (suite := run.record.get("suite")) != assessment.suite:
        return f"It was measured by the suite {suite}; such data is measured by {assessment.suite} now."
    return f"The figures differ: {assessment.sha256}, recorded {run.metrics_sha256}."


def replay_one() -> EvaluationRun | None:
    """Repeat a scored run at random, put it on the record, and tell evaluators when it differs. Returns it, None without any.

    Endpoints hosted outside are not asked: each repetition would tell them the rows once more.
    """
    scored = EvaluationRun.objects.filter(state=RunState.SCORED).exclude(
        version__kind=ModelVersion.Kind.EXTERNAL
    )
    run = scored.select_related("version__model", "dataset").order_by("?").first()
    if run is None:
        return None
    try:
        problem = difference(run)
    except evaluation.CannotEvaluate as cannot:
        problem = cannot.message
    record(
        User.objects.system("evaluation-runner"),
        "evaluation.replay",
        run.version,
        reason=problem or "The same figures.",
        run=run.pk,
        is_same=not problem,
    )
    if problem:
        _tell(run, problem)
    return run


def _tell(run: EvaluationRun, problem: str) -> None:
    roles = (RoleGrant.Role.EVALUATOR, RoleGrant.Role.GOVERNANCE_LEAD)
    notify(
        User.objects.holding(*roles),
        "review",
        f"The evaluation of {run.version} could not be repeated",
        body=problem,
        url=run.version.get_absolute_url(),
        key=f"replay-differs:{run.pk}",
        model=run.version.model.slug,
    )
