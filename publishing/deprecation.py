"""The end of a version, announced with notice: how long it is, who takes over, and how it is a ScheduledChange (docs/money.md).

From the announcement on the version is deprecated: it answers with warning headers, and takes no new subscriptions. From its
sunset on it is retired as soon as nobody has to be waited for (publishing/actions/ends.py).
"""

from datetime import date, datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import ModelVersion
from catalog.watches import watchers
from consumption import affected
from consumption.affected import Affected
from consumption.changes.kinds import Kind, register
from consumption.models import ScheduledChange, Subscription
from consumption.plans import terms
from governance import policies
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.invalidation import invalidate
from marketplace.core.templatetags.formatting import quantity
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify
from publishing import brownouts, campaigns
from publishing.permissions import can_deprecate

STATE = ModelVersion.State
LAST_YEAR = 2099


def notice_days(version: ModelVersion) -> int:
    """The minimum notice from announcement to sunset, by tier (docs/governance.md, "Deprecation")."""
    return policies.in_force().days("notice_days", version.risk_tier)


def first_end(version: ModelVersion) -> date:
    """The first day (UTC) from whose beginning on a version that is deprecated now may refuse calls."""
    return (timezone.now() + timedelta(days=notice_days(version) + 1)).date()


def check_sunset(version: ModelVersion, sunset_at: datetime) -> None:
    """The notice is long enough, and the end within this century, as in the API. Raises Invalid."""
    days = notice_days(version)
    if sunset_at < timezone.now() + timedelta(days=days) - timedelta(minutes=5):
        raise Invalid(
            f"At {version.risk_tier or 'low'} risk consumers get at least {days} days of notice.",
            field="sunset_at",
            remedy=f"Choose {first_end(version):%-d %B %Y} or later.",
        )
    if sunset_at.year > LAST_YEAR:
        raise Invalid(f"Choose a day before {LAST_YEAR + 1}.", field="sunset_at")


def check_successor(version: ModelVersion, successor: ModelVersion) -> None:
    """Consumers are sent there by headers and pages: a version of this model or of another one that they may find. Raises Invalid."""
    model = successor.model
    if model.pk != version.model_id and model.visibility != model.Visibility.ENTERPRISE:
        raise Invalid(
            f"{model} is not for everybody: consumers of {version.model} might not find it.",
            field="successor",
            remedy="Choose a model that everyone in the company may use.",
        )
    if successor.pk == version.pk or successor.state != STATE.PUBLISHED or successor.suspended_at:
        raise Invalid(
            f"{successor} cannot take over: a successor is published and answers calls.",
            field="successor",
        )


def announce(
    by: User,
    version: ModelVersion,
    *,
    sunset_at: datetime,
    reason: str,
    successor: ModelVersion | None,
    with_brownouts: bool = False,
) -> None:
    """Deprecate the version; who subscribes to its model and does not call this version is told here."""
    spans = brownouts.before(sunset_at) if with_brownouts else []
    transition(
        version,
        STATE.DEPRECATED,
        deprecated_at=timezone.now(),
        sunset_at=sunset_at,
        successor=successor,
        brownouts=spans,
    )
    campaigns.begin(version)
    record(
        by,
        "version.deprecate",
        version,
        reason=reason,
        sunset=sunset_at.isoformat(),
        successor=str(successor or ""),
        brownouts=spans,
    )
    invalidate("version", version=version.pk)
    teams = version.model.subscriptions.granted().values("application__team")
    people = {*User.objects.on_teams(teams), *watchers(version.model)} - {*_people_of(version)}
    notify(
        people,
        "version.deprecated",
        f"{version} ends on {sunset_at:%d %B %Y}",
        body=reason,
        url=version.get_absolute_url(),
        key=f"version.deprecated:{version.pk}:{sunset_at:%Y%m%d}",
        teams=teams.exclude(application__team__in=_teams_of(version)).values_list(
            "application__team", flat=True
        ),
        model=version.model.slug,
    )


class VersionEnd(Kind):
    """A version that consumers call ends.

    `after`: {"successor": the number of the version that takes over, or ""; "successor_model": the slug of its model, where it
    is another one; "brownouts": are short refusals announced with it?}. It begins when the version is retired, never by the
    clock alone: who has not moved is waited for.
    """

    title = "End of a version"
    notice_kind = "version.deprecated"
    latest = None
    begins_by_clock = False

    def notice_days(self, change: ScheduledChange) -> int:
        return notice_days(change.version)

    def may_propose(self, user: User, change: ScheduledChange) -> bool:
        return can_deprecate(user, change.version)

    def before(self, change: ScheduledChange) -> dict[str, str]:
        return {"state": change.version.state}

    def check(self, change: ScheduledChange) -> None:
        if change.version.state != STATE.PUBLISHED:
            state = change.version.get_state_display().lower()
            raise RuleError(
                f"{change.version} is {state}; it cannot be deprecated.",
                field="version",
                remedy="Reload the page and look again.",
            )
        number, model = (change.after.get(name, "") for name in ("successor", "successor_model"))
        if number:
            check_successor(change.version, self._successor(change))
        change.after = {
            "state": STATE.DEPRECATED.value,
            "successor": number,
            "successor_model": "" if model == change.model.slug else model,
            "brownouts": bool(change.after.get("brownouts", False)),
        }

    def subscriptions(self, change: ScheduledChange) -> QuerySet[Subscription]:
        return affected.following(change.version)

    def announce(self, by: User, change: ScheduledChange) -> None:
        successor = self._successor(change)
        if successor is not None:  # it may have ended while the proposal waited
            check_successor(change.version, successor)
        announce(
            by,
            change.version,
            sunset_at=change.effective_from,
            reason=change.reason,
            successor=successor,
            with_brownouts=change.after.get("brownouts", False),
        )

    def retract(self, by: User, change: ScheduledChange) -> None:
        transition(
            change.version,
            STATE.PUBLISHED,
            deprecated_at=None,
            sunset_at=None,
            successor=None,
            brownouts=[],
        )
        campaigns.end(change.version)
        record(by, "version.undeprecate", change.version, reason=change.reason)
        invalidate("version", version=change.version_id)

    def differences(self, change: ScheduledChange) -> list[terms.Difference]:
        successor, model = change.after["successor"], change.after.get("successor_model", "")
        of_model = f" of {model}, another model," if model else ""
        calls = f"Calls of {change.version.number}"
        found = [terms.Difference(calls, "answered", "refused", is_worse=True)]
        if successor:
            takes_over = f"{successor}{of_model}".rstrip(",")
            found.append(terms.Difference("Takes over", "none", takes_over, is_worse=False))
        if change.after.get("brownouts", False):
            planned = brownouts.shown(brownouts.before(change.effective_from))
            found.append(terms.Difference("Short refusals before", "none", planned, is_worse=True))
        return found

    def headline(self, change: ScheduledChange) -> str:
        return f"{change.version} ends"

    def consequence(self, change: ScheduledChange, affected: Affected) -> str:
        calls = quantity(affected.calls, "call,calls")
        return (
            f"You made {calls} in the last 30 days. {campaigns.successor_sentence(change.version)} "
            "The migration guide says what to change."
        )

    def _successor(self, change: ScheduledChange) -> ModelVersion | None:
        number, slug = change.after.get("successor", ""), change.after.get("successor_model", "")
        if not number:
            return None
        of_model = ModelVersion.objects.filter(model__slug=slug or change.model.slug)
        return of_model.select_related("model").filter(number=number).first()


def _people_of(version: ModelVersion) -> QuerySet[User]:
    """Those of the teams whose calls this version answers: they are told what it means for them."""
    return User.objects.on_teams(_teams_of(version))


def _teams_of(version: ModelVersion) -> QuerySet[Subscription, dict[str, int]]:
    return affected.following(version).open().values("application__team")


register(ScheduledChange.Kind.DEPRECATION, VersionEnd())
