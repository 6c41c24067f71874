"""What a person chose, laid over the defaults of the kinds."""

from dataclasses import dataclass

from marketplace.accounts.models import User
from marketplace.notices.kinds import KINDS, Kind, of
from marketplace.notices.models import NoticeSettings, Preference


@dataclass(frozen=True)
class Channels:
    """The channels of one kind for one person: on the page, and when by mail (kinds.Mail)."""

    kind: Kind
    page: bool
    mail: str


def channels_of(person: User) -> dict[str, Channels]:
    """The Channels of every kind. One query."""
    chosen = {row.kind: row for row in Preference.objects.filter(person=person)}
    return {slug: _channels(kind, chosen.get(slug)) for slug, kind in KINDS.items()}


def channels_for(person: User, slug: str) -> Channels:
    """The Channels of one kind."""
    row = Preference.objects.filter(person=person, kind=slug).first()
    return _channels(of(slug), row)


def times_of(person: User) -> NoticeSettings:
    """When mail comes to the person; the defaults, unsaved, for who chose nothing."""
    found = NoticeSettings.objects.filter(person=person).first()
    return found or NoticeSettings(person=person)


def _channels(kind: Kind, row: Preference | None) -> Channels:
    if row is None:
        return Channels(kind, True, kind.mail)
    return Channels(kind, row.page or kind.must, row.mail)
