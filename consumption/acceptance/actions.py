"""Verbs of acceptance tests: store examples, run them on a version, accept what differs; they gate automatic updates."""

import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from catalog.models import ModelVersion
from consumption import affected
from consumption.models import (
    AcceptanceExample,
    AcceptanceResult,
    AcceptanceRun,
    Hold,
    Subscription,
)
from consumption.moving import replay
from consumption.moving.replay import Answered, Case
from consumption.permissions import can_manage_application
from consumption.playground import answers, gateway_client, rows, sandbox_pass, tries
from consumption.playground.sandbox_pass import SandboxPass
from consumption.playground.tries import Tried
from consumption.rollouts import updates
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

SYSTEM = "acceptance"
MOST_BYTES = 64 * 1024  # of one example's values
CLAIM = timedelta(minutes=2)
MOST_ATTEMPTS = 5
A_PASS = 20
NO_REPLY = (gateway_client.Late, gateway_client.TooLong, gateway_client.Unreachable)


@transaction.atomic
def add_example(
    by: User,
    subscription: Subscription,
    *,
    name: str,
    row: dict[str, str],
    output: str = "",
    low: float | None = None,
    high: float | None = None,
    expected: str = "",
) -> AcceptanceExample:
    """Store an example of the team's own. From the first one on, automatic updates pass them first. Raises NotAllowed, Invalid."""
    subscription = updates.held_subscription(by, subscription)
    if subscription.examples.count() >= AcceptanceExample.MOST:
        raise RuleError(
            f"At most {AcceptanceExample.MOST} examples are kept.",
            remedy="Delete one that you no longer need.",
        )
    if not row or len(json.dumps(row)) > MOST_BYTES:
        raise Invalid(f"Send values of up to {MOST_BYTES // 1024} KiB.", field="row")
    if low is None and high is None and not expected:
        raise Invalid("Say which answer you accept.", field="low")
    if low is not None and high is not None and low > high:
        raise Invalid("The lower limit is above the upper one.", field="high")
    try:
        with transaction.atomic():
            example = AcceptanceExample.objects.create(
                subscription=subscription,
                name=name,
                row=row,
                output=output,
                low=low,
                high=high,
                expected=expected,
                created_by=by,
            )
    except IntegrityError:
        raise Invalid(f"There is an example called {name} already.", field="name") from None
    if subscription.hold == Hold.NONE:
        updates.settle(subscription, affected.answering([subscription])[subscription.pk])
    record(by, "example.add", subscription, example=name)
    return example


@transaction.atomic
def delete_example(by: User, example: AcceptanceExample) -> None:
    """Delete an example with all that was answered to it."""
    subscription = updates.held_subscription(by, example.subscription)
    name = example.name
    example.delete()
    if subscription.hold == Hold.EXAMPLES and not subscription.examples.exists():
        held = subscription.held_version
        if held is None or held.is_followed:
            updates.settle(subscription, None)
        else:
            updates.keep_at(subscription, hold=Hold.UPDATE, held_version=held)
    record(by, "example.delete", subscription, example=name)
    for run in subscription.acceptance_runs.filter(state=AcceptanceRun.State.FAILED):
        run.subscription = subscription
        _recount(by, run)


def run_examples(by: User, subscription: Subscription, version: ModelVersion) -> AcceptanceRun:
    """Run the examples on a version for somebody who looks; it takes two calls of their hour. Raises what a try raises."""
    team = subscription.application.team
    require(
        can_manage_application(by, subscription.application),
        f"Only members of {team} run its examples.",
        ask=str(team),
    )
    examples = list(subscription.examples.all())
    if not examples:
        raise RuleError("There are no examples.", field="subscription", remedy="Store one first.")
    current = affected.answering([subscription])[subscription.pk]
    both = list({current.pk: current, version.pk: version}.values())
    answered = replay.ask(by, both, _cases(examples))
    with transaction.atomic():
        subscription = updates.held_subscription(by, subscription)
        run = AcceptanceRun.objects.create(subscription=subscription, version=version)
        _keep(by, run, examples, answered[current.pk], answered[version.pk])
    return run


@transaction.atomic
def accept_result(by: User, result: AcceptanceResult, reason: str) -> AcceptanceRun:
    """The team accepts an answer outside its range, with a reason; when nothing is left, what was held goes on."""
    subscription = updates.held_subscription(by, result.run.subscription)
    require_reason(reason, "the record keeps it")
    if result.is_fine:
        raise RuleError(
            f"{result.example} needs no accepting.", remedy="Reload the page and look again."
        )
    AcceptanceResult.objects.filter(pk=result.pk).update(
        accepted_by=by, accepted_at=timezone.now(), accepted_reason=reason.strip()
    )
    run = AcceptanceRun.objects.select_related("version").get(pk=result.run_id)
    run.subscription = subscription
    record(by, "example.accept", subscription, reason=reason, example=result.example.name)
    _recount(by, run)
    return run


def _recount(by: User, run: AcceptanceRun) -> None:
    """An example of a failed run was accepted or deleted: where none is left that failed, what it held goes on."""
    run.examples = run.results.count()
    run.failed = run.results.filter(is_within=False, accepted_by=None).count()
    run.save(update_fields=["examples", "failed"])
    if not run.failed:
        transition(run, AcceptanceRun.State.PASSED)
        _let_go_on(by, run)


def why_examples_block(subscription: Subscription, version: ModelVersion) -> str:
    """The sentence why the examples of a subscription forbid a version; "" when they passed on it, or there are none."""
    newest = subscription.examples.order_by("-created_at").first()
    if newest is None:
        return ""
    run = subscription.acceptance_runs.filter(version=version).first()
    if run is None or run.asked_at < newest.created_at or run.state == run.State.QUEUED:
        return f"Its examples were not run on {version.number} yet."
    if run.failed:
        return f"{run.failed} of {run.examples} examples failed on {version.number}."
    return ""


def offer_updates() -> int:
    """The sweep: examples are run on what was published for subscriptions that wait for it. Returns how many runs were asked for."""
    newer = ModelVersion.objects.filter(
        model=OuterRef("model"),
        state=ModelVersion.State.PUBLISHED,
        published_at__gt=OuterRef("updates_seen_at"),
    )
    waiting = Subscription.objects.filter(Exists(newer), hold=Hold.EXAMPLES).granted()
    asked = 0
    for pk in list(waiting.order_by("updates_seen_at").values_list("pk", flat=True)[:A_PASS]):
        with transaction.atomic():
            held = Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=pk)
            asked += _offer(held)
    queued = AcceptanceRun.objects.filter(state=AcceptanceRun.State.QUEUED).filter(
        Q(claimed_at=None) | Q(claimed_at__lt=timezone.now() - CLAIM)
    )
    for run_id in queued.order_by("asked_at").values_list("pk", flat=True)[:A_PASS]:
        enqueue("consumption.run_acceptance", run_id)
    return asked


def run_queued(run_id: int) -> None:
    """The worker: run the examples as the marketplace itself. Runs once, however often it is called."""
    run = AcceptanceRun.objects.select_related("version__model").filter(pk=run_id).first()
    claimable = AcceptanceRun.objects.filter(pk=run_id, state=AcceptanceRun.State.QUEUED).filter(
        Q(claimed_at=None) | Q(claimed_at__lt=timezone.now() - CLAIM)
    )
    if run is None or not claimable.update(claimed_at=timezone.now(), attempts=F("attempts") + 1):
        return
    subscription = Subscription.objects.for_list().get(pk=run.subscription_id)
    current = affected.answering([subscription])[subscription.pk]
    examples = list(subscription.examples.all())
    by = User.objects.system(SYSTEM)
    asked = [_ask(by, version, _cases(examples)) for version in (current, run.version)]
    (before, _), (after, is_reached) = asked
    if not is_reached and run.attempts + 1 < MOST_ATTEMPTS:
        return  # the sweep comes again
    with transaction.atomic():
        held = (
            Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=subscription.pk)
        )
        run.subscription = held
        if AcceptanceRun.objects.filter(pk=run_id, state=AcceptanceRun.State.QUEUED).exists():
            _keep(by, run, examples, before, after)


def _offer(subscription: Subscription) -> int:
    versions = list(subscription.model.versions.filter(state__in=ModelVersion.LISTED))
    seen = max(version.published_at for version in versions if version.published_at)
    Subscription.objects.filter(pk=subscription.pk).update(updates_seen_at=seen)
    target = next_update(subscription, versions)
    if target is None:
        return 0
    run = AcceptanceRun.objects.create(subscription=subscription, version=target, is_automatic=True)
    enqueue("consumption.run_acceptance", run.pk)
    return 1


def next_update(subscription: Subscription, versions: list[ModelVersion]) -> ModelVersion | None:
    """The version that would answer the subscription if nothing held it; None where that is the one that answers."""
    policy, pinned = subscription.version_policy, subscription.pinned_version
    target: ModelVersion = affected.in_the_end(policy, pinned, versions)
    return None if target == affected.resolve_for(subscription, versions) else target


def _ask(by: User, version: ModelVersion, cases: list[Case]) -> tuple[list[Answered], bool]:
    """(an Answered for each case, did the gateway answer at all?). One call; it takes nobody's hour."""
    judged = rows.judge(version.signature, [case.row for case in cases])
    if judged.body is None:
        return replay.read(version, judged, len(cases), None), True
    expires_at = int(timezone.now().timestamp()) + sandbox_pass.LIFE_S
    text = tries.pass_of(SandboxPass(by.pk, version.model_id, version.pk, expires_at, 50, 50))
    try:
        reply = gateway_client.infer(version.model.slug, version.number, judged.body, text)
    except NO_REPLY:
        tried = Tried(version, None, f"{version.number} did not answer.")
        return replay.read(version, judged, len(cases), tried), False
    answered = replay.read(version, judged, len(cases), Tried(version, reply))
    return answered, reply.status < 500 and reply.status not in (401, 404, 429)


def _cases(examples: list[AcceptanceExample]) -> list[Case]:
    return [Case(example.name, example.row) for example in examples]


def _keep(
    by: User,
    run: AcceptanceRun,
    examples: list[AcceptanceExample],
    before: list[Answered],
    after: list[Answered],
) -> None:
    """Write down what was answered, and do what follows from it."""
    results = []
    for example, old, new in zip(examples, before, after, strict=True):
        why = judge(example, run.version, new)
        results.append(
            AcceptanceResult(
                run=run,
                example=example,
                before=_kept(old.value(example.output)),
                answer=_kept(new.value(example.output)),
                is_within=not why,
                why=why[:300],
            )
        )
    AcceptanceResult.objects.bulk_create(results)
    failed = [result for result in results if not result.is_within]
    run.examples, run.failed = len(results), len(failed)
    run.save(update_fields=["examples", "failed"])
    transition(run, AcceptanceRun.State.FAILED if failed else AcceptanceRun.State.PASSED)
    record(by, "examples.run", run, version=run.version.number, failed=len(failed))
    if not failed:
        _let_go_on(by, run)
    elif run.is_automatic:
        _tell_failure(run, failed)


def judge(example: AcceptanceExample, version: ModelVersion, answered: Answered) -> str:
    """Why an answer is not what the example accepts; "" when it is."""
    if answered.why_not:
        return answered.why_not
    output = example.output or answered.main
    if output not in answered.values:
        return f"{version.number} does not answer {output}."
    value = answered.values[output]
    shown = answers.shown(value)
    if example.low is None and example.high is None:
        return "" if shown == example.expected else f"{shown} is not “{example.expected}”."
    if not answers.is_number(value):
        return f"{shown} is no number."
    is_below = example.low is not None and value < example.low
    is_above = example.high is not None and value > example.high
    return f"{shown} is outside {example.accepts}." if is_below or is_above else ""


def _kept(value: Any) -> Any:
    """A number as it is, anything else as people read it."""
    return value if answers.is_number(value) else answers.shown(value)


def _let_go_on(by: User, run: AcceptanceRun) -> None:
    """The examples pass: a version that only waited for them answers from now on."""
    subscription = run.subscription
    versions = list(subscription.model.versions.filter(state__in=ModelVersion.LISTED))
    if subscription.hold != Hold.EXAMPLES or next_update(subscription, versions) != run.version:
        return
    was = affected.resolve_for(subscription, versions)
    if not _is_everybodys(subscription, run.version):
        _tell(
            run,
            f"its examples passed on {run.version.number}",
            f"{was.number} answers until the update reaches it.",
            "passed",
        )
        return
    updates.keep_at(subscription, hold=Hold.EXAMPLES, held_version=run.version)
    record(by, "updates.follow", subscription, before=was.number, after=run.version.number)
    _tell(
        run,
        f"is on {run.version.number} now: its examples passed",
        f"It was on {was.number}. You can hold or roll back updates on the page of the application.",
        "passed",
    )


def _is_everybodys(subscription: Subscription, version: ModelVersion) -> bool:
    """Does it answer whoever follows it? A minor update that spreads by share waits for its turn."""
    pinned = subscription.pinned_version
    return version.is_followed or (pinned.major, pinned.minor) == (version.major, version.minor)


def _tell_failure(run: AcceptanceRun, failed: list[AcceptanceResult]) -> None:
    names = ", ".join(f"“{result.example.name}”" for result in failed)
    whys = " ".join(f"{result.example.name}: {result.why}" for result in failed)
    what = f"{run.version.number} is held: {names} failed"
    _tell(run, what, f"{whys} Accept it with a reason, or change the example.", "failed")
    subscription = run.subscription
    notify(
        User.objects.on_teams([subscription.model.owner_team]),
        "version.published",
        f"{subscription.application} holds {run.version}: {run.failed} of its {run.examples} examples failed",
        body=f"The examples are {subscription.application.team}’s own; ask them what differs.",
        url=f"{subscription.model.get_absolute_url()}consumers/",
        key=f"examples-failed-owner:{run.pk}",
        teams=[subscription.model.owner_team],
        model=subscription.model.slug,
    )


def _tell(run: AcceptanceRun, what: str, body: str, occasion: str) -> None:
    subscription = run.subscription
    notify(
        User.objects.on_teams([subscription.application.team]),
        "version.published",
        f"{subscription.application} ({subscription.model}): {what}",
        body=body,
        url=f"/subscriptions/{subscription.pk}/examples/",
        key=f"examples-{occasion}:{run.pk}",
        teams=[subscription.application.team],
        model=subscription.model.slug,
        application=subscription.application.slug,
    )
