"""Verbs of following: begin and end."""

from django.db import transaction

from catalog.models import Collection, Domain
from marketplace.accounts.models import User
from marketplace.accounts.permissions import require_person
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import require
from marketplace.insights.models import Follow

MOST = 100  # of a person
PEOPLE = "People choose what they follow; no token does."


@transaction.atomic
def follow(
    by: User, *, domain: Domain | None = None, collection: Collection | None = None
) -> Follow:
    """Hear once a week what is new in it. Again: nothing changes. Raises NotAllowed, Invalid, RuleError."""
    require_person(by, PEOPLE)
    if (domain is None) == (collection is None):
        raise Invalid("Name a domain or a collection.", field="domain")
    if collection is not None and collection.state != Collection.State.PUBLISHED:
        raise RuleError(
            f"{collection} is not published.",
            field="collection",
            remedy="Choose a published collection.",
        )
    User.objects.select_for_update().get(pk=by.pk)
    followed, is_new = Follow.objects.get_or_create(person=by, domain=domain, collection=collection)
    if is_new and Follow.objects.filter(person=by).count() > MOST:
        raise RuleError(f"One follows at most {MOST} things.", remedy="End one first.")
    return followed


def unfollow(by: User, followed: Follow) -> None:
    """Hear of it no more. Raises NotAllowed."""
    require(followed.person_id == by.pk and not by.token_kid, PEOPLE, ask=str(followed.person))
    followed.delete()
