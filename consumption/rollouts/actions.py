"""Verbs of automatic minor updates: announce, spread step by step, judge, complete or roll back; stop; agree (docs/updates.md)."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Hold, Rollout, RolloutMember, Subscription
from consumption.permissions import can_stop_rollout
from consumption.rollouts import figures, guard, members, updates
from governance import policies
from governance.calendar import business_days_after
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason, require_state
from marketplace.core.errors import RuleError
from marketplace.core.guard import require
from marketplace.core.invalidation import invalidate
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify, resolve

log = logging.getLogger(__name__)
SYSTEM = "moves"
State = Rollout.State
Pair = tuple[RolloutMember, Subscription]
GATEWAYS_KNOW = timedelta(minutes=1)  # they read changes within 5 s
BAD = ("rolled-back", "stopped", "kept", "waits")
TOO_FEW = "Only {calls} calls were made in {days} days; {needed} are judged at least."


def announce_rollout(by: User, version: ModelVersion) -> Rollout | None:
    """At the publication of a version: those whom it would reach by itself across a minor number get it by share, later.

    Returns None where it is nobody's automatic minor update; then nothing differs from before. In the publication's transaction:
    no gateway ever sees the version without knowing that nobody follows it yet.
    """
    if not settings.UPDATES_BY_CANARY or version.is_candidate or not members.concerned(version):
        return None
    return _announce(by, version, notice=True)


def _announce(by: User, version: ModelVersion, *, notice: bool) -> Rollout:
    now = timezone.now()
    rules = policies.in_force(now)
    days = rules.days("update_days", version.risk_tier) if notice else 0
    steps = rules.canary()
    rollout = Rollout.objects.create(
        version=version,
        announced_at=now,
        starts_at=business_days_after(now, days),
        steps=steps,
        needs_yes=version.risk_tier == "high",
    )
    ModelVersion.objects.filter(pk=version.pk).update(is_followed=False)
    version.is_followed = False
    invalidate("version", version=version.pk)
    members.note(rollout)
    record(by, "rollout.announce", rollout, starts_at=rollout.starts_at.isoformat(), steps=steps)
    return rollout


def advance_rollouts() -> int:
    """The sweep: what is due begins, is judged, completes or goes back; one transaction for each. Returns how many moved on.

    May run twice and at the same time: who comes second finds the row locked and leaves it.
    """
    _let_go()
    due = Rollout.objects.due(timezone.now()).order_by("starts_at")
    moved = 0
    for pk in list(due.values_list("pk", flat=True)[: updates.A_PASS]):
        with transaction.atomic():
            rollout = (
                Rollout.objects.select_for_update(of=["self"], skip_locked=True)
                .for_list()
                .filter(pk=pk)
                .first()
            )
            if rollout is not None and rollout.is_open:
                was = rollout.state, rollout.step
                _advance(User.objects.system(SYSTEM), rollout)
                moved += (rollout.state, rollout.step) != was
    return moved


def _let_go() -> None:
    """Who had a version first stays held at it until every gateway knows that everybody has it: none answers from before again."""
    done = RolloutMember.objects.filter(
        got_at__isnull=False,
        rollout__state=State.COMPLETED,
        rollout__ended_at__lte=timezone.now() - GATEWAYS_KNOW,
        subscription__hold=Hold.UPDATE,
        subscription__held_version=F("rollout__version"),
    )
    for pk in list(done.values_list("subscription", flat=True)[: updates.A_PASS]):
        with transaction.atomic():
            held = Subscription.objects.select_for_update(of=["self"]).for_list().get(pk=pk)
            if held.hold == Hold.UPDATE:
                updates.settle(held, held.held_version)


def _advance(by: User, rollout: Rollout) -> None:
    version = rollout.version
    if not version.is_callable or version.state != ModelVersion.State.PUBLISHED:
        said = "stopped" if version.suspended_at else version.get_state_display().lower()
        _give_up(by, rollout, State.STOPPED, f"{version} is {said}.")
        return
    _catch(by, rollout)
    if rollout.state == State.CANARY:
        _judge(by, rollout)
    elif rollout.starts_at <= timezone.now():
        _begin(by, rollout)


def _catch(by: User, rollout: Rollout) -> None:
    """Whom nothing answers any more gets the version now: the one before was suspended, or is over. What may not get it is told."""
    stranded = members.stranded(rollout)
    caught = [pair for pair in stranded if members.is_free(rollout, *pair)]
    if caught:
        _give(rollout, caught)
        record(by, "rollout.catch", rollout, subscriptions=[one.pk for _, one in caught])
    body = "The version before answers no more; the update did not wait for its share. You can move it to another version."
    _tell(rollout, caught, "caught", f"{rollout.version} answers its calls now, earlier", body)
    left = [pair for pair in stranded if pair not in caught]
    body = (
        "The version before answers no more. Move it to another version, or let this one reach it."
    )
    _tell(rollout, left, "waits", f"nothing answers its calls, and {rollout.version} waits", body)


def _begin(by: User, rollout: Rollout) -> None:
    """The first share gets it; it waits while an earlier update of the model spreads, and while nobody may get it."""
    running = Rollout.objects.filter(version__model=rollout.version.model_id, state=State.CANARY)
    if running.exists():
        return
    members.note(rollout)
    concerned = members.locked(rollout)
    if not concerned:
        _complete(by, rollout)
    elif any(members.is_free(rollout, *pair) for pair in concerned):
        now = timezone.now()
        transition(rollout, State.CANARY, canary_at=now, step_at=now)
        _widen(by, rollout, concerned)


def _next_step(by: User, rollout: Rollout) -> None:
    rollout.step, rollout.step_at = rollout.step + 1, timezone.now()
    rollout.save(update_fields=["step", "step_at"])
    members.note(rollout)
    _widen(by, rollout, members.locked(rollout))


def _widen(by: User, rollout: Rollout, concerned: list[Pair]) -> None:
    """Those who have it now are the share of this step."""
    free = [pair for pair in concerned if members.is_free(rollout, *pair)]
    chosen = members.next_ones(rollout, free)
    _give(rollout, chosen)
    names = [one.pk for _, one in chosen]
    record(by, "rollout.begin", rollout, step=rollout.step + 1, subscriptions=names)
    body = "If it fails more often, refuses more or is slower than the version before, the marketplace rolls it back by itself."
    title = f"{rollout.version} answers its calls now, as one of the first"
    _tell(rollout, chosen, "began", title, body)


def _give(rollout: Rollout, pairs: list[Pair]) -> None:
    now = timezone.now()
    RolloutMember.objects.filter(pk__in=[member.pk for member, _ in pairs]).update(got_at=now)
    for member, subscription in pairs:
        member.got_at = now
        hold = subscription.hold or Hold.UPDATE
        updates.keep_at(subscription, hold=hold, held_version=rollout.version)


def _judge(by: User, rollout: Rollout) -> None:
    evidence = figures.count(rollout)
    now, calls, rule = timezone.now(), evidence.canary.calls, rollout.rule
    if rollout.figures != evidence.as_data():
        rollout.figures = evidence.as_data()
        rollout.save(update_fields=["figures"])
    assert rollout.follows_at is not None and rollout.given_up_at is not None
    if reason := guard.worse(evidence, rule["calls"]):
        _give_up(by, rollout, State.ROLLED_BACK, reason)
    elif calls >= rule["calls"] and now >= rollout.follows_at:
        (_complete if rollout.is_last_step else _next_step)(by, rollout)
    elif now >= rollout.given_up_at:
        few = TOO_FEW.format(calls=calls, days=rule["days"], needed=rule["calls"])
        _give_up(by, rollout, State.ROLLED_BACK, few)


def _complete(by: User, rollout: Rollout) -> None:
    """Everybody who follows it has it; a team that holds it, has yet to say yes, or whose examples wait stays where it is."""
    version = rollout.version
    transition(rollout, State.COMPLETED, ended_at=timezone.now())
    ModelVersion.objects.filter(pk=version.pk).update(is_followed=True)
    version.is_followed = True
    followed = []
    members.note(rollout)
    for member, subscription in members.locked(rollout):
        if members.is_free(rollout, member, subscription):
            if subscription.held_version_id != version.pk:  # else see _let_go
                updates.settle(subscription, version)
            followed.append((member, subscription))
        elif rollout.needs_yes and subscription.hold == Hold.NONE:
            updates.keep_at(subscription, hold=Hold.UPDATE, held_version=member.from_version)
    invalidate("version", version=version.pk)
    record(by, "rollout.complete", rollout, figures=rollout.figures)
    later = [pair for pair in followed if not pair[0].is_canary]
    body = "The first applications ran on it without being worse off. You can hold or roll back updates on the page of the application."
    _tell(rollout, later, "completed", f"{version} answers its calls now", body)
    _tell_owners(rollout, "completed", f"{version} reached everybody who follows it", "")


def _give_up(by: User, rollout: Rollout, state: str, reason: str) -> None:
    """Who got the version by the update goes back to what answered before; nobody gets it by itself any more.

    Whom nothing answered before, as that version was suspended, keeps one that answers.
    """
    stopped_by = None if by.is_system else by
    transition(rollout, state, reason=reason, ended_at=timezone.now(), stopped_by=stopped_by)
    had = members.having(rollout)
    kept = members.kept(rollout, had)
    back = [pair for pair in had if pair not in kept]
    for member, subscription in back:
        _bring_back(member, subscription)
    record(by, f"rollout.{state}", rollout, reason=reason, figures=rollout.figures)
    word = "rolled back" if state == State.ROLLED_BACK else "stopped"
    body = f"{reason} Figures of both sides: {rollout.get_absolute_url()}"
    occasion = "rolled-back" if had else "stopped"
    for from_version in {member.from_version for member, _ in back}:
        these = [pair for pair in back if pair[0].from_version == from_version]
        title = f"{rollout.version} was {word}; {from_version.number} answers again"
        _tell(rollout, these, occasion, title, body)
    title = f"{rollout.version} was {word}, and goes on answering its calls"
    body = f"{reason} Nothing answered it before. Move it to a version that suits it."
    _tell(rollout, kept, "kept", title, body)
    _tell_owners(rollout, occasion, f"The update to {rollout.version} was {word}", reason)


def _bring_back(member: RolloutMember, subscription: Subscription) -> None:
    if subscription.hold == Hold.UPDATE:
        updates.keep_at(subscription, hold=Hold.NONE, held_version=None)
    else:
        until = subscription.held_until
        updates.keep_at(
            subscription,
            hold=subscription.hold,
            held_version=member.from_version,
            held_until=until,
        )


@transaction.atomic
def stop_rollout(by: User, rollout: Rollout, reason: str) -> Rollout:
    """The owner team or the marketplace manager ends an update: who has it goes back. Raises NotAllowed, Invalid, RuleError."""
    rollout = _held(rollout)
    require(
        can_stop_rollout(by, rollout),
        f"{rollout.version.model.owner_team} or the marketplace manager stops it.",
        ask=str(rollout.version.model.owner_team),
    )
    require_state(rollout, *Rollout.OPEN)
    require_reason(reason, "consumers read it")
    _give_up(by, rollout, State.STOPPED, reason.strip())
    return rollout


@transaction.atomic
def restart_rollout(by: User, rollout: Rollout) -> Rollout:
    """The owner team tries an update again that was given up, from its first share on. It was announced. Returns the new Rollout."""
    rollout = _held(rollout)
    version = rollout.version
    require(
        can_stop_rollout(by, rollout),
        f"{version.model.owner_team} tries it again.",
        ask=str(version.model.owner_team),
    )
    if not rollout.is_given_up or version.rollouts.filter(pk__gt=rollout.pk).exists():
        raise RuleError(
            f"{rollout} is {rollout.get_state_display().lower()}.",
            field="state",
            remedy="Reload the page and look again.",
        )
    if not version.is_callable or version.state != ModelVersion.State.PUBLISHED:
        raise RuleError(
            f"{version} takes no new subscriptions.",
            field="version",
            remedy="Choose a version that does.",
        )
    again = _announce(by, version, notice=False)
    if again.starts_at < rollout.starts_at:  # stopped before its notice had run
        Rollout.objects.filter(pk=again.pk).update(starts_at=rollout.starts_at)
        again.starts_at = rollout.starts_at
    return again


@transaction.atomic
def agree_to_update(by: User, rollout: Rollout, subscription: Subscription) -> RolloutMember:
    """A team says yes to an update of high risk: it reaches its subscription with the next step, or now where it is complete.

    Raises NotAllowed, RuleError.
    """
    rollout = _held(rollout)
    subscription = updates.held_subscription(by, subscription)
    member = rollout.members.filter(subscription=subscription).first()
    if member is None or not rollout.needs_yes:
        raise RuleError(
            f"{rollout} does not ask {subscription.application}.",
            field="subscription",
            remedy="Reload the page and look again.",
        )
    if rollout.is_given_up:
        raise RuleError(
            f"{rollout} is {rollout.get_state_display().lower()}.",
            field="state",
            remedy="Reload the page and look again.",
        )
    if member.agreed_at is None:
        member.agreed_by, member.agreed_at = by, timezone.now()
        member.save(update_fields=["agreed_by", "agreed_at"])
        record(by, "rollout.agree", subscription, version=rollout.version.number)
    if rollout.state == State.COMPLETED and subscription.hold == Hold.UPDATE:
        updates.settle(subscription, member.from_version)
    resolve(f"version.published:{rollout.version_id}:{subscription.pk}")
    return member


def _held(rollout: Rollout) -> Rollout:
    return Rollout.objects.select_for_update(of=["self"]).for_list().get(pk=rollout.pk)


def _tell(rollout: Rollout, pairs: list[Pair], occasion: str, title: str, body: str) -> None:
    """Each subscription's team, naming the application."""
    is_bad = occasion in BAD
    for _, subscription in pairs:
        application = subscription.application
        notify(
            User.objects.on_teams([application.team]),
            "version.rolled_back" if is_bad else "version.published",
            f"{application}: {title}",
            body=body,
            url=rollout.get_absolute_url(),
            key=f"rollout-{occasion}:{rollout.pk}:{subscription.pk}",
            teams=[application.team],
            model=rollout.version.model.slug,
            application=application.slug,
        )


def _tell_owners(rollout: Rollout, occasion: str, title: str, body: str) -> None:
    team: Team = rollout.version.model.owner_team
    notify(
        User.objects.on_teams([team]),
        "version.published" if occasion == "completed" else "version.rolled_back",
        title,
        body=body,
        url=rollout.get_absolute_url(),
        key=f"rollout-{occasion}:{rollout.pk}:owner",
        teams=[team],
        model=rollout.version.model.slug,
    )
