"""Which models are reviewed in a quarter, and by whom (docs/quality-reviews.md, "Which models")."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import ceil

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import Membership, User
from marketplace.insights.curation.fact import in_service
from marketplace.insights.models import QualityFinding, QualityReview
from marketplace.insights.quality.permissions import REVIEWERS

MOST_USED = 10
SAMPLE = 0.2  # of the others
BATCH = 1_000
WATCH_FROM = 2  # overdue major findings
Reason = QualityReview.Reason


def plan(now: datetime | None = None) -> int:
    """Plan the reviews of the running quarter; those that are planned stay. Returns how many are new."""
    now = now or timezone.now()
    today = now.astimezone(UTC).date()
    quarter = quarter_of(today)
    known = set(QualityReview.objects.filter(quarter=quarter).values_list("model", flat=True))
    new = [
        QualityReview(
            model_id=model,
            quarter=quarter,
            reason=reason,
            due_on=end_of_quarter(today),
            planned_at=now,
        )
        for model, reason in due(quarter)
        if model not in known
    ]
    QualityReview.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    hand_out()
    write_watch(today)
    return len(new)


def due(quarter: str) -> Iterator[tuple[int, str]]:
    """(model id, reason) of all that are reviewed in a quarter: the same for the same models, whoever asks and when."""
    models = in_service().order_by("-consumer_teams", "-calls_30d", "pk")
    rows = list(models.values_list("pk", "slug", "risk_tier", "consumer_teams"))
    rest = []
    for place, (pk, slug, tier, teams) in enumerate(rows):
        if place < MOST_USED and teams:
            yield pk, Reason.USED
        elif tier == "high":
            yield pk, Reason.HIGH
        else:
            rest.append((lot(quarter, slug), pk))
    for _, pk in sorted(rest)[: ceil(len(rest) * SAMPLE)]:
        yield pk, Reason.SAMPLE


def lot(quarter: str, slug: str) -> str:
    """A model's place in the draw of a quarter: nobody chooses it, and everybody can compute it."""
    return hashlib.sha256(f"{quarter}:{slug}".encode()).hexdigest()


def quarter_of(day: date) -> str:
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"


def end_of_quarter(day: date) -> date:
    month = (day.month - 1) // 3 * 3 + 4
    first_after = date(day.year + (month > 12), (month - 1) % 12 + 1, 1)
    return first_after - timedelta(days=1)


@transaction.atomic
def hand_out() -> int:
    """Give each open review without a fitting reviewer to one of another team who has the fewest. Returns how many moved."""
    able = set(User.objects.holding(*REVIEWERS).values_list("pk", flat=True))
    teams: dict[int, set[int]] = {pk: set() for pk in sorted(able)}
    joined = Membership.objects.filter(user__in=able, left_at=None)
    for user, team in joined.values_list("user", "team"):
        teams[user].add(team)
    waiting = QualityReview.objects.filter(state=QualityReview.State.OPEN)
    reviews = list(waiting.select_for_update(of=("self",)).select_related("model").order_by("pk"))
    load = dict.fromkeys(teams, 0)
    moved = []
    for review in reviews:
        mine = review.reviewer_id
        if mine in load and review.model.owner_team_id not in teams[mine]:
            load[mine] += 1
    for review in reviews:
        fitting = [pk for pk in load if review.model.owner_team_id not in teams[pk]]
        if review.reviewer_id not in fitting:
            chosen = min(fitting, key=lambda pk: load[pk], default=None)
            if chosen is not None:
                load[chosen] += 1
            if chosen != review.reviewer_id:
                review.reviewer_id = chosen
                moved.append(review)
    QualityReview.objects.bulk_update(moved, ["reviewer"], batch_size=BATCH)
    return len(moved)


def write_watch(today: date | None = None, model: RegisteredModel | None = None) -> None:
    """Write `quality_watch_since` onto the catalog's rows: two overdue major findings or more. All models, or one."""
    late: dict[int, list[date]] = {}
    overdue = QualityFinding.objects.overdue_majors(today).order_by("due_on")
    rows = overdue.values_list("review__model", "due_on")
    for pk, due_on in rows.filter(review__model=model) if model else rows:
        late.setdefault(pk, []).append(due_on)
    watched = {pk: days[WATCH_FROM - 1] for pk, days in late.items() if len(days) >= WATCH_FROM}
    models = RegisteredModel.objects.filter(pk=model.pk) if model else RegisteredModel.objects
    marked = models.filter(quality_watch_since__isnull=False)
    marked.exclude(pk__in=list(watched)).update(quality_watch_since=None)
    kept = dict(models.filter(pk__in=list(watched)).values_list("pk", F("quality_watch_since")))
    for pk, day in watched.items():
        since = day + timedelta(days=1)
        if kept.get(pk) != since:
            RegisteredModel.objects.filter(pk=pk).update(quality_watch_since=since)
