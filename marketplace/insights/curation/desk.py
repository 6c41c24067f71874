"""The curation desk's page: rows by due date, one of them open with what is known and what can be done (docs/curation.md)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from consumption.models import Subscription, UsageDay
from marketplace.accounts.models import User
from marketplace.core.templatetags.formatting import number
from marketplace.insights.curation import acts, kinds
from marketplace.insights.models import CurationItem, CurationRun, HealthScore

PAGE_SIZE = 50
WEEKS = 26
CLOSED_SHOWN = 50
WEEK = timedelta(days=7)
LATE_RUN = timedelta(hours=36)  # after which the findings are old


@dataclass(frozen=True)
class Row:
    """One finding as the list shows it."""

    item: CurationItem
    text: str
    icon: str
    tone: str

    @property
    def due_tone(self) -> str:
        days = self.item.days_left
        return "bad" if days < 0 else "warn" if days <= 7 else "neutral"

    @property
    def left(self) -> str:
        """The time until it is due, in words."""
        days = self.item.days_left
        if days < 0:
            return f"{-days:,} {'day' if days == -1 else 'days'} overdue"
        return {0: "today", 1: "tomorrow"}.get(days, f"in {days:,} days")

    @property
    def age(self) -> str:
        days = self.item.age_days
        return {0: "open since today", 1: "open 1 day"}.get(days, f"open {days:,} days")


@dataclass(frozen=True)
class Trend:
    """Answered and failed calls a week, whole weeks (from Monday, UTC), oldest first."""

    labels: list[str]
    values: list[int]


@dataclass(frozen=True)
class Opened:
    """What the open row shows beneath itself. known: sentences. rule: why the marketplace looks for this."""

    row: Row
    trend: Trend
    health: HealthScore | None
    known: list[str]
    rule: str
    acts: list[acts.Act]


@dataclass(frozen=True)
class Desk:
    """The page. counts: open findings of all, mine, overdue. last_run: the last that went well; is_late: it is too long ago."""

    rows: list[Row]
    page: "Page[Any]"
    opened: Opened | None
    counts: dict[str, int]
    closed: list[CurationItem]
    closed_count: int
    last_run: CurationRun | None
    problem: CurationRun | None
    is_late: bool


def row_of(item: CurationItem, today: date | None = None) -> Row:
    declared = kinds.of(item)
    text = kinds.in_words(item, today or timezone.localdate())
    return Row(item, text, declared.icon, declared.tone(item.step))


def desk(
    user: User,
    *,
    whose: str = "",
    kind: str = "",
    page: str | int | None = None,
    opened: CurationItem | None = None,
) -> Desk:
    """The page for a marketplace manager. `opened` is shown open, on its page of the list, or above it when it is closed."""
    items = chosen(user, whose, kind)
    number_of_page = page if opened is None else _page_of(items, opened)
    shown = Paginator(items.for_list(), PAGE_SIZE).get_page(number_of_page)
    rows = [row_of(item) for item in shown]
    if opened is not None and opened.pk not in {row.item.pk for row in rows}:
        rows.insert(0, row_of(opened))
    closed = closed_this_week()
    runs = list(CurationRun.objects.order_by("-pk")[:20])
    good = next((run for run in runs if run.went_well), None)
    return Desk(
        rows=rows,
        page=shown,
        opened=_opened(user, opened) if opened else None,
        counts=_counts(user),
        closed=list(closed[:CLOSED_SHOWN]),
        closed_count=closed.count(),
        last_run=good,
        problem=runs[0] if runs and runs[0].problem else None,
        is_late=good is None or good.started_at < timezone.now() - LATE_RUN,
    )


def chosen(user: User, whose: str, kind: str) -> Any:
    """The open findings that the filters leave."""
    items = CurationItem.objects.open()
    if whose == "mine":
        items = items.filter(owner=user)
    elif whose == "overdue":
        items = items.filter(due_on__lt=timezone.localdate())
    return items.filter(kind=kind) if kind in CurationItem.Kind.values else items


def closed_this_week() -> QuerySet[CurationItem]:
    """What was dismissed, settled or ended by itself in the last seven days, the newest first."""
    since = timezone.now() - WEEK
    closed = CurationItem.objects.filter(closed_at__gte=since, state__in=CurationItem.CLOSED)
    return closed.select_related("model", "decided_by").order_by("-closed_at", "-pk")


def _page_of(items: Any, opened: CurationItem) -> int:
    before = Q(due_on__lt=opened.due_on) | Q(
        due_on=opened.due_on, model__name__lt=opened.model.name
    )
    return int(items.filter(before).count()) // PAGE_SIZE + 1


def _counts(user: User) -> dict[str, int]:
    today = timezone.localdate()
    return dict(
        CurationItem.objects.open().aggregate(
            all=Count("pk"),
            mine=Count("pk", Q(owner=user)),
            overdue=Count("pk", Q(due_on__lt=today)),
        )
    )


def _opened(user: User, item: CurationItem) -> Opened:
    version = acts.version_of(item)
    return Opened(
        row=row_of(item),
        trend=trend(item.model_id),
        health=HealthScore.objects.filter(model=item.model_id).first(),
        known=known(item),
        rule=kinds.of(item).rule,
        acts=acts.acts(user, item, version),
    )


def trend(model: int, today: date | None = None) -> Trend:
    """Calls of a model in each of the last WEEKS weeks, the running one last."""
    today = today or timezone.now().astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    weeks = [monday - WEEK * back for back in range(WEEKS - 1, -1, -1)]
    days = UsageDay.objects.filter(subscription__model=model, day__gte=weeks[0])
    by_week = days.annotate(week=TruncWeek("day")).values_list("week")
    summed = by_week.annotate(total=Sum("calls")).order_by()
    calls: Counter[date] = Counter(dict(summed))
    return Trend([f"{week:%-d %b}" for week in weeks], [calls[week] for week in weeks])


def known(item: CurationItem) -> list[str]:
    """What was said and done about it, who left, and what the rule does next, in sentences."""
    return [*history(item), *_left(item), *_next(item)]


def history(item: CurationItem) -> list[str]:
    """What was said and done about a finding (for_list), in sentences. Asks nothing of the database."""
    return [*_said(item), *_decided(item)]


def _said(item: CurationItem) -> Sequence[str]:
    said = []
    if item.asked_at:
        said.append(f"{item.model.owner_team} was asked on {kinds.day(item.asked_at.date())}.")
    elif item.told_step is not None:
        said.append(f"{item.model.owner_team} was told of it.")
    if item.answered_at and item.answer:
        until = f" by {kinds.day(item.promised_on)}" if item.promised_on else ""
        said.append(
            f"{item.answered_by} answered on {kinds.day(item.answered_at.date())}: "
            f"{item.get_answer_display().lower()}{until}. “{item.answer_reason}”"
        )
    return said


def _decided(item: CurationItem) -> Sequence[str]:
    if item.decided_by is None or item.decided_at is None:
        return []
    when = kinds.day(item.decided_at.date())
    verb = "Before, it was put off" if item.is_open else item.get_state_display()
    return [f"{verb} by {item.decided_by} on {when}: “{item.decision_reason}”"]


def _left(item: CurationItem) -> Sequence[str]:
    """Who ended a subscription lately, where nobody is left."""
    if item.kind != CurationItem.Kind.UNUSED:
        return []
    ended = Subscription.objects.filter(model=item.model_id, state=Subscription.State.CLOSED)
    last = ended.select_related("application__team").order_by("-decided_at", "-requested_at", "-pk")
    return [
        f"{one.application.team} ended the subscription of {one.application}"
        + (f": “{one.decision_reason}”" if one.decision_reason else ".")
        for one in last[:2]
    ]


def _next(item: CurationItem) -> Sequence[str]:
    if item.kind == CurationItem.Kind.UNUSED and item.step < 180:
        at = item.since + timedelta(days=180)
        return [f"At 180 days, on {kinds.day(at)}, the rule proposes deprecation."]
    if item.kind == CurationItem.Kind.OWNER and item.step == 0:
        at = (item.found_at + timedelta(days=30)).date()
        return [
            f"Without a successor by {kinds.day(at)}, a marketplace manager keeps the model "
            "and its end is proposed."
        ]
    if item.kind == CurationItem.Kind.STALE and item.evidence.get("in_use"):
        return [f"{number(item.model.calls_30d)} calls in 30 days."]
    return []
