"""The main navigation: one link, marked when the reader is inside its part of the site."""

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context, name, label, under="", count=0, count_label=""):
    """A navigation link to URL `name`; current when the path starts with `under`.

    Nothing is shown for a page that this installation does not have.
    """
    path = context["request"].path if "request" in context else ""
    try:
        url = reverse(name)
    except NoReverseMatch:
        url = ""
    current = any(path.startswith(part) for part in under.split() or [url or "-"])
    return {
        "url": url,
        "label": label,
        "current": current,
        "count": count,
        "count_label": count_label,
    }
