"""Who may manage what runs. The reconciler needs no permission: it follows the version's state."""

from catalog.models import ModelVersion, RegisteredModel
from hosting.models import Deployment
from marketplace.accounts.models import User


def can_operate(user: User, deployment: Deployment) -> bool:
    """The publishing team, the manager and the operators start, stop and size a deployment.

    Rule: docs/reliability.md, "Visibility and permissions".
    """
    return can_operate_model(user, deployment.version.model)


def can_operate_model(user: User, model: RegisteredModel) -> bool:
    """`can_operate` of every deployment of a model: all are of one team."""
    if not user.is_active:
        return False
    return (
        user.is_system
        or user.is_on(model.owner_team)
        or user.has_role("operator", "admin", "curator")
    )


def can_set_credential(user: User, version: ModelVersion) -> bool:
    """The secret of an external endpoint is its team's own."""
    return user.is_active and user.is_on(version.model.owner_team)


def can_read_logs(user: User, deployment: Deployment) -> bool:
    """What a replica writes may tell about a model's inside: the publishing team and the operators."""
    return can_operate(user, deployment)


def can_see_operations(user: User) -> bool:
    """All deployments and what its stores are doing. Not asked of a model: operators, managers, administrators."""
    return user.is_authenticated and user.has_role("operator", "admin", "curator")
