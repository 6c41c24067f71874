"""What the person already has, and how access comes about, for pages of lower apps."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Plan, Subscription
from consumption.subscribing import open_versions
from consumption.subscribing.answering import answering, in_words

register = template.Library()


@dataclass(frozen=True)
class Access:
    """How the reader gets to call a model.

    subscription   the open one that one of the person's teams holds; None without one. Then nothing else is asked.
    is_offered     some plan is on offer, and the version takes new subscriptions; closed_because says why it does not.
    is_at_once     some plan needs nobody's approval; owner_decides: some plan does.
    answers_in     the median time of `decided` requests, in words; "" where none was decided.
    """

    subscription: Subscription | None
    api_url: str
    is_offered: bool = False
    is_at_once: bool = False
    owner_decides: bool = False
    answers_in: str = ""
    decided: int = 0
    closed_because: str = ""


@register.simple_tag(takes_context=True)
def access_to(
    context: dict[str, Any], model: RegisteredModel, version: ModelVersion | None
) -> Access:
    """The Access of who reads the page of a version. One query for those who have it, up to seven for others."""
    held = Subscription.objects.held_by(context["request"].user).open().filter(model=model)
    url = reverse("publishing:api_tab", args=[model.slug])
    if subscription := held.select_related("application").first():
        return Access(subscription, url)
    closed = open_versions.closed(version) if version else None
    if closed:
        return Access(None, url, closed_because=closed.because)
    kinds = set(model.plans.filter(is_offered=True).values_list("approval", flat=True))
    at_once, owner = Plan.Approval.AUTOMATIC in kinds, Plan.Approval.OWNER in kinds
    asked = answering(model) if owner and not at_once else None
    return Access(
        None,
        url,
        bool(kinds),
        at_once,
        owner,
        in_words(asked.median) if asked and asked.median else "",
        asked.decided if asked else 0,
    )
