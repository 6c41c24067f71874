"""Requests for access that people have begun: what they typed is kept after each step, also what was wrong (docs/access.md)."""

from collections.abc import Iterable
from datetime import timedelta

from django.http import QueryDict
from django.utils import timezone

from catalog.models import RegisteredModel
from consumption.models import RequestDraft
from marketplace.accounts.models import User
from marketplace.core.field_limits import REASON

KEPT = timedelta(days=30)  # after the last change
MOST_TEXT = 2 * REASON  # characters of one field; what is longer is refused anyway


def of(person: User, model: RegisteredModel) -> RequestDraft:
    """What the person has begun; a new one, not saved, where there is nothing."""
    draft = RequestDraft.objects.filter(person=person, model=model).first()
    return draft or RequestDraft(person=person, model=model)


def keep(draft: RequestDraft, step: str, fields: Iterable[str], typed: QueryDict) -> RequestDraft:
    """Keep what was typed in one step. Two windows of one person write one after the other: the last counts."""
    texts = {
        name: str(typed[name])[:MOST_TEXT].replace("\x00", "") for name in fields if name in typed
    }
    draft.typed = draft.typed | {step: texts}
    saved, _ = RequestDraft.objects.update_or_create(
        person=draft.person, model=draft.model, defaults={"typed": draft.typed}
    )
    return saved


def begun_by(person: User) -> list[RequestDraft]:
    """For My access, newest first; of models that the person may still see."""
    seen = RegisteredModel.objects.visible_to(person)
    return list(RequestDraft.objects.filter(person=person, model__in=seen).select_related("model"))


def discard(person: User, model: RegisteredModel) -> None:
    RequestDraft.objects.filter(person=person, model=model).delete()


def forget_old() -> None:
    """The sweep: nobody goes on with these."""
    RequestDraft.objects.filter(changed_at__lt=timezone.now() - KEPT).delete()
