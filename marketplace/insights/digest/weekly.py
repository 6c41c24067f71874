"""One notice a week for each person who follows something: new models, upgrades, stories, events (docs/adoption.md, "Weekly digest").

The key of a notice names the week, so that a beat that comes twice tells nobody twice. Opting out is a channel: the kind
`following` off the page and never by mail. `now` is given, so that tests choose the moment.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Min
from django.urls import reverse

from catalog.models import CollectionEntry, ModelVersion, RegisteredModel
from marketplace.accounts.models import User
from marketplace.insights.models import CompanyEvent, Story, StoryState
from marketplace.notices.actions import notify

WEEK = timedelta(days=7)
AHEAD = timedelta(days=14)  # events that a digest names
PEOPLE_A_RUN = 500  # read at once
NAMED = 20  # lines of one digest


@dataclass
class Digest:
    """What is new for one person, as lines of text in the order in which they are read."""

    new: list[str] = field(default_factory=list)
    upgraded: list[str] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [*self.new, *self.upgraded, *self.stories, *self.events]


@dataclass(frozen=True)
class Week:
    """What happened in the week before `now`, read once for everybody."""

    versions: list[ModelVersion]
    firsts: set[int]
    stories: list[Story]
    events: list[CompanyEvent]


def sweep(now: datetime) -> int:
    """Tell those who follow something of the week that ended last Monday, 0:00 UTC. Returns how many were told. Safe to run twice."""
    end = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    key = f"weekly-digest:{end:%G-%V}"
    due = User.objects.filter(is_active=True, follows__isnull=False).exclude(notices__key=key)
    due = due.order_by("pk").distinct().prefetch_related("follows")
    week = _week(end, now)
    members, told, last = _members(week), 0, 0
    while people := list(due.filter(pk__gt=last)[:PEOPLE_A_RUN]):
        last = people[-1].pk
        told += sum(_tell(person, _digest(person, week, members), key) for person in people)
    return told


def _week(end: datetime, now: datetime) -> Week:
    begin = end - WEEK
    published = ModelVersion.objects.filter(published_at__gte=begin, published_at__lt=end)
    versions = list(published.select_related("model__owner_team").order_by("-published_at"))
    models = {version.model_id for version in versions}
    first = ModelVersion.objects.filter(model__in=models, published_at__isnull=False)
    born = first.values("model").annotate(at=Min("published_at")).filter(at__gte=begin)
    stories = Story.objects.filter(
        state=StoryState.PUBLISHED, published_at__gte=begin, published_at__lt=end
    )
    events = CompanyEvent.objects.all().coming(now).filter(starts_at__lte=now + AHEAD)
    return Week(
        versions,
        set(born.order_by().values_list("model", flat=True)),
        list(stories.select_related("model", "team")),
        list(events),
    )


def _members(week: Week) -> dict[int, set[int]]:
    """{collection: the models of it that this week is about}."""
    models = {version.model_id for version in week.versions}
    models |= {story.model_id for story in week.stories}
    found: dict[int, set[int]] = defaultdict(set)
    for entry in CollectionEntry.objects.filter(model__in=models):
        found[entry.collection_id].add(entry.model_id)
    return found


def _digest(person: User, week: Week, members: dict[int, set[int]]) -> Digest:
    follows = list(person.follows.all())
    domains = {one.domain_id for one in follows} - {None}
    collected: set[int] = set().union(
        *(members.get(one.collection_id or 0, set()) for one in follows)
    )
    about: dict[int, RegisteredModel] = {
        version.model_id: version.model for version in week.versions
    }
    about |= {story.model_id: story.model for story in week.stories}
    wanted = {pk for pk, model in about.items() if model.domain_id in domains or pk in collected}
    seen = _seen(person, wanted)
    digest = Digest()
    for version in week.versions:
        if version.model_id in seen:
            is_new = version.model_id in week.firsts
            kind = digest.new if is_new else digest.upgraded
            kind.append(f"{'New' if is_new else 'New version'}: {version}")
    digest.stories += [f"Story: {story.title}" for story in week.stories if story.model_id in seen]
    digest.events += [
        f"Event on {event.starts_at:%-d %B}: {event.title}"
        for event in week.events
        if event.domain_id is None or event.domain_id in domains
    ]
    return digest


def _seen(person: User, wanted: Iterable[int]) -> set[int]:
    rows = RegisteredModel.objects.visible_to(person).published().filter(pk__in=list(wanted))
    return set(rows.order_by().values_list("pk", flat=True))


def _tell(person: User, digest: Digest, key: str) -> bool:
    """Whether there was something to tell."""
    lines = digest.lines
    if not lines:
        return False
    more = [f"And {len(lines) - NAMED} more."] if len(lines) > NAMED else []
    things = "1 thing is" if len(lines) == 1 else f"{len(lines)} things are"
    notify(
        [person],
        "following",
        f"{things} new in what you follow",
        body="\n".join([*lines[:NAMED], *more]),
        url=reverse("insights:following"),
        key=key,
    )
    return True
