"""Business answers that verbs raise. Two handlers, one for pages and one for the API, render them."""

from django.core.exceptions import BadRequest


class Unreadable(BadRequest):
    """A request that no view can use (400); the message says why, in our own words."""


class BusinessAnswer(Exception):
    """A 'no' that a person can act on.

    message  the sentence shown to the person.
    field    the form or API field it is about, or None.
    remedy   what would make the answer yes, or "".
    ask      who can help ("the model risk officer"), or "". Refusals (403, 409) have one of the two (tests/core/test_house.py).
    """

    status = 409
    slug = "rule"
    title = "The rules do not allow this now"

    def __init__(
        self, message: str, *, field: str | None = None, remedy: str = "", ask: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.field, self.remedy, self.ask = message, field, remedy, ask
        # Where several things are wrong: {"message", "code", "remedy"} of each.
        self.problems: list[dict[str, str]] = []

    @property
    def sentence(self) -> str:
        """The message with its remedy and who can help, as one text."""
        parts = [self.message, self.remedy, f"Ask {self.ask}." if self.ask else ""]
        return " ".join(part for part in parts if part)

    @property
    def sentences(self) -> list[str]:
        """One text for each thing that is wrong, where a form shows them one below the other."""
        return [self.sentence]


class RuleError(BusinessAnswer):
    """The person may do such things, but not this, not now (409)."""


class Invalid(RuleError):
    """What was given does not have the right form (422)."""

    status = 422
    slug = "invalid"
    title = "What was sent cannot be used"


class UnknownChoice(Invalid):
    """A question in an address asked for something that is not there (400)."""

    status = 400


class NotAllowed(BusinessAnswer):
    """This person may not do this (403)."""

    status = 403
    slug = "not-allowed"
    title = "You may not do this"


class Exceeded(BusinessAnswer):
    """More was sent than is taken; `limit` says how much is, in bytes or pieces."""

    def __init__(
        self,
        message: str,
        *,
        limit: int | None = None,
        field: str | None = None,
        remedy: str = "",
        ask: str = "",
    ) -> None:
        super().__init__(message, field=field, remedy=remedy, ask=ask)
        self.limit = limit


class TooLarge(Exceeded):
    """The body is larger than this address takes from this person (413)."""

    status = 413
    slug = "request-too-large"
    title = "The request is too large"


class Encoded(BusinessAnswer):
    """The body is compressed, or encoded in another way (415)."""

    status = 415
    slug = "media-type"
    title = "This media type is not understood"


class LengthRequired(Exceeded):
    """An upload says how large it is before it begins (411)."""

    status = 411
    slug = "length-required"
    title = "The upload does not say how large it is"


class TooManyAtOnce(Exceeded):
    """Too many uploads or large requests of one person or team are on their way (429)."""

    status = 429
    slug = "too-many-uploads"
    title = "Too many uploads at once"


class QuotaFull(Exceeded):
    """What the person or the team keeps has reached its quota (507)."""

    status = 507
    slug = "upload-quota"
    title = "The upload quota is used up"


class TooSlow(BusinessAnswer):
    """The body did not arrive within its deadline (408)."""

    status = 408
    slug = "too-slow"
    title = "The request came too slowly"


class Incomplete(BusinessAnswer):
    """The connection closed before the body was whole (400)."""

    status = 400
    slug = "unreadable-request"
    title = "The request cannot be read"


class NotSent(BusinessAnswer):
    """A letter could not be handed to the mail server (503)."""

    status = 503
    slug = "not-sent"
    title = "The letter could not be sent"


class InsufficientStorage(BusinessAnswer):
    """The disk is nearly full: what was sent was not kept, and nothing else was changed (507)."""

    status = 507
    slug = "insufficient-storage"
    title = "Insufficient storage"
