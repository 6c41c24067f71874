"""Verbs on what runs: start, stop, scale, roll back. They change the desired state; the reconciler makes it true."""

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from governance.policies import change_notice_days
from hosting import capacity, credentials, health
from hosting.models import Deployment, DeploymentState, Upstream
from hosting.permissions import can_operate, can_set_credential
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

ASK = "the publishing team or an operator"


@transaction.atomic
def start(by: User, deployment: Deployment, reason: str = "") -> None:
    """Run a stopped or failed deployment again. Raises NotAllowed, RuleError."""
    require(
        can_operate(by, deployment),
        "Only its publishing team and operators start a deployment.",
        ask=ASK,
    )
    if deployment.version.suspended_at:
        raise RuleError(
            f"{deployment.version} is suspended.",
            remedy="It runs again when the suspension is lifted.",
        )
    transition(deployment, DeploymentState.PENDING, is_stopped_by_owner=False, reason="")
    record(by, "deployment.start", deployment, reason=reason)
    enqueue("hosting.reconcile")


@transaction.atomic
def stop(by: User, deployment: Deployment, reason: str) -> None:
    """Stop a deployment until somebody starts it again; its consumers are told. Raises NotAllowed, RuleError."""
    require(
        can_operate(by, deployment),
        "Only its publishing team and operators stop a deployment.",
        ask=ASK,
    )
    _require_reason(reason)
    transition(deployment, DeploymentState.STOPPING, is_stopped_by_owner=True, reason=reason)
    Upstream.objects.filter(version=deployment.version_id).update(is_ready=False)
    event = record(by, "deployment.stop", deployment, reason=reason)
    health.notify_all(
        deployment.version,
        "deployment.stopped",
        f"{deployment.version} was stopped",
        reason,
        f"stop:{event.pk}",
    )
    notify(
        User.objects.holding("curator").exclude(pk=by.pk),
        "deployment.stopped",
        f"{by} stopped {deployment.version} at once",
        body=f"No notice was given to its consumers. {reason}",
        url=deployment.version.get_absolute_url(),
        key=f"stop-to-review:{event.pk}",
        model=deployment.version.model.slug,
    )
    enqueue("hosting.reconcile")


@transaction.atomic
def scale(
    by: User,
    deployment: Deployment,
    *,
    minimum: int,
    maximum: int,
    target_ongoing_requests: int,
    reason: str = "",
) -> None:
    """Set how many replicas may run, and how many calls each should have at once. Takes effect without a restart.

    minimum 0 lets the version sleep when nobody calls it, unless something keeps it awake (hosting.sleep). What takes capacity
    from consumers is proposed instead (consumption.changes.actions); operators from outside the owner team may act at once, with a
    reason that consumers read. Raises NotAllowed, Invalid, RuleError.
    """
    require(
        can_operate(by, deployment),
        "Only its publishing team and operators size a deployment.",
        ask=ASK,
    )
    after = {
        "min_replicas": minimum,
        "max_replicas": maximum,
        "target_ongoing_requests": target_ongoing_requests,
    }
    capacity.check(after)
    deployment.refresh_from_db(
        fields=list(after), from_queryset=Deployment.objects.select_for_update()
    )
    _require_notice_or_operator(by, deployment, after, reason)
    capacity.resize(by, deployment, after, reason)


def _require_notice_or_operator(
    by: User, deployment: Deployment, after: dict[str, int], reason: str
) -> None:
    """Raises RuleError when consumers would get less than they rely on, unless an operator says why it cannot wait."""
    version = deployment.version
    affected_rows = affected.by(affected.following(version))
    if not affected_rows or not capacity.is_less(capacity.size(deployment), after):
        return
    if by.has_role("operator") and not by.is_on(version.model.owner_team):
        require_reason(reason, "consumers read it")
        health.notify_all(
            version,
            "deployment.scaled",
            f"{version} has less capacity",
            reason,
            f"scaled:{deployment.pk}:{timezone.now():%s}",
        )
        return
    raise RuleError(
        f"This takes capacity from {affected.sentence(affected_rows)}: they get a notice of "
        f"{change_notice_days()} days, and a second person confirms it.",
        remedy=f"Propose it at {reverse('hosting:change_capacity', args=[version.model.slug, version.number])} "
        "or by POST /api/v1/changes/.",
    )


@transaction.atomic
def roll_back(by: User, deployment: Deployment, reason: str) -> ModelVersion:
    """Take a version out of service because the one before it is better; who follows versions automatically goes back.

    Returns the version that answers instead. Raises RuleError when there is none, NotAllowed.
    """
    require(
        can_operate(by, deployment),
        "Only its publishing team and operators roll a version back.",
        ask=ASK,
    )
    previous = version_before(deployment.version)
    if previous is None:
        raise RuleError(
            f"No earlier version of {deployment.version.model} is running.",
            remedy="Start an earlier version, then roll back.",
        )
    stop(by, deployment, f"Rolled back to {previous.number}. {reason}".strip())
    record(by, "deployment.roll_back", deployment, reason=reason, to=previous.number)
    return previous


def version_before(version: ModelVersion) -> ModelVersion | None:
    """The newest earlier version of the same model that is callable and runs; None when there is none."""
    earlier = (
        ModelVersion.objects.callable()
        .filter(model=version.model, upstream__is_ready=True)
        .newest_first()
    )
    return next((other for other in earlier if other.precedence < version.precedence), None)


NEVER_CALLED = (
    ModelVersion.State.REJECTED,
    ModelVersion.State.WITHDRAWN,
    ModelVersion.State.RETIRED,
)


def set_credential(by: User, version: ModelVersion, text: str) -> None:
    """Keep the credential of an external endpoint, encrypted; "" removes it. It is never shown again.

    text  what the endpoint wants in Authorization: a token (sent as Bearer), or scheme and value. Raises Invalid, RuleError, NotAllowed.
    """
    require(
        can_set_credential(by, version),
        f"Only {version.model.owner_team} sets it.",
        ask=ASK,
    )
    if not text.isprintable() or not text.isascii():
        raise Invalid("One line of ASCII letters, digits and signs.", field="credential")
    if version.kind != ModelVersion.Kind.EXTERNAL or version.state in NEVER_CALLED:
        raise RuleError(
            f"{version} is not an external endpoint that is called.",
            remedy="Name the endpoint in the draft first.",
        )
    if not text and affected.following(version).open().exists():
        raise RuleError(
            f"Consumers call {version}: without its credential their calls would fail.",
            remedy="Set the new credential instead, or deprecate the version.",
        )
    with transaction.atomic():
        upstream = _upstream_of(version)
        upstream.credential = credentials.seal(text, version.pk) if text else None
        upstream.save(update_fields=["credential", "base_url", "updated_at"])
        record(by, "upstream.credential", version, removed=not text)
        if version.is_editable:
            enqueue("publishing.try_out", version.pk)


def forget_endpoint(version: ModelVersion, but: str = "") -> None:
    """A draft is at another address than `but`, or has files now: what was stored for the old address goes."""
    Upstream.objects.filter(version=version).exclude(base_url=but.rstrip("/")).delete()


def _upstream_of(version: ModelVersion) -> Upstream:
    """The Upstream of an external version at its present address; one of a draft is probed once it is to run."""
    upstream, _ = Upstream.objects.select_for_update().get_or_create(
        version=version, defaults={"kind": Upstream.Kind.EXTERNAL, "probe_due_at": None}
    )
    upstream.base_url = version.external_url.rstrip("/")
    return upstream


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why: its consumers are told.", field="reason")
