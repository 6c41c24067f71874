"""Verb of the contribution board: be named, or not."""

from django.db import transaction

from marketplace.accounts.models import User
from marketplace.accounts.permissions import require_person
from marketplace.audit.actions import record
from marketplace.insights.models import NamedContributor


@transaction.atomic
def be_named(by: User, is_named: bool) -> None:
    """Stand on the board with one's name, or not any more. Again: nothing changes. Raises NotAllowed for a token."""
    require_person(by, "People decide whether they are named.")
    if is_named:
        row, is_new = NamedContributor.objects.get_or_create(person=by)
        if is_new:
            record(by, "contribution.be_named", row)
    elif row_there := NamedContributor.objects.filter(person=by).first():
        record(by, "contribution.be_unnamed", row_there)
        row_there.delete()
