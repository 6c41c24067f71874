"""What a reviewer looks at in twenty minutes (docs/quality-reviews.md, "The checklist")."""

from dataclasses import dataclass

YES, NO, NOT_ASKED = "yes", "no", "n/a"
ANSWERS = ((YES, "Yes"), (NO, "No"), (NOT_ASKED, "Does not apply"))


@dataclass(frozen=True)
class Point:
    id: str
    asks: str
    how: str
    minutes: int


POINTS = (
    Point(
        "card",
        "What the card says is what the model does.",
        "Read purpose, limitations and inputs; compare with the signature and the last evaluation.",
        5,
    ),
    Point(
        "examples",
        "The examples run and answer what the documentation says.",
        "Call them in the playground.",
        4,
    ),
    Point(
        "issues",
        "Open bugs and requests are answered, and nothing serious is open.",
        "Read the discussion and the newest ratings.",
        4,
    ),
    Point(
        "fairness",
        "Groups are treated alike, no worse than at the last evaluation.",
        "Compare the fairness figures of the last two versions.",
        4,
    ),
    Point(
        "contact",
        "Owner and support contact are right.",
        "Owner is on the team, and the contact answers.",
        3,
    ),
)
BY_ID = {point.id: point for point in POINTS}
