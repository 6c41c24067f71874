"""Why a model was found, as its pages write it.

{% load findings %}
{{ finding.parts|marked }}    reconciles with <mark>payslips</mark>
"""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.search import Part

register = template.Library()
MARKS = {"word": "<mark>{}</mark>", "meaning": '<mark class="mark-meaning">{}</mark>'}


@register.filter
def marked(parts: Iterable[Part]) -> SafeString:
    """A text with what matched marked: the reader's own word, or similar meaning."""
    pieces = ((format_html(MARKS.get(part.kind, "{}"), part.text),) for part in parts)
    return format_html_join("", "{}", pieces)
