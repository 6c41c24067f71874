"""What a page says, for tests: browsers show any run of white space as one blank, so tests read it like that."""

import re

WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")  # as HTML means it: a no-break space stays


def text_of(response):
    """The markup of a response, with each run of white space as one blank."""
    return WHITE_SPACE.sub(" ", response.content.decode())
