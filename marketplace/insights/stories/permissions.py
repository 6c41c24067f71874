"""Who writes, agrees to and publishes success stories. Reading is `visible_to`."""

from catalog.models import RegisteredModel
from marketplace.accounts.models import RoleGrant, Team, User
from marketplace.insights.models import Story


def can_write(user: User, model: RegisteredModel, team: Team) -> bool:
    """The team that uses the model, the team that owns it, and marketplace managers."""
    is_theirs = user.is_on(team) or user.is_on(model.owner_team)
    return user.is_active and (is_theirs or user.has_role(RoleGrant.Role.CURATOR))


def can_change(user: User, story: Story) -> bool:
    """The author, and who could have written it."""
    return user.pk == story.author_id or can_write(user, story.model, story.team)


def can_agree(user: User, story: Story) -> bool:
    """The quoted person alone; no token speaks for them."""
    return user.is_active and not user.token_kid and user.pk == story.quoted_person_id


def can_publish(user: User, story: Story) -> bool:
    """A marketplace manager who neither wrote it nor is on one of its teams."""
    is_own = (
        user.pk == story.author_id or user.is_on(story.team) or user.is_on(story.model.owner_team)
    )
    return user.is_active and user.has_role(RoleGrant.Role.CURATOR) and not is_own
