"""A rollout in words: its announcement, and where one subscription stands (docs/updates.md)."""

from datetime import UTC

from catalog.models import ModelVersion
from consumption.models import AcceptanceRun, Hold, Rollout, RolloutMember, Subscription
from consumption.rollouts import members
from marketplace.core.templatetags.formatting import quantity


def announced(rollout: Rollout, was: ModelVersion) -> tuple[str, str]:
    """(end of the title, what to do) for an application that `was` answers now."""
    day = f"{rollout.starts_at.astimezone(UTC):%-d %B %Y}"
    if rollout.needs_yes:
        title, say = f"waits for your team, and for {day}", "Say yes on the page of the update. "
    else:
        title, say = f"reaches it by itself from {day} on", ""
    return title, (
        f"Until then {was.number} answers. {say}{shares(rollout)} of the applications get it, "
        f"over {hours(rollout)} hours at least, while it is no worse. "
        "You can move earlier, or hold updates on the page of the application."
    )


def shares(rollout: Rollout) -> str:
    """ "5 %, then 25 %, then all"."""
    return ", then ".join([*(f"{step['percent']} %" for step in rollout.steps), "all"])


def hours(rollout: Rollout) -> int:
    """Until everybody has it, at the earliest, from the first ones on."""
    return sum(step["hours"] for step in rollout.steps)


def standing(
    rollout: Rollout, member: RolloutMember, subscription: Subscription, run: AcceptanceRun | None
) -> str:
    """Where a subscription stands. run: its newest one on the version, with results; whose example failed is said to its owners, too."""
    if not members.is_on_its_way(rollout, subscription):
        return f"Its team chose {subscription.pinned_version.number}."
    if subscription.hold in (Hold.TEAM, Hold.ROLLED_BACK):
        return f"{subscription.get_hold_display()}."
    if rollout.is_given_up:
        return f"On {member.from_version.number}." if not member.is_canary else "Went back."
    if rollout.needs_yes and member.agreed_at is None:
        return "Waits for its team to say yes."
    if subscription.hold == Hold.EXAMPLES and (run is None or run.state != run.State.PASSED):
        return _examples(run)
    if rollout.state == rollout.State.COMPLETED:
        return f"On {rollout.version.number}."
    return "Among the first." if member.is_canary else "Follows when the first ones are no worse."


def _examples(run: AcceptanceRun | None) -> str:
    if run is None or run.state == run.State.QUEUED:
        return "Its acceptance examples have not run yet."
    return f"{quantity(run.failed, 'example,examples')} of its {run.examples} failed."
