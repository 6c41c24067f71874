"""Consumer lending: income verification (the story's hero), affordability, and a vendor's categoriser."""

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
    cost_plus_plans,
    standard_plans,
    standard_sla,
)
from . import people

DOCUMENTED = Column(
    "documented_income",
    "FP32",
    "Income shown by salary slips or tax forms, annualised",
    "USD per year",
)
STABILITY = Column(
    "income_stability", "FP32", "1 means the same credit every month, 0 means no pattern"
)
DEPOSITS = Column(
    "months_with_salary", "INT64", "Months of the last twelve with a salary-like credit", "months"
)


def applicants(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Loan applicants with a true income and the traces it leaves in documents and accounts."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    income = people.incomes(rng, n, age)
    self_employed = rng.random(n) < 0.16
    overstated = np.where(rng.random(n) < 0.18, rng.uniform(1.1, 1.6, n), rng.normal(1.01, 0.03, n))
    noise = np.where(self_employed, 0.16, 0.05)
    stability = np.clip(rng.beta(6, 2, n) - 0.35 * self_employed, 0.02, 1).round(3)
    return {
        "age": age,
        "sex": sex,
        "income": income,
        "self_employed": self_employed,
        "stated": (income * overstated).round(-2),
        "stability": stability,
        "documented": (income * np.exp(rng.normal(0, noise, n))).round(-1),
        "credits": (
            income * 0.76 * np.exp(rng.normal(0, noise * 0.45, n)) * (1 + 0.1 * (1 - stability))
        ).round(-1),
        "recent_credits": (income * 0.76 * np.exp(rng.normal(0, noise, n)) / 12).round(2),
        "months": np.clip(np.round(12 * (0.45 + 0.55 * stability) + rng.normal(0, 0.8, n)), 1, 12),
        "years_in_job": np.clip(rng.exponential(5, n), 0, 40).round(1),
    }


def groups(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"sex": rows["sex"], "age_band": people.age_band(rows["age"])}


def income_monthly(rng: np.random.Generator, n: int) -> Sample:
    rows = applicants(rng, n)
    inputs = {
        "stated_income": rows["stated"],
        "documented_income": rows["documented"],
        "monthly_credits": rows["recent_credits"],
        "months_with_salary": rows["months"],
        "years_in_job": rows["years_in_job"],
        "self_employed": rows["self_employed"],
    }
    return Sample(inputs, rows["income"], groups(rows))


def income_yearly(rng: np.random.Generator, n: int) -> Sample:
    """Two targets: the income, and how far the documents and accounts disagree about it."""
    rows = applicants(rng, n)
    spread = np.abs(rows["documented"] - rows["credits"] / 0.76)
    inputs = {
        "stated_income": rows["stated"],
        "documented_income": rows["documented"],
        "account_credits_12m": rows["credits"],
        "months_with_salary": rows["months"],
        "income_stability": rows["stability"],
        "self_employed": rows["self_employed"],
    }
    return Sample(inputs, np.column_stack([rows["income"], spread]), groups(rows))


INCOME_1 = Recipe(
    task="regression",
    columns=(
        Column(
            "stated_income",
            "FP32",
            "Gross annual income as the applicant states it",
            "USD per year",
        ),
        DOCUMENTED,
        Column(
            "monthly_credits",
            "FP32",
            "Average monthly credits to the salary account over the last quarter",
            "USD per month",
        ),
        DEPOSITS,
        Column("years_in_job", "FP32", "Time with the present employer or business", "years"),
        Column("self_employed", "BOOL", "Whether the applicant's main income is self-employed"),
    ),
    outputs=(
        Output(
            "verified_income",
            "variable",
            "Gross annual income supported by the evidence",
            0,
            unit="USD per year",
            minimum=0,
        ),
    ),
    sample=income_monthly,
    estimator=Estimator("boosting", 90, 4),
    rows=6000,
    seed=1401,
    baseline_column="stated_income",
)

INCOME_2 = Recipe(
    task="regression",
    columns=(
        Column(
            "stated_income",
            "FP32",
            "Gross annual income as the applicant states it",
            "USD per year",
        ),
        DOCUMENTED,
        Column(
            "account_credits_12m",
            "FP32",
            "Sum of credits to the salary account over twelve months",
            "USD",
        ),
        DEPOSITS,
        STABILITY,
        Column("self_employed", "BOOL", "Whether the applicant's main income is self-employed"),
    ),
    outputs=(
        Output(
            "verified_income",
            "variable",
            "Gross annual income supported by the evidence",
            0,
            unit="USD per year",
            minimum=0,
        ),
        Output(
            "evidence_gap",
            "variable",
            "Expected disagreement between documents and account",
            1,
            unit="USD per year",
            minimum=0,
        ),
    ),
    sample=income_yearly,
    estimator=Estimator("forest", 30, 10),
    rows=8000,
    seed=2000,
    baseline_column="stated_income",
)

INCOME_CARD = {
    "intended": "Verify the gross annual income of a person who applies for credit, before an underwriter decides.",
    "users": [
        "Underwriting teams of consumer lending and mortgage",
        "Advisers who check a client's financial plan",
    ],
    "out_of_scope": "Business accounts, pension-only applicants, incomes outside the United States, and any use as a credit score.",
    "decision": "The underwriter accepts or queries the stated income. The model proposes an amount; the person decides each case.",
    "value": "Replaces 25 minutes of manual document comparison per application.",
    "failures": [
        (
            "Self-employed applicant with uneven credits",
            "Amount up to 20 % too low",
            "Send to manual review when income_stability is under 0.4",
        ),
        ("Second job paid in cash", "Income not seen", "Ask the applicant for evidence"),
    ],
    "tradeoffs": ["Favours a cautious amount for uneven incomes over a higher acceptance rate"],
    "population": "US applicants for personal loans aged 20 to 78, applications of the last three years, salaried and self-employed",
    "known_bias": "Self-employed applicants are 16 % of the rows and have noisier evidence, so their amounts are less precise.",
    "preprocessing": "Document amounts are annualised; account credits exclude transfers between own accounts.",
    "labels": "Income as later confirmed by the tax authority's transcript.",
    "harms": [
        (
            "Applicant",
            "A true income is under-stated and credit refused",
            "medium",
            "An underwriter sees the evidence and can override",
        )
    ],
    "oversight": "Each amount is shown with its evidence. The underwriter can override it with a reason; overrides are reviewed monthly.",
    "factors": ["sex", "age band", "self-employed"],
    "external_validity": "Checked on mortgage applications of one quarter: amounts are as precise as on personal loans.",
    "explain": (
        "Permutation importance per version and single-row attribution on request",
        ["documents below stated", "credits below stated", "irregular credits"],
    ),
    "rationale": "A tree model was chosen because document and account evidence disagree in ways that depend on the kind of employment; a linear model cannot follow that.",
    "basis": "Contract (credit application) and legal duty to assess creditworthiness",
    "restrictions": "Not for marketing. Amounts may be stored with the application for seven years.",
    "threats": [
        "Forged documents: amounts far from account credits are flagged",
        "Probing for the largest accepted statement: rate limits per application",
    ],
}

INCOME = Listing(
    slug="income-verification",
    name="Income Verification",
    team="lending-ai",
    owner="alice",
    domain="consumer-lending",
    capability="verification",
    summary="Verifies a person's stated income against salary documents and twelve months of account credits.",
    description=(
        "Reconciles the stated annual income of a credit applicant with figures read from salary slips, W-2 and 1040 "
        "forms and with credits to the salary account. Returns the amount that the evidence supports and, from version "
        "2, how far documents and account disagree. Handles salaried and self-employed applicants."
    ),
    limitations="Not for business accounts or cash income. Less precise for self-employed applicants with under six months of credits.",
    tags=("income", "employment", "underwriting", "salary", "payslips", "documents"),
    card=INCOME_CARD,
    affects_people=True,
    credit=True,
    collaborators=("bob",),
    tiering=dict(
        people=2,
        autonomy=1,
        materiality=2,
        data=2,
        regulated=4,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=2,
    ),
    releases=(
        Release(
            "1.4.2",
            "deprecated",
            340,
            INCOME_1,
            "Retrained on three years of applications; fewer amounts too low for people in a new job.",
            "2.0.0",
        ),
        Release(
            "2.0.0",
            "published",
            75,
            INCOME_2,
            "Breaking: yearly credits replace monthly credits, income_stability replaces years_in_job. Adds evidence_gap. Trained on a third more applications.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=4.0),
    sla=standard_sla(99.5, 120, 50),
)


def affordability(rng: np.random.Generator, n: int) -> Sample:
    """Largest sustainable monthly instalment: what is left after tax, living costs and a buffer."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    income = people.incomes(rng, n, age)
    household = 1 + people.counts(rng, n, 1.3, 5)
    housing = (income / 12 * rng.uniform(0.15, 0.42, n)).round(0)
    debts = (income / 12 * rng.exponential(0.07, n)).round(0)
    spending = (650 + 310 * household + income / 12 * rng.uniform(0.08, 0.2, n)).round(0)
    buffer = 90 * household
    left = income / 12 * (0.8 - 0.03 * (income > 90_000)) - housing - debts - spending - buffer
    target = np.clip(left * 0.85 + rng.normal(0, 90, n), 0, None).round(0)
    inputs = {
        "verified_income": income,
        "household_size": household,
        "housing_costs": housing,
        "debt_repayments": debts,
        "essential_spending": spending,
    }
    return Sample(inputs, target, {"sex": sex, "age_band": people.age_band(age)})


AFFORDABILITY = Listing(
    slug="affordability",
    name="Affordability",
    team="lending-ai",
    owner="bob",
    domain="consumer-lending",
    capability="regression",
    summary="Estimates the largest monthly instalment an applicant can sustain after essential spending.",
    description=(
        "Combines verified income, housing costs, existing repayments and categorised essential spending with the size "
        "of the household into a monthly headroom in dollars. Underwriters use it to set the maximum instalment under "
        "responsible-lending rules. Works well together with Income Verification."
    ),
    limitations="Assumes stable outgoings over the next twelve months. Does not know about planned changes such as a child or a move.",
    tags=("affordability", "underwriting", "disposable income", "responsible lending"),
    affects_people=True,
    credit=True,
    collaborators=("alice",),
    tiering=dict(
        people=2,
        autonomy=1,
        materiality=2,
        data=2,
        regulated=4,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=1,
    ),
    card={
        "intended": "Give an underwriter the largest monthly instalment that an applicant for a personal loan can sustain.",
        "users": ["Underwriting teams", "Hardship case workers"],
        "out_of_scope": "Business lending, setting prices, or refusing an application without a person looking at it.",
        "decision": "The underwriter sets the maximum instalment; the model's headroom is the starting point and may be changed with a reason.",
        "value": "One consistent reading of the responsible-lending rules in four products.",
        "failures": [
            (
                "Outgoings paid from an account we do not see",
                "Headroom too high",
                "Ask for statements of all accounts",
            )
        ],
        "tradeoffs": ["Cautious for large households in exchange for fewer arrears"],
        "population": "US personal-loan applicants of the last two years with twelve months of categorised transactions",
        "known_bias": "Households of six and more are rare (under 2 % of rows); their headroom is extrapolated.",
        "preprocessing": "Spending is the median of twelve months per category, with one-off purchases removed.",
        "labels": "Headroom worked out by senior underwriters with the full file.",
        "harms": [
            (
                "Applicant",
                "An instalment that is too high leads to hardship",
                "high",
                "Buffer per person and a stress test at +2 % interest",
            )
        ],
        "oversight": "The underwriter sees every component and can replace it. A second underwriter checks overrides upwards.",
        "factors": ["sex", "age band", "household size"],
        "external_validity": "Compared with arrears after twelve months in one region: applicants inside the headroom fell into arrears half as often.",
        "explain": (
            "Component table plus permutation importance",
            ["existing repayments", "housing costs", "essential spending"],
        ),
        "rationale": "The rule book alone over-stated headroom for large households; boosted trees on its components keep monotone behaviour and remove that error.",
        "basis": "Legal duty to lend responsibly",
        "restrictions": "Only with the applicant's consent to account data.",
        "threats": ["Hidden accounts: bureau repayments are compared with account repayments"],
    },
    releases=(
        Release(
            "1.2.0",
            "published",
            190,
            Recipe(
                task="regression",
                columns=(
                    Column(
                        "verified_income",
                        "FP32",
                        "Gross annual income after verification",
                        "USD per year",
                    ),
                    Column(
                        "household_size",
                        "INT64",
                        "People who live on this income, applicant included",
                        "people",
                    ),
                    Column("housing_costs", "FP32", "Rent or mortgage payment", "USD per month"),
                    Column(
                        "debt_repayments",
                        "FP32",
                        "Existing loan and card repayments",
                        "USD per month",
                    ),
                    Column(
                        "essential_spending",
                        "FP32",
                        "Food, energy, transport, insurance",
                        "USD per month",
                    ),
                ),
                outputs=(
                    Output(
                        "maximum_instalment",
                        "variable",
                        "Largest sustainable monthly instalment",
                        0,
                        unit="USD per month",
                    ),
                ),
                sample=affordability,
                estimator=Estimator("boosting", 80, 3),
                seed=120,
            ),
            "Living-cost tables of this year; essential spending is now a median instead of a mean.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=3.0),
    sla=standard_sla(99.5, 120, 40),
)


CATEGORISER = Listing(
    slug="transaction-categoriser",
    name="Transaction Categoriser",
    team="lending-ai",
    owner="bob",
    domain="payments",
    capability="classification",
    summary="Labels account transactions with a spending category; hosted by our vendor, called through the marketplace.",
    description=(
        "Takes the description and amount of an account transaction and returns one of eight spending categories. The "
        "vendor hosts the model; keys, limits, usage and support work as for every other model of the marketplace."
    ),
    limitations="English descriptions only. The vendor updates its merchant list weekly without a new version.",
    tags=("transactions", "spending", "open banking", "enrichment", "vendor"),
    tiering=dict(
        people=0,
        autonomy=0,
        materiality=0,
        data=1,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=0,
        reach=1,
    ),
    card={
        "intended": "Group account transactions into spending categories for budgets and for affordability checks.",
        "users": ["Teams that work with account transactions"],
        "out_of_scope": "Decisions about a person, fraud detection, and languages other than English.",
        "languages": ["en"],
        "decision": "No decision is made by the model; the categories feed summaries that people read.",
        "value": "Saves building and feeding a merchant list of our own.",
        "failures": [
            (
                "Merchant not on the vendor's list",
                "Category is other",
                "Report the merchant to support",
            )
        ],
        "tradeoffs": ["A vendor's list is broader than ours but changes without notice"],
        "population": "Vendor's merchant list for the United States; no training on our data",
        "known_bias": "Small local merchants are under-represented, so rural spending is more often labelled other.",
        "preprocessing": "Descriptions are upper-cased and card numbers are masked before they leave the company.",
        "labels": "Vendor's merchant categories mapped to our eight.",
        "harms": [
            (
                "Customer",
                "Wrong category in a budget view",
                "low",
                "The customer can re-label a transaction",
            )
        ],
        "oversight": "Customers and staff can re-label; re-labels are sent to the vendor weekly.",
        "factors": ["merchant size"],
        "external_validity": "Checked by hand on 500 transactions of three products: 91 % right.",
        "explain": ("Matched keyword is on the vendor's console", ["keyword"]),
        "rationale": "Buying was cheaper than keeping an own merchant list current for one small use.",
        "basis": "Legitimate interest; masked data only",
        "restrictions": "Vendor may not keep requests.",
        "threats": ["Data leaving the company: descriptions are masked first"],
    },
    releases=(
        Release(
            "1.0.0",
            "published",
            150,
            None,
            "First version: eight categories, hosted by the vendor.",
        ),
    ),
    plans=cost_plus_plans(cost=0.96, markup=25),
    sla=standard_sla(99.0, 300, 20),
)

LISTINGS = (INCOME, AFFORDABILITY, CATEGORISER)
