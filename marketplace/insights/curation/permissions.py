"""Who works at the curation desk, and on which findings."""

from governance.models import SamePurposeCase
from governance.permissions import can_decide_case
from marketplace.accounts.models import RoleGrant, User
from marketplace.insights.models import CurationItem


def can_use_desk(user: User) -> bool:
    """Marketplace managers."""
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR)


def can_act(user: User, item: CurationItem) -> bool:
    """A manager who is not on the model's team; of two models for one purpose, on neither's."""
    if not can_use_desk(user) or user.is_on(item.model.owner_team):
        return False
    if item.kind != CurationItem.Kind.CONFLICT:
        return True
    case = SamePurposeCase.objects.filter(pk=item.evidence["case"]).first()
    return case is None or can_decide_case(user, case)


def can_answer(user: User, item: CurationItem) -> bool:
    """The publisher: somebody on the model's team."""
    return user.is_active and user.is_on(item.model.owner_team)
