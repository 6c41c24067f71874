"""How large the work would have been: points for what makes a model costly, and the class that they add up to. Pure.

Source: docs/value.md, "Size".
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One thing that makes building costly; `answers`: (value, words, points), the cheapest first."""

    name: str
    label: str
    answers: tuple[tuple[str, str, int], ...]

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(value, f"{words} ({points})") for value, words, points in self.answers]


QUESTIONS = (
    Question(
        "sources",
        "Data that it reads",
        (("few", "up to 4 inputs", 0), ("some", "5 to 10 inputs", 1), ("many", "more inputs", 2)),
    ),
    Question(
        "task",
        "Kind of task",
        (
            ("tabular", "numbers and categories", 0),
            ("text", "texts, documents or time series", 1),
            ("generative", "images, speech or generated content", 2),
        ),
    ),
    Question(
        "integrations",
        "Systems that would call it",
        (("one", "one", 0), ("few", "two or three", 1), ("many", "more", 2)),
    ),
    Question(
        "regulated",
        "Regulated use",
        (
            ("no", "no", 0),
            ("process", "a regulated process", 2),
            ("eligibility", "credit or insurance of people", 3),
        ),
    ),
    Question(
        "labels",
        "Labels to learn from",
        (
            ("none", "none needed", 0),
            ("there", "there already", 1),
            ("made", "to be made by hand", 2),
        ),
    ),
)
POINTS = {q.name: {value: points for value, _, points in q.answers} for q in QUESTIONS}
WORDS = {q.name: {value: words for value, words, _ in q.answers} for q in QUESTIONS}
MEDIUM_FROM, LARGE_FROM = 3, 6
SIZES = {"S": "small", "M": "medium", "L": "large"}


def points_of(answers: Mapping[str, str]) -> int:
    """The sum of the points; an unanswered question gives its cheapest."""
    return sum(POINTS[q.name].get(answers.get(q.name, ""), 0) for q in QUESTIONS)


def size_of(answers: Mapping[str, str]) -> str:
    """S, M or L."""
    points = points_of(answers)
    return "L" if points >= LARGE_FROM else "M" if points >= MEDIUM_FROM else "S"


def reasons(answers: Mapping[str, str]) -> list[str]:
    """One sentence for each answer that counts: "Regulated use: credit or insurance of people, 3 points"."""
    return [
        f"{q.label}: {WORDS[q.name][answers[q.name]]}, {points} point{'' if points == 1 else 's'}"
        for q in QUESTIONS
        if (points := POINTS[q.name].get(answers.get(q.name, ""), 0))
    ]


def inputs_answer(count: int) -> str:
    """The answer about data, from how many inputs a signature has."""
    return "few" if count <= 4 else "some" if count <= 10 else "many"


def systems_answer(count: int) -> str:
    """The answer about integrations, from how many systems call the model."""
    return "one" if count <= 1 else "few" if count <= 3 else "many"
