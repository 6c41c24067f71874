"""Components that hold prose: the text stands between two tags, over as many lines as it needs.

{% load components %}
{% page_header title="Publish" action="Register a model" action_url=register_url %}Whose models these are.{% endpage_header %}
{% alert tone="warn" title="It sleeps." %}The first call wakes it.{% endalert %}
{% blank_slate title="No plan yet" icon="banknotes" url=url action="Offer one" %}Consumers choose a plan.{% endblank_slate %}

What each draws and takes is documented at the top of its template in `components/`.
"""

from typing import Any

from django import template
from django.template import RequestContext
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_block_tag(takes_context=True)
def page_header(context: RequestContext, content: str, **values: Any) -> SafeString:
    """The top of a page; the text between the tags is its lead. The way back (`trail`) comes from the page's context."""
    return _render(
        context, "page_header", lead=_trimmed(content), trail=context.get("trail"), **values
    )


@register.simple_block_tag(takes_context=True)
def alert(context: RequestContext, content: str, **values: Any) -> SafeString:
    """A notice inside the page around the text between the tags."""
    return _render(context, "alert", text=_trimmed(content), **values)


@register.simple_block_tag(takes_context=True)
def blank_slate(context: RequestContext, content: str, **values: Any) -> SafeString:
    """Nothing here yet; the text between the tags says what would be and how to get there."""
    return _render(context, "empty", text=_trimmed(content), **values)


def _trimmed(content: str) -> SafeString:
    """The rendered text between the tags, which is escaped already, without the line breaks around it."""
    return mark_safe(content.strip())


def _render(context: RequestContext, name: str, **values: Any) -> SafeString:
    component = context.template.engine.get_template(f"components/{name}.html")
    return component.render(context.new(values))
