"""What the page of a rollout shows: where each subscription stands, and the figures of both sides."""

from collections.abc import Iterator
from dataclasses import dataclass

from consumption.models import AcceptanceRun, Rollout, RolloutMember, Subscription
from consumption.permissions import can_stop_rollout
from consumption.rollouts import guard, words
from consumption.stations import Station, done, going_on, to_come
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import ms, quantity

MOST = 200  # applications shown


@dataclass(frozen=True)
class Row:
    """One application, and where it stands; may_agree: the reader may say yes for it."""

    member: RolloutMember
    subscription: Subscription
    standing: str
    may_agree: bool


@dataclass(frozen=True)
class Measure:
    """One thing that the guard compares, in words."""

    label: str
    canary: str
    old: str
    limit: str


@dataclass(frozen=True)
class RolloutPage:
    """rows: the reader's own applications, or all for the owners and who oversees. more: how many are left out."""

    rollout: Rollout
    steps: list[Station]
    rows: list[Row]
    more: int
    measures: list[Measure]
    evidence: guard.Evidence | None
    may_stop: bool
    may_restart: bool


def build(user: User, rollout: Rollout) -> RolloutPage:
    """What a reader of the rollout sees; a consumer sees nobody else's applications."""
    rows, more = rows_of(user, rollout)
    evidence = guard.read(rollout.figures)
    may_stop = can_stop_rollout(user, rollout)
    newest = rollout.version.rollouts.order_by("-pk").first()
    return RolloutPage(
        rollout,
        list(_steps(rollout)),
        rows,
        more,
        _measures(evidence) if evidence else [],
        evidence,
        may_stop=may_stop and rollout.is_open,
        may_restart=may_stop and rollout.is_given_up and newest == rollout,
    )


def rows_of(user: User, rollout: Rollout) -> tuple[list[Row], int]:
    """(the rows that a reader may see, how many were left out)."""
    seen = Subscription.objects.visible_to(user)
    members = rollout.members.filter(subscription__in=seen).select_related("from_version")
    shown = list(members[: MOST + 1])
    more = members.count() - MOST if len(shown) > MOST else 0
    shown = shown[:MOST]
    pks = [member.subscription_id for member in shown]
    subscriptions = {one.pk: one for one in Subscription.objects.for_list().filter(pk__in=pks)}
    runs: dict[int, AcceptanceRun] = {}
    of_version = AcceptanceRun.objects.filter(version=rollout.version_id, subscription__in=pks)
    for run in of_version:  # newest first
        runs.setdefault(run.subscription_id, run)
    teams = set(user.team_ids())
    rows = []
    for member in shown:
        one = subscriptions[member.subscription_id]
        may_agree = (
            rollout.needs_yes
            and not rollout.is_given_up
            and member.agreed_at is None
            and one.application.team_id in teams
        )
        standing = words.standing(rollout, member, one, runs.get(one.pk))
        rows.append(Row(member, one, standing, may_agree))
    return rows, more


def _steps(rollout: Rollout) -> Iterator[Station]:
    is_complete = rollout.state == rollout.State.COMPLETED
    reached = len(rollout.steps) if is_complete else rollout.step if rollout.canary_at else -1
    for place, rule in enumerate(rollout.steps):
        here = going_on if rollout.is_open else to_come
        station = done if place < reached else here if place == reached else to_come
        takes = f"for {rule['hours']} hours and {quantity(rule['calls'], 'call,calls')} at least"
        yield station(f"{rule['percent']} % of the applications", takes)
    yield (done if is_complete else to_come)("Everybody who follows minor versions", "")


def _measures(evidence: guard.Evidence) -> list[Measure]:
    canary, old = evidence.canary, evidence.old
    floor, factor = f"{guard.LEAST_SHARE * 100:.0f} %", f"{guard.FACTOR:.0f} times"
    share_limit = f"above {factor} the other side and above {floor}, from {guard.FEWEST} calls on"
    p95_limit = (
        f"above {guard.P95_FACTOR} times the other side, and {ms(guard.LEAST_US / 1000)} longer"
    )
    return [
        Measure("Calls", f"{canary.calls:,}", f"{old.calls:,}", ""),
        Measure(
            "Failed (5xx)",
            _of(canary.failed, canary),
            _of(old.failed, old),
            share_limit,
        ),
        Measure(
            "Refused (4xx)",
            _of(canary.refused, canary),
            _of(old.refused, old),
            share_limit,
        ),
        Measure("95\u00a0% answered within", _p95(canary), _p95(old), p95_limit),
    ]


def _of(part: int, side: guard.Side) -> str:
    return f"{part:,} ({side.share(part) * 100:.1f} %)" if side.calls else "–"


def _p95(side: guard.Side) -> str:
    return "–" if side.p95_us is None else ms(side.p95_us / 1000)
