"""Text that people wrote, inside Markdown that we write."""

import re
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")
LIST_OR_RULE = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^([-+=])")


@register.filter
def md(value: Any) -> SafeString:
    """One line of text as Markdown shows it: what would be a heading, a link, a list or HTML is only characters.

    Backslash escapes are those of CommonMark 0.31, section 2.4; line breaks become spaces.
    """
    line = SPECIAL.sub(r"\\\1", " ".join(str(value).split()))
    line = LIST_OR_RULE.sub(lambda hit: f"{hit[1]}\\{hit[2]}" if hit[1] else f"\\{hit[3]}", line)
    return mark_safe(line)
