"""How many replicas of a version ran, over time: from the rows of what started and ended."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from hosting.models import Replica
from marketplace.core.plots import Series
from marketplace.core.query import chosen


@dataclass(frozen=True)
class Span:
    """A stretch of time up to now, cut into `steps`."""

    slug: str
    label: str
    step: timedelta
    steps: int

    def edges(self):
        """steps + 1 moments, oldest first; the last one is now."""
        now = timezone.now()
        return [now - self.step * back for back in range(self.steps, -1, -1)]


@dataclass(frozen=True)
class Chart:
    """What a line chart draws: one label and one value of each series a step."""

    title: str
    labels: list[str]
    series: list[Series]


SPANS = [
    Span("1h", "1 hour", timedelta(minutes=1), 60),
    Span("24h", "24 hours", timedelta(minutes=15), 96),
]


def span(slug):
    """The Span of that slug; the last hour when none is given. Raises UnknownChoice."""
    return chosen("span", slug, {choice.slug: choice for choice in SPANS}, usual=SPANS[0])


def charts(deployments, span):
    """{deployment id: Chart}: the most replicas at once in each step. One query for all."""
    edges = span.edges()
    rows = Replica.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=edges[0]), deployment__in=deployments
    )
    lives = {}
    for deployment_id, start, end in rows.values_list("deployment_id", "started_at", "ended_at"):
        lives.setdefault(deployment_id, []).append((start, end or edges[-1]))
    labels = [f"{edge:%H:%M} UTC" for edge in edges[1:]]
    return {
        deployment.pk: Chart(
            f"Version {deployment.version.number}, last {span.label.removeprefix('1 ')}: running at once",
            labels,
            [Series("Running", most_at_once(lives.get(deployment.pk, []), edges))],
        )
        for deployment in deployments
    }


def most_at_once(lives, edges):
    """For each step between two edges, the largest number of (start, end) that were running at one moment of it."""
    steps = zip(edges, edges[1:], strict=False)
    return [
        _most([life for life in lives if life[0] < until and life[1] > since], since)
        for since, until in steps
    ]


def _most(lives, since):
    """The count can only rise when one starts: look at these moments, and at the step's beginning."""
    moments = {max(start, since) for start, _ in lives}
    return max(
        (sum(start <= moment < end for start, end in lives) for moment in moments), default=0
    )
