"""Models whose owner left, whose approval ended, or whose card no longer passes (docs/curation.md, "What is found")."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Exists, Max, OuterRef, Q

from catalog.models import ModelVersion
from governance.renewals import due_for_renewal
from marketplace.accounts.models import Membership
from marketplace.insights.curation.fact import Fact, in_service
from marketplace.insights.curation.findings.use import day_of
from marketplace.insights.models import CurationItem, HealthScore

TO_NAME = timedelta(days=30)  # a successor; then a curator keeps the model and its end is proposed


def orphaned(today: date) -> Iterator[Fact]:
    """Whose owner is no longer active, or no longer on the owner team. The second step begins 30 days after it was noticed."""
    there = Membership.objects.filter(
        user=OuterRef("owner"), team=OuterRef("owner_team"), left_at=None
    )
    members = Membership.objects.filter(
        team=OuterRef("owner_team"), left_at=None, user__is_active=True
    )
    left = Membership.objects.filter(user=OuterRef("owner"), team=OuterRef("owner_team"))
    gone = in_service().filter(Q(owner__is_active=False) | ~Exists(there))
    rows = gone.annotate(
        left=left.order_by().values("team").annotate(at=Max("left_at")).values("at"),
        has_members=Exists(members),
    ).values_list("pk", "owner__display_name", "owner__username", "left", "has_members")
    noticed = _noticed(CurationItem.Kind.OWNER)
    for pk, name, username, at, has_members in rows:
        seen = noticed.get(pk, today)
        evidence = {"owner": name or username, "team_has_people": has_members}
        step = TO_NAME.days if today - seen >= TO_NAME else 0
        yield Fact(pk, min(day_of(at), seen) if at else seen, evidence, step=step)


def _noticed(kind: str) -> dict[int, date]:
    """{model id: the day on which the finding that still stands was made}."""
    standing = CurationItem.objects.filter(kind=kind).exclude(state=CurationItem.State.GONE)
    return {model: day_of(at) for model, at in standing.values_list("model", "found_at")}


def approval_ended(today: date) -> Iterator[Fact]:
    """With a published version whose approval has ended: the one that ended first."""
    ended = due_for_renewal().filter(
        approved_until__date__lt=today,
        model__in=in_service().order_by(),
        state=ModelVersion.State.PUBLISHED,
    )
    rows = ended.order_by("model", "approved_until", "pk").distinct("model")
    for pk, number, until in rows.values_list("model", "number", "approved_until"):
        if until is not None:
            yield Fact(pk, day_of(until), {"version": number})


def card_below(today: date) -> Iterator[Fact]:
    """Whose card is not complete by the rules in force: the gate was raised after it had passed."""
    scores = HealthScore.objects.filter(card_passes=False, model__in=in_service().order_by())
    noticed = _noticed(CurationItem.Kind.DOCUMENTATION)
    for pk, score, needed in scores.values_list("model", "card_score", "card_needed"):
        yield Fact(pk, noticed.get(pk, today), {"score": score, "needed": needed})
