"""What waits for a publisher's answer and for a reviewer, in "what needs you" (docs/curation.md, "What one can do")."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone

from consumption.deadlines import Deadline, Kind, register
from marketplace.accounts.models import User
from marketplace.core.query import first_of_few
from marketplace.insights.curation import kinds
from marketplace.insights.models import CurationItem, QualityReview

MOST = 50


@register
def findings(user: User) -> Iterator[Deadline]:
    """The findings about one's own teams' models whose publisher was asked and has not answered."""
    asked = CurationItem.objects.open().filter(asked_at__isnull=False, answer="")
    own = asked.filter(model__owner_team__in=user.team_ids()).for_list()
    today = timezone.localdate()
    for item in first_of_few(own, MOST):
        url = reverse("insights:finding", args=[item.pk])
        yield Deadline(
            Kind.FINDING,
            datetime.combine(item.due_on + timedelta(days=1), time(), UTC),
            f"What becomes of {item.model}?",
            url,
            f"{kinds.in_words(item, today)}.",
            "Answer",
            url,
        )


@register
def quality_reviews(user: User) -> Iterator[Deadline]:
    """The quality reviews of the quarter that the person has."""
    mine = QualityReview.objects.filter(reviewer=user, state=QualityReview.State.OPEN)
    for review in mine.select_related("model__owner_team").order_by("due_on", "pk")[:MOST]:
        url = review.get_absolute_url()
        yield Deadline(
            Kind.REVIEW,
            datetime.combine(review.due_on + timedelta(days=1), time(), UTC),
            str(review),
            url,
            f"{review.get_reason_display()}; a checklist of about 20 minutes.",
            "Review",
            url,
        )
