"""Stations of what takes its time, in order: done, going on, to come (templates/components/stations.html)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Station:
    """tone and icon say whether it is done, goes on, or is to come."""

    label: str
    detail: str
    tone: str
    icon: str


def done(label: str, detail: str) -> Station:
    return Station(label, detail, "good", "check-circle")


def going_on(label: str, detail: str) -> Station:
    return Station(label, detail, "info", "clock")


def to_come(label: str, detail: str) -> Station:
    return Station(label, detail, "neutral", "minus-circle")
