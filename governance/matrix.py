"""Which reviews a version needs, by tier and conditions (docs/governance.md, "Reviews"). Pure data and functions.

conditions: names from tiering.conditions (people, personal, regulated, credit, generative).
"""

from dataclasses import dataclass
from typing import Any

from governance import checklists

ALWAYS = frozenset({"*"})


@dataclass(frozen=True)
class Rule:
    """One kind of review: in which tiers it is needed, and how many business days it may take there.

    when: tier → the conditions of which one must hold; ALWAYS; or absent for never.
    """

    kind: str
    label: str
    when: dict
    days: dict
    asks: str


RULES = (
    Rule(
        "curation",
        "Curation",
        {"low": ALWAYS, "medium": ALWAYS, "high": ALWAYS},
        {"low": 2, "medium": 2, "high": 2},
        "Is it documented, clear, and not a duplicate of what exists?",
    ),
    Rule(
        "evaluation",
        "Independent evaluation",
        {"low": ALWAYS, "medium": ALWAYS, "high": ALWAYS},
        {"low": 3, "medium": 5, "high": 10},
        "Does it do what it says, measured by somebody else than its team?",
    ),
    Rule(
        "fairness",
        "Fairness",
        {"low": frozenset({"people"}), "medium": frozenset({"people"}), "high": ALWAYS},
        {"low": 3, "medium": 5, "high": 7},
        "Are groups of people treated alike, or is the difference justified?",
    ),
    Rule(
        "security",
        "Security and safety",
        {"medium": ALWAYS, "high": ALWAYS},
        {"low": 2, "medium": 5, "high": 7},
        "Is the package safe, and is misuse thought of?",
    ),
    Rule(
        "legal",
        "Legal and compliance",
        {"medium": frozenset({"personal", "regulated"}), "high": ALWAYS},
        {"low": 5, "medium": 5, "high": 10},
        "Is the use lawful, and are its limits written down?",
    ),
    Rule(
        "final",
        "Final approval",
        {"low": ALWAYS, "medium": ALWAYS, "high": ALWAYS},
        {"low": 1, "medium": 2, "high": 5},
        "All reviews considered: shall the company stand behind it?",
    ),
)
RULES_BY_KIND = {rule.kind: rule for rule in RULES}

# Marketplace roles of which one is needed to decide, by kind; the final one depends on the tier.
ROLES = {
    "curation": ("curator",),
    "evaluation": ("evaluator",),
    "fairness": ("fairness_reviewer",),
    "security": ("security_reviewer",),
    "legal": ("legal_reviewer",),
}
FINAL_ROLES = {"low": ("curator",), "medium": ("governance_lead",), "high": ("model_risk_officer",)}
# Who grants a waiver, by tier.
WAIVER_ROLES = {
    "low": ("governance_lead",),
    "medium": ("governance_lead",),
    "high": ("model_risk_officer",),
}
# A failed fairness check is opened by a justification of the reviewer who judges fairness, with a yes of the law; never by the team.
JUSTIFIED = "fairness"
JUSTIFICATION_ROLES = ("legal_reviewer",)
MIN_PEOPLE = {"low": 2, "medium": 3, "high": 4}
# Whether green checks alone approve a patch at low risk (governance.automatic).
BY_PEOPLE, AUTOMATIC = "people", "checks"

POLICY: dict[str, Any] = {
    "schema": "review-matrix/1.4.0",
    "semver": "1.4.0",
    "reviews": {
        rule.kind: {tier: sorted(needed) for tier, needed in rule.when.items()} for rule in RULES
    },
    "business_days": {rule.kind: rule.days for rule in RULES},
    "roles": {kind: list(roles) for kind, roles in ROLES.items()}
    | {"final": {tier: list(roles) for tier, roles in FINAL_ROLES.items()}},
    "waiver_roles": {tier: list(roles) for tier, roles in WAIVER_ROLES.items()},
    "justification_roles": {JUSTIFIED: list(JUSTIFICATION_ROLES)},
    "min_people": MIN_PEOPLE,
    "automatic": BY_PEOPLE,
    "checklists": checklists.POLICY,
}


def required_reviews(tier, conditions=frozenset(), text=POLICY):
    """[(kind, business days)] for a version of this tier, the final approval last. Raises KeyError for other tiers.

    text: a policy in the form of POLICY.
    """
    text["min_people"][tier]  # a tier without reviews must not pass as one that needs none
    return [
        (rule.kind, text["business_days"][rule.kind][tier])
        for rule in RULES
        if applies(text["reviews"][rule.kind].get(tier, ()), conditions)
    ]


def applies(needed, conditions):
    """Is a review needed whose row of the matrix says `needed`: conditions of which one suffices, ALWAYS, or none for never?"""
    return "*" in needed or not frozenset(conditions).isdisjoint(needed)


def roles_for(kind, tier):
    """The roles of which one decides this kind of review at this tier."""
    return FINAL_ROLES[tier] if kind == "final" else ROLES[kind]


def waiver_roles(gate, tier):
    """The roles of which one decides about a waiver of this gate at this tier."""
    return JUSTIFICATION_ROLES if gate == JUSTIFIED else WAIVER_ROLES[tier]
