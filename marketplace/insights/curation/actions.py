"""Verbs of findings: assign, ask the publisher, answer, accept, dismiss, keep as strategic (docs/curation.md, "What one can do")."""

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.insights.curation import kinds
from marketplace.insights.curation.permissions import can_act, can_answer, can_use_desk
from marketplace.insights.curation.telling import people_of
from marketplace.insights.models import CurationItem, StrategicMark
from marketplace.notices.actions import notify, resolve

TO_ANSWER = timedelta(days=14)
TO_DECIDE = timedelta(days=7)  # after an answer
KEPT = timedelta(days=90)  # until the marketplace asks again
LONGEST = 365  # days that a finding is put off, or a model is strategic
OTHERS = Refusal(
    "Marketplace managers who are not on the model's team act on a finding.",
    ask="another marketplace manager",
)
Answer, State, Kind = CurationItem.Answer, CurationItem.State, CurationItem.Kind


@transaction.atomic
def assign(by: User, item: CurationItem, to: User) -> CurationItem:
    """Give a finding to a manager who may act on it. Raises NotAllowed, Invalid, RuleError."""
    require(
        can_use_desk(by),
        "Marketplace managers share out the findings.",
        ask="the marketplace managers",
    )
    item = _locked(item)
    _require_open(item)
    if not can_act(to, item):
        raise Invalid(f"{to} is no marketplace manager, or is on the model's team.", field="to")
    item.owner = to
    item.save(update_fields=["owner"])
    record(by, "finding.assign", item, to=to.username)
    if to != by:
        notify(
            [to],
            "finding",
            f"Yours: {item}",
            url=item.get_absolute_url(),
            key=f"finding-assigned:{item.pk}:{timezone.now():%Y%m%d%H%M%S}",
        )
    return item


@transaction.atomic
def ask(by: User, item: CurationItem, question: str = "") -> CurationItem:
    """Ask the publisher what becomes of the model; they have TO_ANSWER. Raises NotAllowed, RuleError."""
    require(can_act(by, item), *OTHERS)
    item = _locked(item)
    _require_open(item)
    if not kinds.of(item).asks:
        raise RuleError("This is decided on its own page.", remedy="Open the case.")
    if item.waits_for_publisher:
        raise RuleError("The publisher was asked already.", remedy="Wait, or dismiss the finding.")
    today = timezone.localdate()
    item.asked_at, item.asked_by, item.due_on = timezone.now(), by, today + TO_ANSWER
    item.answer, item.answer_reason, item.answered_by, item.answered_at = "", "", None, None
    item.promised_on = None
    item.save()
    record(by, "finding.ask", item, reason=question.strip())
    notify(
        people_of(item.model.owner_team),
        "finding",
        f"What becomes of {item.model}?",
        body=f"{kinds.in_words(item, today)}. {question.strip()}".strip(),
        url=item.get_absolute_url(),
        key=_asked(item),
        teams=[item.model.owner_team],
    )
    return item


@transaction.atomic
def answer(
    by: User, item: CurationItem, *, answer: str, reason: str, promised_on: date | None = None
) -> CurationItem:
    """Say for the publisher what becomes of the model; a manager then decides. Raises NotAllowed, Invalid, RuleError.

    promised_on  with "mend" only: the day by which it is mended.
    """
    require(
        can_answer(by, item), f"{item.model.owner_team} answers.", ask=str(item.model.owner_team)
    )
    item = _locked(item)
    _require_open(item)
    if answer not in Answer.values:
        raise Invalid("Keep it, mend it, promote it, or deprecate it.", field="answer")
    require_reason(reason, "marketplace managers decide by it")
    require_fields(CurationItem, answer_reason=reason)
    if (answer == Answer.MEND) != (promised_on is not None):
        raise Invalid("Give a day when, and only when, you mend it.", field="promised_on")
    if promised_on is not None:
        _require_day(promised_on, "promised_on")
    item.answer, item.answer_reason, item.promised_on = answer, reason.strip(), promised_on
    item.answered_by, item.answered_at = by, timezone.now()
    item.due_on = timezone.localdate() + TO_DECIDE
    item.save()
    resolve(_asked(item))
    record(by, "finding.answer", item, reason=reason.strip(), answer=answer)
    if item.owner is not None:
        notify(
            [item.owner],
            "finding",
            f"{item.model}: {item.get_answer_display().lower()}",
            body=item.answer_reason,
            url=item.get_absolute_url(),
            key=f"finding-answered:{item.pk}:{item.answered_at:%Y%m%d%H%M%S}",
        )
    return item


@transaction.atomic
def accept(by: User, item: CurationItem) -> CurationItem:
    """Let the publisher's answer stand: the finding rests until the promised day, or for KEPT. Raises NotAllowed, RuleError."""
    require(can_act(by, item), *OTHERS)
    item = _locked(item)
    _require_open(item)
    if not item.answer or item.answer == Answer.DEPRECATE:
        raise RuleError(
            "There is no answer that can stand.", remedy="Ask the publisher, or propose the end."
        )
    until = item.promised_on or timezone.localdate() + KEPT
    _close(by, item, State.SETTLED, item.answer_reason, until)
    _tell_publisher(item, f"{item.model}: your answer stands until {kinds.day(until)}")
    return item


@transaction.atomic
def dismiss(by: User, item: CurationItem, *, reason: str, look_again_on: date) -> CurationItem:
    """Say why nothing is to be done; the finding returns on a day if it is still so. Raises NotAllowed, Invalid, RuleError."""
    require(can_act(by, item), *OTHERS)
    item = _locked(item)
    _require_open(item)
    require_reason(reason, "it stands beside the finding, and other managers read it")
    _require_day(look_again_on, "look_again_on")
    return _close(by, item, State.DISMISSED, reason, look_again_on)


@transaction.atomic
def keep_strategic(by: User, item: CurationItem, *, reason: str, until: date) -> StrategicMark:
    """Keep a model that nobody uses, for at most a year. Raises NotAllowed, Invalid, RuleError."""
    require(can_act(by, item), *OTHERS)
    item = _locked(item)
    _require_open(item)
    if item.kind != Kind.UNUSED:
        raise RuleError(
            "Only a model without consumers is kept as strategic.",
            field="until",
            remedy="Choose another answer.",
        )
    require_reason(reason, "the publisher and other managers read it")
    _require_day(until, "until")
    mark = StrategicMark.objects.create(model=item.model, until=until, reason=reason.strip(), by=by)
    _close(by, item, State.SETTLED, reason, until)
    _tell_publisher(item, f"{item.model} is kept as strategic until {kinds.day(until)}")
    return mark


def _close(by: User, item: CurationItem, state: str, reason: str, until: date) -> CurationItem:
    transition(
        item,
        state,
        look_again_on=until,
        closed_at=timezone.now(),
        **CurationItem.decision(by, reason),
    )
    resolve(_asked(item))
    record(by, f"finding.{state}", item, reason=reason.strip(), look_again_on=until.isoformat())
    return item


def _tell_publisher(item: CurationItem, title: str) -> None:
    notify(
        people_of(item.model.owner_team),
        "finding",
        title,
        body=item.decision_reason,
        url=item.get_absolute_url(),
        key=f"finding-settled:{item.pk}:{timezone.now():%Y%m%d%H%M%S}",
    )


def _asked(item: CurationItem) -> str:
    return f"finding-asked:{item.pk}:{item.asked_at:%Y%m%d%H%M%S}" if item.asked_at else ""


def _require_day(day: date, field: str) -> None:
    today = timezone.localdate()
    if not today < day <= today + timedelta(days=LONGEST):
        raise Invalid(f"Choose a day within the next {LONGEST} days.", field=field)


def _require_open(item: CurationItem) -> None:
    if not item.is_open:
        who = f" by {item.decided_by}" if item.decided_by else ""
        raise RuleError(
            f"{item} is {item.get_state_display().lower()}{who}.", remedy="Reload the page."
        )


def _locked(item: CurationItem) -> CurationItem:
    return (
        CurationItem.objects.select_for_update(of=("self",))
        .select_related("model__owner_team", "owner", "decided_by")
        .get(pk=item.pk)
    )
