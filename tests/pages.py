"""What a page says, for tests: browsers show any run of white space as one blank, so tests read it like that."""

import re
from collections import Counter

WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")  # as HTML means it: a no-break space stays
ID = re.compile(r' id="([^"]+)"')  # texts have &quot;, so that only attributes match


def text_of(response):
    """The markup of a response, with each run of white space as one blank."""
    return WHITE_SPACE.sub(" ", response.content.decode())


def repeated_ids(response):
    """The ids that more than one element of a page has: labels, errors and scripts would reach the first one only."""
    if not response.get("Content-Type", "").startswith("text/html") or response.streaming:
        return []
    return [
        name for name, count in Counter(ID.findall(response.content.decode())).items() if count > 1
    ]
