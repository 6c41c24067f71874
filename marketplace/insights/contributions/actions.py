"""Verb of the contribution board: be named, or not."""

from django.db import transaction

from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core.guard import require
from marketplace.insights.models import NamedContributor


@transaction.atomic
def be_named(by: User, is_named: bool) -> None:
    """Stand on the board with one's name, or not any more. Again: nothing changes. Raises NotAllowed for a token."""
    require(
        by.is_active and not by.token_kid,
        "People decide whether they are named.",
        remedy="Sign in and do it yourself.",
    )
    if is_named:
        row, is_new = NamedContributor.objects.get_or_create(person=by)
        if is_new:
            record(by, "contribution.be_named", row)
    elif row_there := NamedContributor.objects.filter(person=by).first():
        record(by, "contribution.be_unnamed", row_there)
        row_there.delete()
