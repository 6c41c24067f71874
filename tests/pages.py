"""What a page says, for tests: browsers show any run of white space as one blank, so tests read it like that."""


def text_of(response):
    """The markup of a response, with each run of white space as one blank."""
    return " ".join(response.content.decode().split())
