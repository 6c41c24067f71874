"""What the components breadcrumb.html and tabs.html are drawn from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One step of the way back to where the page belongs."""

    label: str
    url: str


@dataclass(frozen=True)
class Tab:
    """One of several views of the same thing; a `count` of 0 is not shown."""

    label: str
    url: str
    current: bool
    count: int = 0
