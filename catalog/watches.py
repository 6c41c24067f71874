"""Verbs on watching models, and who is told of one because they watch it (docs/notices.md, "Watching")."""

from django.db import transaction

from catalog.models import RegisteredModel
from marketplace.accounts.models import User
from marketplace.notices import actions
from marketplace.notices.models import Watch


def watch(by: User, model: RegisteredModel, level: str) -> Watch:
    """Watch a model that the person sees, or be told no more of it than must be. Raises NotAllowed, Invalid, RuleError."""
    return actions.set_watch(by, model.slug, level)


@transaction.atomic
def forget(by: User, model: RegisteredModel) -> None:
    """Be told of the model as before: of what one's teams use and own."""
    actions.forget_watch(by, model.slug)


def watchers(model: RegisteredModel) -> list[User]:
    """The active people who watch the model and may see it now."""
    people = User.objects.filter(
        watches__model=model.slug, watches__level=Watch.Level.WATCHED, is_active=True
    )
    if (
        model.visibility == RegisteredModel.Visibility.ENTERPRISE
        and model.state != RegisteredModel.State.DRAFT
    ):
        return list(people)
    seen = RegisteredModel.objects.filter(pk=model.pk)
    return [person for person in people if seen.visible_to(person).exists()]
