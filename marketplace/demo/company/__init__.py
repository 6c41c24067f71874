"""The demo company: a diversified financial-services company with people, models and a past."""

from collections.abc import Callable
from typing import Any


def build(progress: Callable[..., None], wait: bool = True) -> dict[str, Any]:
    """Build or go on building it; see journey.py. Imported late: training needs no Django, the journey does."""
    from .journey import build as journey

    return journey(progress, wait)


def build_rest(progress: Callable[..., None]) -> dict[str, Any]:
    """What no call waits for; see journey.py."""
    from .journey import build_rest as rest

    return rest(progress)
