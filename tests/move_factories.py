"""What tests of moves are about, made through the real verbs: part of factories."""

from consumption import actions as consumption
from tests import factories


def move(held, version=None, **how):
    """Made at once by maya; to the version that it has, unless another one is given."""
    return consumption.move_version(factories.maya(), held, version or held.pinned_version, **how)


def plan_move(held, plan_slug, **how):
    """Maya asks for another plan."""
    plan = held.model.plans.get(slug=plan_slug)
    return consumption.move_plan(
        factories.maya(), held, plan, reason="A campaign doubles our calls.", **how
    )
