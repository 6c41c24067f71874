"""How large a deployment may be, and who relies on it: less capacity is a ScheduledChange, more begins at once (docs/money.md)."""

from catalog.models import ModelVersion
from consumption import affected
from consumption.changes.kinds import Kind, register
from consumption.models import ScheduledChange
from consumption.plans import terms
from hosting import sleep
from hosting.models import Deployment
from hosting.permissions import can_operate
from marketplace.audit.actions import record
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.templatetags.formatting import quantity

MOST_REPLICAS = 8
MOST_AT_ONCE = 64  # calls in one replica; beyond that more processes answer sooner
# Field of a deployment → what it is called, and the unit of its figures.
WORDS = {
    "min_replicas": ("Replicas at least", "replica,replicas"),
    "max_replicas": ("Replicas at most", "replica,replicas"),
    "target_ongoing_requests": ("Calls at once for each", "call,calls"),
}


def size(deployment):
    """{field: value} of a Deployment."""
    return {name: getattr(deployment, name) for name in WORDS}


def check(sizes):
    """Raises Invalid unless a deployment may have this size ({field: value})."""
    minimum, maximum = sizes["min_replicas"], sizes["max_replicas"]
    if not 0 <= minimum <= maximum <= MOST_REPLICAS or maximum < 1:
        raise Invalid(
            f"Choose 0 to {MOST_REPLICAS} replicas, the smaller number first.", field="maximum"
        )
    if not 1 <= sizes["target_ongoing_requests"] <= MOST_AT_ONCE:
        raise Invalid(
            f"Choose 1 to {MOST_AT_ONCE} calls at once for each replica.",
            field="target_ongoing_requests",
        )


def is_less(before, after):
    """May calls wait longer, or be refused sooner? Also when more, or fewer, calls share a replica than consumers measured."""
    return any(_is_less(name, before[name], after[name]) for name in WORDS)


def of_predecessor(version):
    """The size that a new version begins with: that of the version whose calls it takes over. {} when there is none."""
    earlier = [
        deployment
        for deployment in Deployment.objects.filter(
            version__model=version.model_id,
            version__major=version.major,
            version__state__in=ModelVersion.LIVE,
        ).select_related("version")
        if deployment.version.precedence < version.precedence
    ]
    newest = max(earlier, key=lambda deployment: deployment.version.precedence, default=None)
    return size(newest) if newest else {}


def resize(by, deployment, sizes, reason=""):
    """Set a checked size ({field: value}); it takes effect without a restart."""
    before = size(deployment)
    for name, value in sizes.items():
        setattr(deployment, name, value)
    deployment.save(update_fields=list(sizes))
    sleep.refresh(Deployment.objects.filter(pk=deployment.pk))
    record(
        by,
        "deployment.scale",
        deployment,
        reason=reason,
        before=list(before.values()),
        after=list(size(deployment).values()),
    )
    enqueue("hosting.reconcile")


class LessCapacity(Kind):
    """Fewer replicas of a version, or more calls that share one. `after`: a deployment's size."""

    title = "Less capacity of a version"

    def may_propose(self, user, change):
        return can_operate(user, _deployment(change.version))

    def before(self, change):
        return size(_deployment(change.version))

    def check(self, change):
        change.after = change.before | change.after
        check(change.after)
        if change.after == change.before:
            raise Invalid("Nothing differs from the size it has.", field="maximum")

    def takes_away(self, change):
        return is_less(change.before, change.after)

    def subscriptions(self, change):
        return affected.following(change.version)

    def apply(self, by, change):
        resize(by, _deployment(change.version), change.after, change.reason)

    def differences(self, change):
        return [
            terms.Difference(
                label,
                quantity(change.before[name], unit),
                quantity(change.after[name], unit),
                _is_less(name, change.before[name], change.after[name]),
            )
            for name, (label, unit) in WORDS.items()
            if change.before[name] != change.after[name]
        ]

    def headline(self, change):
        return f"{change.version} gets less capacity"

    def consequence(self, change, affected):
        calls = quantity(affected.calls, "call,calls")
        effect = "When it is busy, your calls may wait longer."
        if change.before["min_replicas"] and not change.after["min_replicas"]:
            wait_s = sleep.start_s(_deployment(change.version))
            effect += f" It may sleep when nobody calls it; a first call then waits about {wait_s} seconds."
        return f"You made {calls} in the last 30 days. {effect}"


def _is_less(name, old, new):
    return new != old if name == "target_ongoing_requests" else new < old


def _deployment(version: ModelVersion) -> Deployment:
    deployment = (
        Deployment.objects.select_related("version__model__owner_team")
        .filter(version=version)
        .first()
    )
    if deployment is None:
        raise RuleError(
            f"{version} does not run here.", field="version", remedy="Name a hosted version."
        )
    return deployment


register(ScheduledChange.Kind.CAPACITY, LessCapacity())
