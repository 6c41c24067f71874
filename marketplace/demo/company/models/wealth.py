"""Wealth management: portfolio suitability and client attrition (the second model that predicts churn)."""

from __future__ import annotations

import numpy as np

from ..listing import (
    Column,
    Estimator,
    Listing,
    Output,
    Recipe,
    Release,
    Sample,
    standard_plans,
    standard_sla,
)
from . import people

PORTFOLIOS = ("balanced", "cautious", "growth", "income")


def investors(rng: np.random.Generator, n: int) -> Sample:
    """The model portfolio that a suitability panel would choose."""
    age, sex = people.ages(rng, n, 25, 85), people.sexes(rng, n)
    tolerance, horizon = rng.integers(1, 11, n), np.clip(rng.gamma(3, 4, n), 1, 40).round()
    capacity = np.clip(rng.beta(3, 3, n), 0, 1).round(3)
    needs_income = rng.random(n) < 0.28
    knowledge = rng.integers(1, 6, n)
    score = (
        0.5 * tolerance
        + 0.14 * np.minimum(horizon, 20)
        + 3.2 * capacity
        + 0.2 * knowledge
        + rng.normal(0, 0.45, n)
    )
    label = np.select(
        [needs_income & (score < 7.2), score < 5.2, score < 7.6],
        ["income", "cautious", "balanced"],
        "growth",
    )
    inputs = {
        "risk_tolerance": tolerance,
        "horizon_years": horizon,
        "loss_capacity": capacity,
        "needs_income": needs_income,
        "knowledge": knowledge,
    }
    return Sample(inputs, label, {"sex": sex, "age_band": people.age_band(age)})


SUITABILITY = Listing(
    slug="portfolio-suitability",
    name="Portfolio Suitability",
    team="portfolio-engineering",
    owner="jonas",
    domain="wealth-management",
    capability="recommendation",
    summary="Proposes the model portfolio that suits a client's goals, horizon and capacity for loss.",
    description="From the suitability questionnaire: risk tolerance, horizon, capacity for loss, need for income and knowledge. Returns one of four model portfolios with the share of votes for each. The adviser records why it was followed or not.",
    limitations="Four model portfolios only. Does not look at existing holdings, tax or ethical wishes.",
    tags=("suitability", "investments", "portfolio", "risk profile", "advice"),
    affects_people=True,
    collaborators=("klara",),
    tiering=dict(
        people=2,
        autonomy=1,
        materiality=2,
        data=2,
        regulated=2,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=1,
    ),
    card={
        "intended": "Propose a model portfolio to an adviser who has completed the suitability questionnaire with a client.",
        "users": ["Financial advisers", "Digital advice with adviser review"],
        "out_of_scope": "Orders without an adviser, clients under 18, pensions in payment, and single securities.",
        "decision": "The adviser recommends and the client decides; the model's proposal is one page of the file.",
        "value": "The same answers lead to the same proposal in every branch.",
        "failures": [
            ("Contradictory answers", "Votes nearly equal", "Adviser repeats the questionnaire")
        ],
        "tradeoffs": ["Caution before return where capacity for loss is small"],
        "population": "Generated questionnaires in the style of US private clients aged 25 to 85 with a panel's choice",
        "known_bias": "Clients over 75 are few; the panel tended to be cautious with them.",
        "preprocessing": "Answers as given; horizon capped at 40 years.",
        "labels": "Portfolio chosen by a panel of three advisers.",
        "harms": [
            (
                "Client",
                "A portfolio riskier than the client can bear",
                "high",
                "Capacity for loss is a hard limit checked after the model",
            )
        ],
        "oversight": "The adviser must confirm or change the proposal with a reason; compliance samples 5 % of files.",
        "factors": ["sex", "age band"],
        "external_validity": "Two branches compared the proposals with their own for a quarter: same portfolio in 84 % of files.",
        "explain": (
            "Votes per portfolio and permutation importance",
            ["risk tolerance", "horizon", "capacity for loss"],
        ),
        "rationale": "A forest of shallow trees follows the panel's rules of thumb and shows doubt as a split vote.",
        "basis": "Contract and legal duty to assess suitability",
        "restrictions": "Proposal and answers are kept for seven years.",
        "threats": [
            "Coached answers: changes against earlier questionnaires are shown to the adviser"
        ],
    },
    releases=(
        Release(
            "2.1.0",
            "published",
            100,
            Recipe(
                "multiclass",
                (
                    Column(
                        "risk_tolerance",
                        "INT64",
                        "1 very low to 10 very high, from the questionnaire",
                    ),
                    Column("horizon_years", "FP32", "Years until the money is needed", "years"),
                    Column(
                        "loss_capacity",
                        "FP32",
                        "Share of the sum whose loss would not change the client's life",
                    ),
                    Column("needs_income", "BOOL", "Whether regular pay-outs are needed"),
                    Column("knowledge", "INT64", "1 none to 5 professional"),
                ),
                (
                    Output(
                        "portfolio",
                        "label",
                        "Proposed model portfolio",
                        datatype="BYTES",
                        enum=PORTFOLIOS,
                    ),
                    Output(
                        "votes",
                        "probabilities",
                        "Share of votes in the order balanced, cautious, growth, income",
                        width=4,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                investors,
                Estimator("forest", 40, 8),
                seed=1101,
            ),
            "Income portfolio added as an answer of its own; votes are returned for all four.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=8.0),
    sla=standard_sla(99.5, 150, 20),
)


def clients(
    rng: np.random.Generator, n: int, wealthy: bool
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Customers and whether they leave within ninety days; shared by the two churn models."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    tenure = np.clip(rng.gamma(2.2, 2.6, n), 0.1, 40).round(1)
    products = 1 + people.counts(rng, n, 1.1, 7)
    logins = people.counts(rng, n, 9, 90)
    complaints = people.counts(rng, n, 0.25, 6)
    change = np.clip(rng.normal(0.02, 0.22, n), -0.95, 1.5).round(3)
    contact = np.clip(rng.exponential(80, n), 0, 720).round()
    log_odds = (
        -0.1
        - 0.09 * tenure
        - 0.35 * products
        - 0.05 * logins
        + 0.7 * complaints
        - 2.6 * change
        + (0.004 if wealthy else 0.001) * contact
    )
    inputs = {
        "tenure_years": tenure,
        "products": products,
        "logins_30d": logins,
        "complaints_12m": complaints,
        "balance_change_90d": change,
        "days_since_contact": contact,
    }
    return inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}


def wealthy_clients(rng: np.random.Generator, n: int) -> Sample:
    return Sample(*clients(rng, n, wealthy=True))


CLIENT_COLUMNS = (
    Column("tenure_years", "FP32", "Time as a customer", "years"),
    Column("products", "INT64", "Products held"),
    Column("logins_30d", "INT64", "Log-ins in 30 days"),
    Column("complaints_12m", "INT64", "Complaints in twelve months"),
    Column("balance_change_90d", "FP32", "Change of balances over 90 days as a share"),
    Column(
        "days_since_contact", "FP32", "Days since a person last spoke with the customer", "days"
    ),
)
LEAVES = (
    Output(
        "probability_of_leaving",
        "probabilities",
        "Chance of leaving within ninety days",
        1,
        minimum=0,
        maximum=1,
    ),
)
CHURN_TIER = dict(
    people=1,
    autonomy=1,
    materiality=1,
    data=2,
    regulated=0,
    generative=0,
    reversibility=0,
    complexity=1,
    reach=1,
)

ATTRITION = Listing(
    slug="client-attrition",
    name="Client Attrition",
    team="portfolio-engineering",
    owner="klara",
    domain="wealth-management",
    capability="classification",
    summary="Identifies private clients who are likely to leave within the next ninety days.",
    description="From asset flows, log-ins, adviser contact and complaints: the chance that a household moves its assets away within ninety days. Advisers get a weekly list with reasons.",
    limitations="Not for clients in their first month. Serves nearly the same purpose as Retail Customer Churn; see there for retail customers.",
    tags=("churn", "attrition", "retention", "relationship"),
    affects_people=True,
    collaborators=("jonas",),
    tiering=CHURN_TIER,
    card={
        "intended": "Tell advisers which private clients may leave, early enough for a conversation.",
        "users": ["Advisers", "Branch managers"],
        "out_of_scope": "Pricing, closing relationships, retail customers without an adviser.",
        "decision": "The adviser decides whether to call; nothing happens to a client automatically.",
        "value": "Each percentage point of attrition is worth about $11 million of assets.",
        "failures": [
            (
                "House purchase",
                "Outflow read as leaving",
                "Adviser notes the reason; client is skipped for 90 days",
            )
        ],
        "tradeoffs": ["More false alarms in exchange for fewer missed departures"],
        "population": "Private clients in the United States over two years, one row per client and quarter",
        "known_bias": "Clients who never use the app have no log-ins and score higher.",
        "preprocessing": "Asset change is net of market movement.",
        "labels": "More than 80 % of assets moved away within ninety days.",
        "harms": [
            (
                "Client",
                "Feels watched by a call at an odd time",
                "low",
                "Advisers are trained; calls are at most quarterly",
            )
        ],
        "oversight": "Advisers see the reasons and may dismiss a client from the list.",
        "factors": ["sex", "age band"],
        "external_validity": "Tried on retail customers of consumer lending: ranking dropped by six points of AUC, so it is not offered there.",
        "explain": ("Permutation importance", ["outflow", "complaints", "no contact"]),
        "rationale": "Boosted trees on six inputs; a survival model gave the same ranking and was harder to keep.",
        "basis": "Legitimate interest",
        "restrictions": "Not for pricing.",
        "threats": ["None beyond data errors: clients do not see the score"],
    },
    releases=(
        Release(
            "1.3.0",
            "published",
            85,
            Recipe(
                "binary",
                CLIENT_COLUMNS,
                LEAVES,
                wealthy_clients,
                Estimator("boosting", 60, 3),
                seed=1201,
                threshold=0.25,
            ),
            "Adds days since contact; asset change is net of market movement.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=2.0),
    sla=standard_sla(99.0, 150, 20),
)

LISTINGS = (SUITABILITY, ATTRITION)
