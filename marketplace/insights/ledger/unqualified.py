"""Uses that count nothing, each with the reason: worked out from usage when somebody looks, never stored (docs/value.md)."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.utils import timezone

from catalog.models import RegisteredModel, sees_everything
from marketplace.accounts.models import User
from marketplace.insights.ledger import rules
from marketplace.insights.ledger.permissions import sees_all_value

MOST = 100
# Teams × models with calls of the last year that have no line of their own.
USES = """
WITH used AS (
  SELECT d.team_id, v.model_id, m.capability_id, m.owner_team_id = d.team_id AS is_own,
    bool_or(a.environment = 'prod') AS in_production,
    coalesce(sum(d.ok) FILTER (WHERE a.environment = 'prod' AND d.day >= %(recent)s), 0)::bigint AS calls,
    count(DISTINCT d.day) FILTER (WHERE a.environment = 'prod' AND d.day >= %(recent)s AND d.ok > 0) AS days,
    (array_agg(s.counterfactual ORDER BY (a.environment = 'prod') DESC, s.counterfactual = '', s.id))[1] AS counterfactual,
    (array_agg(s.id ORDER BY (a.environment = 'prod') DESC, s.id))[1] AS subscription_id
  FROM consumption_usageday d
  JOIN catalog_modelversion v ON v.id = d.version_id
  JOIN catalog_registeredmodel m ON m.id = v.model_id
  JOIN consumption_subscription s ON s.id = d.subscription_id
  JOIN consumption_application a ON a.id = s.application_id
  WHERE d.day >= %(since)s AND d.ok > 0
  GROUP BY 1, 2, 3, 4
)
SELECT t.slug, t.name, b.name, m.slug, m.name, used.is_own, used.in_production, used.calls, used.days, used.counterfactual,
  used.subscription_id,
  (SELECT e.id FROM insights_reuseevent e
   WHERE e.team_id = used.team_id AND e.capability_id = used.capability_id AND e.kind = 'reuse') AS line
FROM used
JOIN accounts_team t ON t.id = used.team_id
JOIN accounts_businessunit b ON b.id = t.business_unit_id
JOIN catalog_registeredmodel m ON m.id = used.model_id
WHERE NOT EXISTS (
  SELECT FROM insights_reuseevent e WHERE e.team_id = used.team_id AND e.model_id = used.model_id AND e.kind = 'reuse'
) AND (%(units)s::bigint[] IS NULL OR t.business_unit_id = ANY(%(units)s))
  AND (%(models)s::bigint[] IS NULL OR m.id = ANY(%(models)s))
ORDER BY used.calls DESC, t.name, m.name
LIMIT %(most)s
"""
DO_WITHOUT = "would_do_without"
UNSAID = "nobody said what the team would have done without it"


@dataclass(frozen=True)
class Unqualified:
    """A use that counts nothing. `leads_to_claim`: the team would have done without, so what it brings is a claim."""

    team: str
    team_name: str
    unit_name: str
    model: str
    model_name: str
    reason: str
    leads_to_claim: bool
    subscription: int
    calls: int
    days: int

    @property
    def is_unsaid(self) -> bool:
        """Did nobody say what the team would have done?"""
        return self.reason == UNSAID

    @property
    def missing(self) -> int:
        """Calls that are still missing."""
        return max(0, rules.CALLS - self.calls)


def uses(user: User) -> list[Unqualified]:
    """The uses that count nothing, of the units that the person sees, most calls first; at most MOST."""
    today = timezone.now().date()
    parameters = {
        "recent": today - timedelta(days=rules.WINDOW - 1),
        "since": date(today.year - 1, today.month, 1),
        "units": _units(user),
        "models": None if sees_all_value(user) or sees_everything(user) else _models(user),
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(USES, parameters)
        return [_unqualified(*row) for row in cursor.fetchall()]


def _units(user: User) -> list[int] | None:
    return (
        None if sees_all_value(user) else list(user.teams().values_list("business_unit", flat=True))
    )


def _models(user: User) -> list[int]:
    return list(RegisteredModel.objects.visible_to(user).values_list("pk", flat=True))


def _unqualified(
    team: str,
    team_name: str,
    unit: str,
    model: str,
    model_name: str,
    is_own: bool,
    in_production: bool,
    calls: int,
    days: int,
    counterfactual: str | None,
    subscription: int,
    line: int | None,
) -> Unqualified:
    reason = _reason(is_own, in_production, calls, days, counterfactual or "", line)
    leads = not is_own and counterfactual == DO_WITHOUT
    return Unqualified(
        team, team_name, unit, model, model_name, reason, leads, subscription, calls, days
    )


def _reason(
    is_own: bool, in_production: bool, calls: int, days: int, counterfactual: str, line: int | None
) -> str:
    if is_own:
        return "its own model"
    if not in_production:
        return "no production system"
    if line is not None:
        return "another model for the same capability: already counted"
    if counterfactual == DO_WITHOUT:
        return "would have done without: counted as enablement, never as avoided cost"
    if calls < rules.CALLS:
        return f"{calls:,} calls in {rules.WINDOW} days: under {rules.CALLS}"
    if days < rules.DAYS:
        return f"calls on {days} days of {rules.WINDOW}: under {rules.DAYS}"
    if not counterfactual:
        return UNSAID
    return "qualifies; the line appears with the next nightly sweep"
