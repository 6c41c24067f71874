"""What a person searched for lately, kept in the session and nowhere else."""

from django.contrib.sessions.backends.base import SessionBase

KEY = "recent_searches"
MOST, SHOWN = 8, 3
LONGEST = 200  # characters: a longer text is pasted, nobody searches for it again


def keep(session: SessionBase, text: str) -> None:
    """The text comes first; the session is written only when that is news."""
    text = " ".join(text.split())
    before = session.get(KEY, [])
    if not text or len(text) > LONGEST or before[:1] == [text]:
        return
    session[KEY] = [text, *(other for other in before if other != text)][:MOST]


def like(session: SessionBase, text: str) -> list[str]:
    """The newest ones that begin like what is typed, without itself; with nothing typed the newest ones."""
    begun = " ".join(text.lower().split())
    return [
        other
        for other in session.get(KEY, [])
        if other.lower().startswith(begun) and other.lower() != begun
    ][:SHOWN]


def newest(session: SessionBase) -> str:
    """What was searched for last; "" before the first search."""
    return next(iter(session.get(KEY, [])), "")
