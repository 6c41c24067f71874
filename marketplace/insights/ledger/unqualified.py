"""Uses that count nothing, each with the reason: from the night's counts and what people have said since (docs/value.md)."""

from dataclasses import dataclass

from marketplace.accounts.models import User
from marketplace.insights.ledger import rules
from marketplace.insights.models import ModelUse

MOST = 100
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
    without = ModelUse.objects.visible_to(user).without_line()
    most = list(without.order_by("-calls", "pk").values_list("pk", flat=True)[:MOST])
    found = ModelUse.objects.without_line().filter(pk__in=most).for_page()
    return [_unqualified(use) for use in found]


def _unqualified(use: ModelUse) -> Unqualified:
    is_own = use.model.owner_team_id == use.team_id
    return Unqualified(
        team=use.team.slug,
        team_name=use.team.name,
        unit_name=use.team.business_unit.name,
        model=use.model.slug,
        model_name=use.model.name,
        reason=_reason(use, is_own),
        leads_to_claim=not is_own and use.subscription.counterfactual == DO_WITHOUT,
        subscription=use.subscription_id,
        calls=use.calls,
        days=use.days,
    )


def _reason(use: ModelUse, is_own: bool) -> str:
    if is_own:
        return "its own model"
    if not use.in_production:
        return "no production system"
    if use.has_line:  # type: ignore[attr-defined]
        return "another model for the same capability: already counted"
    if use.subscription.counterfactual == DO_WITHOUT:
        return "would have done without: counted as enablement, never as avoided cost"
    if use.calls < rules.CALLS:
        return f"{use.calls:,} calls in {rules.WINDOW} days: under {rules.CALLS}"
    if use.days < rules.DAYS:
        return f"calls on {use.days} days of {rules.WINDOW}: under {rules.DAYS}"
    if not use.subscription.counterfactual:
        return UNSAID
    return "qualifies; the line appears with the next nightly sweep"
