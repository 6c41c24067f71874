"""The risk questionnaire as data, and the pure function that turns answers into a tier.

POLICY is the product's own text; governance changes points, bands and floors in the product (governance.policies). Points, bands and floors: docs/governance.md, "Risk tiers". Raising any answer never lowers the tier.
"""

from dataclasses import dataclass
from typing import Any

from marketplace.core.canonical import digest
from marketplace.core.errors import Invalid

TIERS = ("low", "medium", "high", "prohibited")
BANDS = ((12, "high"), (6, "medium"), (0, "low"))  # points from … → tier


@dataclass(frozen=True)
class Option:
    id: str
    label: str
    points: int
    example: str = ""


@dataclass(frozen=True)
class Question:
    """One mandatory question with its answers, weakest first."""

    id: str
    label: str
    help: str
    options: tuple[Option, ...]

    def option(self, answer):
        """The Option with this id. Raises Invalid naming the question."""
        for option in self.options:
            if option.id == answer:
                return option
        raise Invalid(
            f"Answer the question “{self.label}”.",
            field=self.id,
            remedy=f"Choose one of: {', '.join(o.id for o in self.options)}.",
        )


QUESTIONS = (
    Question(
        "people",
        "How does the output affect people?",
        "Natural persons only; a sole trader counts as one. Direct means the output decides or strongly steers something about that person.",
        (
            Option("none", "Not at all", 0, "Forecast of cash in machines"),
            Option("indirect", "Indirectly", 1, "Order in which letters are answered"),
            Option("direct", "Directly", 2, "Income accepted for a mortgage"),
        ),
    ),
    Question(
        "autonomy",
        "Who decides in the end?",
        "Think of the ordinary day, not of the manual. A person who always follows the model does not decide.",
        (
            Option("advisory", "People; the output is one of many hints", 0, "A dashboard"),
            Option(
                "approves", "A person approves each case", 1, "An underwriter confirms each amount"
            ),
            Option(
                "override",
                "The model; a person can override",
                2,
                "Alerts are closed unless someone objects",
            ),
            Option("automated", "The model alone", 3, "Instant refusal on a web page"),
        ),
    ),
    Question(
        "materiality",
        "What is the worst plausible loss or exposure in a year?",
        "In dollars, if the model were wrong in a way nobody noticed for a while. Include fines and making good.",
        (
            Option("under_100k", "Less than 100 000", 0),
            Option("100k_1m", "100 000 to 1 million", 1),
            Option("1m_10m", "1 to 10 million", 2),
            Option("over_10m", "More than 10 million", 3),
        ),
    ),
    Question(
        "data",
        "What is the most sensitive data in the input or the training data?",
        "Special categories: health, religion, ethnic origin, union membership, sexual life, genetic or biometric data.",
        (
            Option("internal", "Public or internal", 0, "Share prices"),
            Option("confidential", "Confidential, about no person", 1, "Contracts with companies"),
            Option("personal", "Personal data", 2, "Account credits of a customer"),
            Option(
                "special", "Special categories of personal data", 3, "Medical reports in claims"
            ),
        ),
    ),
    Question(
        "regulated",
        "Is the use regulated?",
        "EU AI Act, Annex III 5(b): creditworthiness of natural persons is high-risk, except to detect financial fraud; 5(c): pricing of life "
        "and health insurance. Outside: corporate credit, motor and property insurance. Profiling persons never lowers the tier without legal sign-off.",
        (
            Option("none", "No", 0, "Forecast of call volumes"),
            Option(
                "process",
                "It supports a regulated process",
                2,
                "Money laundering, complaints, capital, reporting, fraud",
            ),
            Option(
                "eligibility",
                "Annex III use, or credit or insurance eligibility or pricing for people",
                4,
                "Consumer credit score",
            ),
        ),
    ),
    Question(
        "generative",
        "Does it generate text, images or code?",
        "A classifier with a language model inside counts as no, if its output is a class or a number.",
        (
            Option("no", "No", 0),
            Option(
                "internal", "Yes, for staff, who review it", 1, "Answers from the staff handbook"
            ),
            Option("customer", "Yes, and customers see it", 2, "A chat on the web site"),
        ),
    ),
    Question(
        "reversibility",
        "How hard is a wrong output to undo?",
        "For the person or the business it hit, not for the database.",
        (
            Option("easy", "Easy", 0, "A report is run again"),
            Option("costly", "Costly", 1, "A refused applicant went elsewhere"),
            Option("irreversible", "It cannot be undone", 2, "A payment has left"),
        ),
    ),
    Question(
        "complexity",
        "How hard is the model to understand?",
        "Choose by what a reviewer has to explain, not by the size of the file.",
        (
            Option("linear", "Rules or a linear model", 0),
            Option("tabular", "Machine learning on tables, such as boosted trees", 1),
            Option("deep", "Deep network or large ensemble", 2),
            Option("foundation", "Foundation model", 2),
        ),
    ),
    Question(
        "reach",
        "Who will use it?",
        "The teams you expect in the first year, including those that find it in the marketplace.",
        (
            Option("team", "One team", 0),
            Option("unit", "One business unit", 1),
            Option("company", "Several business units, or people outside the company", 2),
        ),
    ),
)
QUESTIONS_BY_ID = {question.id: question for question in QUESTIONS}

# EU AI Act, Article 5. Any of these makes a version prohibited: it cannot be submitted.
PROHIBITED = (
    Option(
        "social_scoring",
        "Scores people by their social behaviour or personality, to their disadvantage elsewhere",
        0,
    ),
    Option(
        "manipulation",
        "Manipulates people, or exploits age, disability or hardship, in a way that harms them",
        0,
    ),
    Option("emotion", "Infers emotions of people at work or in education", 0),
    Option(
        "biometric_category",
        "Infers race, beliefs, union membership or sexual orientation from biometric data",
        0,
    ),
    Option("crime_profile", "Predicts from a profile alone that a person will commit a crime", 0),
    Option("face_scraping", "Builds a face database by scraping pictures", 0),
    Option("remote_biometric", "Identifies people remotely in public places, in real time", 0),
)

# (name, why, tier, question → answers that raise it): all named questions must match.
FLOORS = (
    ("OV1", "credit, insurance or another Annex III use", "high", {"regulated": {"eligibility"}}),
    (
        "OV2",
        "decides alone about people (GDPR Article 22)",
        "high",
        {"people": {"direct"}, "autonomy": {"automated"}},
    ),
    ("OV3", "special categories of personal data", "high", {"data": {"special"}}),
    ("OV4", "customers see generated content", "high", {"generative": {"customer"}}),
    ("OV5", "more than 10 million at stake", "high", {"materiality": {"over_10m"}}),
    ("OV6", "affects people directly", "medium", {"people": {"direct"}}),
    ("OV7", "personal data", "medium", {"data": {"personal", "special"}}),
    ("OV8", "generates content", "medium", {"generative": {"internal", "customer"}}),
)
FLOORS_BY_NAME = {name: why for name, why, _, _ in FLOORS}

POLICY: dict[str, Any] = {
    "schema": "tier-policy/1.0.0",
    "semver": "1.0.0",
    "questions": {
        question.id: {option.id: option.points for option in question.options}
        for question in QUESTIONS
    },
    "bands": [list(band) for band in BANDS],
    "floors": [
        [name, tier, {question: sorted(answers) for question, answers in when.items()}]
        for name, _, tier, when in FLOORS
    ],
    "prohibited": [practice.id for practice in PROHIBITED],
}


@dataclass(frozen=True)
class Assessment:
    """What the answers mean. `reasons` are sentences to be shown as they are."""

    tier: str
    score: int
    reasons: tuple[str, ...]
    policy: str
    answers_sha256: str


def assess(answers, text=POLICY):
    """The Assessment of {question id: option id, "prohibited": [practice ids]}. Raises Invalid naming the question.

    text: a policy in the form of POLICY.
    """
    chosen = {question.id: question.option(answers.get(question.id)) for question in QUESTIONS}
    practices = _practices(answers.get("prohibited") or ())
    points = {name: text["questions"][name][option.id] for name, option in chosen.items()}
    found = [_band(points, text["bands"]), *_floors(answers, text["floors"]), *practices]
    tier = highest(tier for tier, _ in found)
    return Assessment(
        tier,
        sum(points.values()),
        tuple(reason for _, reason in found),
        text["schema"],
        digest(answers),
    )


def conditions(answers):
    """What holds for a version with these answers: people, personal, regulated, credit, generative, annex_iii."""
    holds = {
        "people": answers.get("people", "none") != "none",
        "personal": answers.get("data") in ("personal", "special"),
        "regulated": answers.get("regulated", "none") != "none",
        "credit": answers.get("regulated") == "eligibility",
        "annex_iii": answers.get("regulated") == "eligibility",
        "generative": answers.get("generative", "no") != "no",
    }
    return frozenset(name for name, true in holds.items() if true)


def answers_from_points(points):
    """{question: points} → answers; of two options with the same points, the first."""
    return {
        name: next(o.id for o in QUESTIONS_BY_ID[name].options if o.points == value)
        for name, value in points.items()
    }


def highest(tiers):
    """The gravest of some tiers; "low" of none."""
    return max(tiers, key=TIERS.index, default="low")


def _band(points, bands):
    score = sum(points.values())
    tier = next(tier for least, tier in bands if score >= least)
    parts = ", ".join(f"{name} +{value}" for name, value in points.items() if value)
    return tier, f"Score {score} ({parts or 'no points'}): {tier}."


def _floors(answers, floors):
    for name, tier, when in floors:
        if all(answers.get(question) in raising for question, raising in when.items()):
            yield tier, f"{name}: at least {tier}, because: {FLOORS_BY_NAME[name]}."


def _practices(ids):
    labels = {practice.id: practice.label for practice in PROHIBITED}
    for practice in ids:
        if practice not in labels:
            raise Invalid(
                "The list of prohibited practices has changed.",
                field="prohibited",
                remedy="Answer the question again.",
            )
    return [
        ("prohibited", f"Prohibited (EU AI Act, Article 5): {labels[practice].lower()}.")
        for practice in sorted(ids)
    ]
