"""Who learns of findings: publishers of each step that is told, at once for all their models; managers of what is new for them."""

from collections import defaultdict
from datetime import date

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from marketplace.accounts.models import Membership, Team, User
from marketplace.core.templatetags.formatting import quantity
from marketplace.insights.curation.kinds import DECLARED, in_words
from marketplace.insights.models import CurationItem, CurationRun
from marketplace.notices.actions import notify

SAID = 20  # findings that one notice names
BATCH = 1_000


def tell_publishers(today: date) -> int:
    """One notice for a team and night, of the steps that it was not told of. Returns how many items it was."""
    told = [kind for kind, declared in DECLARED.items() if declared.tells]
    due = CurationItem.objects.open().filter(Q(told_step=None) | Q(told_step__lt=F("step")))
    by_team: dict[Team, list[CurationItem]] = defaultdict(list)
    for item in due.filter(kind__in=told).for_list():
        by_team[item.model.owner_team].append(item)
    for team, items in by_team.items():
        _tell_team(team, items, today)
        for item in items:
            item.told_step = item.step
    items = [item for found in by_team.values() for item in found]
    CurationItem.objects.bulk_update(items, ["told_step"], batch_size=BATCH)
    return len(items)


def _tell_team(team: Team, items: list[CurationItem], today: date) -> None:
    lines = [f"{item.model}: {in_words(item, today)}." for item in items[:SAID]]
    if len(items) > SAID:
        lines.append(f"And {len(items) - SAID} more.")
    notify(
        people_of(team),
        "finding",
        f"{items[0]}" if len(items) == 1 else f"{len(items)} findings about models of {team}",
        body="\n".join(lines),
        url=reverse("insights:my_findings"),
        key=f"finding-told:{team.pk}:{today.isoformat()}",
        teams=[team],
    )


def people_of(team: Team) -> QuerySet[User]:
    """The active people of a team; of a team without any, who leads another team of its unit."""
    people: QuerySet[User] = User.objects.on_teams([team])
    if people.exists():
        return people
    leads = Membership.objects.filter(
        team__business_unit=team.business_unit_id, role=Membership.Role.LEAD, left_at=None
    )
    unit: QuerySet[User] = User.objects.filter(pk__in=leads.values("user"), is_active=True)
    return unit


def tell_curators(run: CurationRun) -> None:
    """Each manager once a run, of what was found for them."""
    found: dict[int, list[CurationItem]] = defaultdict(list)
    items = CurationItem.objects.open().filter(found_at=run.started_at, owner__isnull=False)
    for item in items.for_list():
        found[item.owner_id or 0].append(item)
    for person in User.objects.filter(pk__in=list(found)):
        new = found[person.pk]
        notify(
            [person],
            "finding",
            f"{quantity(len(new), 'new finding,new findings')} on the curation desk",
            body="\n".join(str(item) for item in new[:SAID]),
            url=reverse("insights:curation") + "?whose=mine",
            key=f"finding-new:{run.started_at:%Y%m%d%H%M%S}",
        )
