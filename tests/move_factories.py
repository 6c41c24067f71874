"""What tests of moves are about, made through the real verbs: part of factories."""

from consumption import actions as consumption
from consumption.models import AcceptanceRun
from tests import factories


def move(held, version=None, **how):
    """Made at once by maya; to the version that it has, unless another one is given."""
    return consumption.move_version(factories.maya(), held, version or held.pinned_version, **how)


def failed_example(held, name="Self-employed"):
    """The result of an example that failed on the version that the subscription has; maya stored it."""
    row = {"income": "4000", "debt": "300"}
    example = consumption.add_example(
        factories.maya(), held, name=name, row=row, low=3600, high=3800
    )
    run = AcceptanceRun.objects.create(
        subscription=held, version=held.pinned_version, state="failed", examples=1, failed=1
    )
    why = "900 is outside 3,600 to 3,800."
    return run.results.create(example=example, before=3700, answer=900, is_within=False, why=why)


def plan_move(held, plan_slug, **how):
    """Maya asks for another plan."""
    plan = held.model.plans.get(slug=plan_slug)
    return consumption.move_plan(
        factories.maya(), held, plan, reason="A campaign doubles our calls.", **how
    )
