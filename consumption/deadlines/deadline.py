"""One thing with a date that needs somebody, and the act that settles it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import TextChoices
from django.utils import timezone

from consumption.models import Subscription


class Kind(TextChoices):
    """Why it needs somebody."""

    QUOTA = "quota", "Quota runs out"
    KEY = "key", "Key expires"
    PAUSED_KEY = "paused_key", "Key paused"
    CONFIRMATION = "confirmation", "Yearly confirmation"
    CHANGE = "change", "Terms change"
    END = "end", "Access ends"
    VERSION = "version", "Version ends"
    SUSPENSION = "suspension", "Suspension ahead"
    UPDATE = "update", "Update to agree to"
    BUDGET = "budget", "Budget runs out"
    DENIED = "denied", "Request denied"
    REQUEST = "request", "Request to answer"
    PLAN = "plan", "Plan to answer"
    USE = "use", "Use above its tier"
    PROPOSAL = "proposal", "Change to confirm"
    REVIEW = "review", "Review"
    CONDITION = "condition", "Condition of approval"
    MONTH = "month", "Month to close"
    DIFFERENCE = "difference", "Counts differ"
    DISPUTE = "dispute", "Dispute to answer"
    SIGNATURE = "signature", "Quarter to sign"
    CLAIM = "claim", "Value claim"
    REUSE = "reuse", "Reuse to confirm"
    FINDING = "finding", "Finding about a model"


ICONS = {
    Kind.QUOTA: "chart-pie",
    Kind.KEY: "key",
    Kind.PAUSED_KEY: "pause-circle",
    Kind.CONFIRMATION: "pencil-square",
    Kind.CHANGE: "banknotes",
    Kind.END: "no-symbol",
    Kind.VERSION: "arrow-up-circle",
    Kind.SUSPENSION: "no-symbol",
    Kind.UPDATE: "arrow-up-circle",
    Kind.BUDGET: "banknotes",
    Kind.DENIED: "x-circle",
    Kind.REQUEST: "inbox-arrow-down",
    Kind.PLAN: "arrows-right-left",
    Kind.USE: "scale",
    Kind.PROPOSAL: "user-group",
    Kind.REVIEW: "clipboard-document-check",
    Kind.CONDITION: "clipboard-document-list",
    Kind.MONTH: "calendar-days",
    Kind.DIFFERENCE: "exclamation-triangle",
    Kind.DISPUTE: "chat-bubble-left-right",
    Kind.SIGNATURE: "lock-closed",
    Kind.CLAIM: "banknotes",
    Kind.REUSE: "arrow-path-rounded-square",
    Kind.FINDING: "flag",
}
# In the table of subscriptions, before the date.
SHORT = {
    Kind.QUOTA: "Quota ends",
    Kind.KEY: "Key ends",
    Kind.PAUSED_KEY: "Key paused",
    Kind.CONFIRMATION: "Confirm by",
    Kind.CHANGE: "Terms change",
    Kind.END: "Access ends",
    Kind.VERSION: "Version ends",
    Kind.SUSPENSION: "Suspended",
    Kind.DENIED: "Denied",
}


@dataclass(frozen=True)
class Deadline:
    """due: when it happens, or by when it is wanted. act, act_url: the button. is_at_risk: calls stop then, unless somebody acts.

    subscription is None for what is about no subscription of the reader's teams.
    """

    kind: Kind
    due: datetime
    title: str
    url: str
    text: str
    act: str
    act_url: str
    is_at_risk: bool = False
    subscription: Subscription | None = None

    @property
    def order(self) -> tuple[datetime, bool, str, str]:
        """The soonest first, and of one moment what stops calls."""
        return self.due, not self.is_at_risk, self.title, self.act_url

    @property
    def days(self) -> int:
        """Whole days (UTC) until then; negative for what is past."""
        return (self.due.astimezone(UTC).date() - timezone.now().astimezone(UTC).date()).days

    @property
    def left(self) -> str:
        """The time until then, in words."""
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
        if self.days in near:
            return near[self.days]
        return f"in {self.days:,} days" if self.days > 0 else f"{-self.days:,} days ago"

    @property
    def tone(self) -> str:
        """How urgent it looks: a week before calls stop, and whatever is overdue, is red."""
        if self.days < 0 or (self.is_at_risk and self.days <= 7):
            return "bad"
        return "warn" if self.is_at_risk or self.days <= 7 else "neutral"

    @property
    def icon(self) -> str:
        return ICONS[self.kind]

    @property
    def short(self) -> str:
        """For the table of subscriptions: "Quota ends 30 Nov"."""
        return f"{SHORT.get(self.kind, self.kind.label)} {self.date}"

    @property
    def date(self) -> str:
        """ "30 Nov"; with the year where it is another one."""
        due = self.due.astimezone(UTC)
        return f"{due:%-d %b %Y}" if due.year != timezone.now().year else f"{due:%-d %b}"
