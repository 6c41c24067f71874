"""What several insights pages draw."""

from django import template
from django.template import RequestContext

from marketplace.core.links import Tab
from marketplace.insights import tabs

register = template.Library()


@register.simple_tag(takes_context=True)
def insights_tabs(context: RequestContext) -> list[Tab]:
    """The tabs of insights that the reader may open (marketplace/insights/tabs.py)."""
    request = context["request"]
    return tabs.tabs_for(request.user, request.path)
