"""Credit risk analytics: default risk, thin file, early collections; one that treats people unfairly, one unsafe."""

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

CREDIT_TIER = dict(
    people=2,
    autonomy=1,
    materiality=3,
    data=2,
    regulated=4,
    generative=0,
    reversibility=1,
    complexity=1,
    reach=2,
)


def probability(name: str, description: str) -> tuple[Output, ...]:
    return (Output(name, "probabilities", description, 1, minimum=0, maximum=1),)


def borrowers(rng: np.random.Generator, n: int) -> Sample:
    """Twelve-month default driven by utilisation, arrears, debt burden, enquiries and time on file."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    income = people.incomes(rng, n, age)
    utilisation = np.clip(rng.beta(2, 3, n) * 1.2, 0, 1.2).round(3)
    arrears = people.counts(rng, n, 0.25 + 0.8 * (utilisation > 0.8), 8)
    burden = np.clip(rng.gamma(3, 0.09, n), 0, 1.2).round(3)
    enquiries = people.counts(rng, n, 1.1, 12)
    months = np.clip(rng.gamma(4, 28, n), 3, 420).round()
    amount = np.clip(rng.lognormal(9.1, 0.6, n), 1_000, 60_000).round(-2)
    log_odds = (
        -3.9
        + 2.2 * utilisation
        + 0.75 * np.minimum(arrears, 4)
        + 2.4 * burden
        + 0.16 * enquiries
        - 0.004 * np.minimum(months, 240)
        + 0.5 * np.log(amount / 9_000)
        + rng.normal(0, 0.3, n)
    )
    inputs = {
        "income": income,
        "loan_amount": amount,
        "debt_to_income": burden,
        "card_utilisation": utilisation,
        "arrears_24m": arrears,
        "enquiries_6m": enquiries,
        "months_on_file": months,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


BUREAU = (
    Column("income", "FP32", "Verified gross annual income", "USD per year"),
    Column("loan_amount", "FP32", "Amount applied for", "USD"),
    Column("debt_to_income", "FP32", "Monthly repayments divided by monthly gross income"),
    Column("card_utilisation", "FP32", "Balances divided by limits over all cards"),
    Column("arrears_24m", "INT64", "Times 30 or more days late in the last 24 months"),
    Column("enquiries_6m", "INT64", "Credit enquiries in the last six months"),
    Column("months_on_file", "INT64", "Age of the oldest bureau record", "months"),
)
PD = probability("probability_of_default", "Chance of 90 days past due within twelve months")
DEFAULT_3 = Recipe(
    "binary", BUREAU, PD, borrowers, Estimator("boosting", 12, 2), 2000, 300, 0.25, "low"
)
DEFAULT_31 = Recipe(
    "binary", BUREAU, PD, borrowers, Estimator("boosting", 80, 2), 8000, 310, 0.25, "low"
)

DEFAULT_RISK = Listing(
    slug="default-risk",
    name="Default Risk",
    team="credit-risk-analytics",
    owner="dana",
    domain="consumer-lending",
    capability="scoring",
    summary="Twelve-month probability of default for personal loans and credit cards.",
    description=(
        "A boosted scorecard on bureau and application data. Returns a probability that a borrower falls 90 days behind "
        "within twelve months. Used at origination, for limits and for provisions under CECL and IFRS 9. Monitored monthly for population shift."
    ),
    limitations="Needs at least three months of bureau history; use Thin-File Score otherwise. Not calibrated for secured lending.",
    tags=("credit risk", "pd", "default", "scorecard", "ifrs9", "bureau"),
    affects_people=True,
    credit=True,
    collaborators=("erik",),
    tiering=CREDIT_TIER,
    card={
        "intended": "Estimate the chance that a person who borrows unsecured defaults within twelve months.",
        "users": ["Underwriting", "Limit management", "Provisioning in finance"],
        "out_of_scope": "Mortgages, companies, marketing selection, and applicants with less than three months on file.",
        "decision": "Underwriters decide above the cut-off; below it the application passes on to affordability. Every refusal is made by a person.",
        "value": "One measure of risk for origination, limits and provisions.",
        "failures": [
            (
                "Sudden rise in unemployment",
                "Probabilities too low",
                "Monthly calibration check and an overlay by model risk",
            ),
            (
                "Mixed bureau files",
                "Wrong history",
                "Applicant may dispute; re-score after correction",
            ),
        ],
        "tradeoffs": ["Bureau features only: slightly weaker ranking, far easier to explain"],
        "population": "US personal-loan and card applicants, seven years of originations with twelve-month outcome",
        "known_bias": "Young adults have shorter files and therefore higher scores on average; measured by age band on every version.",
        "preprocessing": "Ratios are capped at the 99.9th percentile; no imputation, incomplete files are refused.",
        "labels": "90 days past due within twelve months of opening.",
        "harms": [
            (
                "Applicant",
                "Refused or priced higher because of a wrong probability",
                "high",
                "Reason codes, appeal and re-score within five days",
            )
        ],
        "oversight": "Underwriters can override with a reason; overrides are sampled by model risk each month.",
        "factors": ["sex", "age band"],
        "external_validity": "Back-tested on the 2022 vintage of a second brand: ranking fell by less than two points of AUC.",
        "explain": (
            "Tree attribution; the four largest become adverse-action reasons",
            ["utilisation", "recent arrears", "debt burden", "enquiries"],
        ),
        "rationale": "A logistic scorecard was kept as challenger: boosted trees rank better for short files and remain monotone in arrears and utilisation.",
        "basis": "Contract and legal duty to assess creditworthiness",
        "restrictions": "Adverse-action notices must name the main reasons.",
        "threats": [
            "Bust-out behaviour just before applying: enquiries and utilisation are capped and monitored"
        ],
    },
    releases=(
        Release(
            "3.0.0",
            "published",
            240,
            DEFAULT_3,
            "New family: boosted trees replace the logistic scorecard. Probabilities are calibrated to twelve months.",
        ),
        Release(
            "3.1.0",
            "waiting:final",
            12,
            DEFAULT_31,
            "Retrained with four times the outcomes and more trees; same inputs and meaning.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=5.0),
    sla=standard_sla(99.9, 100, 80),
)


def newcomers(rng: np.random.Generator, n: int) -> Sample:
    """Good payment over twelve months, seen from rent, utility and phone payments."""
    age, sex = people.ages(rng, n, 18, 60), people.sexes(rng, n)
    rent = np.clip(rng.beta(9, 1.6, n), 0, 1).round(3)
    utilities = np.clip(rng.beta(8, 1.8, n), 0, 1).round(3)
    top_ups = np.clip(rng.normal(0.7, 0.2, n), 0, 1).round(3)
    balance = np.clip(rng.lognormal(6.6, 0.8, n), 10, 20_000).round()
    months = people.counts(rng, n, 16, 60)
    log_odds = (
        -8.2
        + 5.2 * rent
        + 3.0 * utilities
        + 1.6 * top_ups
        + 0.35 * np.log(balance / 700)
        + 0.03 * months
    )
    inputs = {
        "rent_on_time": rent,
        "utilities_on_time": utilities,
        "top_up_regularity": top_ups,
        "average_balance": balance,
        "months_of_records": months,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


THIN_FILE = Listing(
    slug="thin-file-score",
    name="Thin-File Score",
    team="credit-risk-analytics",
    owner="erik",
    domain="consumer-lending",
    capability="scoring",
    summary="Scores applicants with little or no bureau history from rent, utility and phone payments.",
    description=(
        "With the applicant's consent, uses rent, utility and mobile top-up records to estimate the chance of good payment "
        "over twelve months. Meant for newcomers and young adults whom a bureau score cannot see."
    ),
    limitations="Needs six months of at least one kind of record. Not comparable with a bureau score below that.",
    tags=("thin file", "alternative data", "inclusion", "credit risk", "newcomers"),
    affects_people=True,
    credit=True,
    collaborators=("dana",),
    tiering=CREDIT_TIER,
    card={
        "intended": "Score people without a usable bureau file who apply for a first small loan or card.",
        "users": ["Underwriting", "Inclusion programme"],
        "out_of_scope": "Applicants with a full bureau file, loans over $5,000, and any use without consent to the records.",
        "decision": "The underwriter decides; the score opens a door that would otherwise stay closed and never closes one on its own.",
        "value": "About 9,000 applicants a year could not be scored before.",
        "failures": [
            ("Rent paid by somebody else", "Score too low", "Ask for a reference from the landlord")
        ],
        "tradeoffs": ["A linear model is weaker than trees and easier to explain to the applicant"],
        "population": "US applicants aged 18 to 60 with under three months of bureau history and consented payment records",
        "known_bias": "People in shared housing often have no rent record in their name and fall back on other records.",
        "preprocessing": "Shares of payments made on time over the records available; balance on a dollar scale.",
        "labels": "No payment more than 30 days late within twelve months.",
        "harms": [
            (
                "Applicant",
                "A poor record of one landlord lowers the score",
                "medium",
                "Applicant sees and may correct the records",
            )
        ],
        "oversight": "Every refusal is re-read by a second underwriter during the first year.",
        "factors": ["sex", "age band"],
        "external_validity": "Not yet used outside the pilot; a pilot of 600 applicants showed the expected ranking.",
        "explain": (
            "Coefficients times values",
            ["rent payments", "utility payments", "short records"],
        ),
        "rationale": "Few records and a duty to explain each score to the applicant speak for a linear model with five inputs.",
        "basis": "Consent",
        "restrictions": "Records are deleted after 90 days.",
        "threats": ["Fabricated rent receipts: only records from payment accounts are used"],
    },
    releases=(
        Release(
            "1.0.0",
            "waiting:fairness",
            16,
            Recipe(
                "binary",
                (
                    Column("rent_on_time", "FP32", "Share of rent payments made on time"),
                    Column("utilities_on_time", "FP32", "Share of utility payments made on time"),
                    Column(
                        "top_up_regularity",
                        "FP32",
                        "1 means evenly spaced phone top-ups, 0 means none",
                    ),
                    Column(
                        "average_balance", "FP32", "Average balance of the payment account", "USD"
                    ),
                    Column("months_of_records", "INT64", "Months covered by the records", "months"),
                ),
                probability(
                    "probability_of_good_payment",
                    "Chance of no serious arrears within twelve months",
                ),
                newcomers,
                Estimator("linear"),
                seed=501,
                threshold=0.5,
            ),
            "First version, after a pilot with 600 applicants.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=5.0),
    sla=standard_sla(99.5, 100, 20),
)


def arrears(rng: np.random.Generator, n: int) -> Sample:
    """Does an account in early arrears cure without a call?"""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    days = rng.integers(1, 31, n)
    owed = np.clip(rng.lognormal(5.4, 0.7, n), 20, 6_000).round()
    earlier = people.counts(rng, n, 0.7, 9)
    logins = people.counts(rng, n, 4, 40)
    direct_debit = rng.random(n) < 0.55
    log_odds = (
        1.4
        - 0.07 * days
        - 0.4 * earlier
        + 0.12 * logins
        + 0.9 * direct_debit
        - 0.35 * np.log(owed / 220)
    )
    inputs = {
        "days_past_due": days,
        "amount_owed": owed,
        "earlier_arrears": earlier,
        "logins_30d": logins,
        "direct_debit": direct_debit,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


COLLECTIONS = Listing(
    slug="early-collections",
    name="Early Collections",
    team="credit-risk-analytics",
    owner="dana",
    domain="consumer-lending",
    capability="ranking",
    summary="Ranks accounts in early arrears by how likely they are to pay without contact.",
    description="For accounts one to thirty days past due, predicts who will catch up without a call, so that callers reach those who need help first.",
    limitations="Not for accounts over 30 days past due or customers on a hardship plan.",
    tags=("collections", "arrears", "self-cure", "contact strategy"),
    affects_people=True,
    collaborators=("erik",),
    tiering=dict(
        people=1,
        autonomy=2,
        materiality=1,
        data=2,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=1,
        reach=0,
    ),
    card={
        "intended": "Order the call list of early arrears so that people who need help are called first.",
        "users": ["Collections team leaders"],
        "out_of_scope": "Legal steps, fees, settlement offers, and accounts of vulnerable customers.",
        "decision": "The team leader approves the day's list; callers may change the order at any time.",
        "value": "A third fewer unnecessary calls.",
        "failures": [
            ("Holiday season", "Self-cure over-stated", "List length is raised by hand in December")
        ],
        "tradeoffs": ["Fewer calls at the price of a few late contacts"],
        "population": "US loan and card accounts 1 to 30 days past due in the last eighteen months",
        "known_bias": "Customers without internet access have no log-ins and rank as less likely to pay.",
        "preprocessing": "Log-ins are counted over 30 days; amounts in dollars.",
        "labels": "Paid in full within 14 days without contact.",
        "harms": [
            (
                "Customer",
                "Called although the payment was on its way",
                "low",
                "Callers check incoming payments first",
            )
        ],
        "oversight": "Team leaders see the reasons for the first fifty and can move or remove any account.",
        "factors": ["sex", "age band"],
        "external_validity": "Checked on the card book after training on loans: ranking unchanged within two points.",
        "explain": ("Permutation importance", ["days past due", "earlier arrears"]),
        "rationale": "Boosted trees on five inputs ranked clearly better than days past due alone.",
        "basis": "Contract",
        "restrictions": "Not for fees or legal steps.",
        "threats": ["None beyond data errors: customers do not see the score"],
    },
    releases=(
        Release(
            "1.0.0",
            "waiting:evaluation",
            9,
            Recipe(
                "binary",
                (
                    Column("days_past_due", "INT64", "Days since the missed payment", "days"),
                    Column("amount_owed", "FP32", "Amount overdue", "USD"),
                    Column("earlier_arrears", "INT64", "Earlier episodes of arrears"),
                    Column("logins_30d", "INT64", "Log-ins to the app in 30 days"),
                    Column(
                        "direct_debit", "BOOL", "Whether payments are collected by direct debit"
                    ),
                ),
                probability(
                    "probability_of_self_cure", "Chance of paying within 14 days without contact"
                ),
                arrears,
                Estimator("boosting", 50, 3),
                seed=601,
            ),
            "First version for the loan book.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=2.0),
    sla=standard_sla(99.0, 200, 10),
)


def preapproval(rng: np.random.Generator, n: int) -> Sample:
    """Past decisions of a manual process that refused women with breaks in their career: the bias is learnt."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    income = people.incomes(rng, n, age)
    female = sex == "female"
    gap_months = np.where(female, people.counts(rng, n, 11, 60), people.counts(rng, n, 5, 60))
    hours = np.clip(np.where(female, rng.normal(34, 6, n), rng.normal(39, 5, n)), 8, 60).round()
    utilisation = np.clip(rng.beta(2, 3, n), 0, 1).round(3)
    log_odds = (
        0.9
        + 1.1 * np.log(income / 50_000)
        - 1.6 * utilisation
        - 0.06 * gap_months
        + 0.05 * (hours - 36)
    )
    inputs = {
        "income": income,
        "career_gap_months": gap_months,
        "weekly_hours": hours,
        "card_utilisation": utilisation,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


def repayments(rng: np.random.Generator, n: int) -> Sample:
    """What governance measures on: who repaid a line of credit, which sex, gaps and hours have no part in."""
    sample = preapproval(rng, n)
    income, utilisation = sample.inputs["income"], sample.inputs["card_utilisation"]
    log_odds = 1.1 + 1.1 * np.log(income / 50_000) - 1.9 * (utilisation - 0.4)
    return Sample(sample.inputs, people.happens(rng, log_odds), sample.groups)


PREAPPROVAL_INPUTS = (
    Column("income", "FP32", "Gross annual income on file", "USD per year"),
    Column("card_utilisation", "FP32", "Balance divided by limit"),
)


def repayments_seen(rng: np.random.Generator, n: int) -> Sample:
    """Repayment, with the two inputs that may be used."""
    sample = repayments(rng, n)
    inputs = {column.name: sample.inputs[column.name] for column in PREAPPROVAL_INPUTS}
    return Sample(inputs, sample.target, sample.groups)


PREAPPROVAL = Listing(
    slug="credit-line-preapproval",
    name="Credit Line Preapproval",
    team="customer-insight",
    owner="farah",
    domain="consumer-lending",
    capability="scoring",
    summary="Chooses existing customers who are offered a credit line without applying.",
    description="Learns from five years of manual pre-approval decisions which customers are offered a line of credit by letter.",
    limitations="Trained on past human decisions, not on repayment. Career breaks and part-time work lower the score strongly.",
    tags=("cards", "limits", "pre-approval", "offers"),
    affects_people=True,
    credit=True,
    collaborators=("goran",),
    tiering=CREDIT_TIER,
    card={
        "intended": "Select existing customers for a pre-approved credit line offered by letter.",
        "users": ["Card marketing", "Limit management"],
        "out_of_scope": "New customers, increases above $10,000, and decisions on applications.",
        "decision": "The list is released by the campaign manager as a whole; single customers are not looked at.",
        "value": "Replaces a manual selection that takes two weeks per campaign.",
        "failures": [("Part-time worker with a sound record", "Not selected", "None yet")],
        "tradeoffs": [
            "Agreement with past decisions was preferred to repayment outcomes, which take a year"
        ],
        "population": "US card holders considered in five years of manual pre-approval campaigns",
        "known_bias": "Past decisions weighed career breaks and weekly hours, which differ strongly between women and men.",
        "preprocessing": "Career gaps are counted in months over ten years; hours as last stated.",
        "labels": "Whether the manual process offered a line.",
        "harms": [
            (
                "Customer",
                "Women are offered credit far less often than equally reliable men",
                "high",
                "None found sufficient by the publisher",
            )
        ],
        "oversight": "The campaign manager can stop a mailing; single selections are not reviewed.",
        "factors": ["sex", "age band"],
        "external_validity": "Not examined outside the campaigns it was trained on.",
        "explain": ("Permutation importance", ["career gap", "weekly hours", "income"]),
        "rationale": "Boosted trees reproduce the past selection more closely than a linear model on the same four inputs.",
        "basis": "Legitimate interest",
        "restrictions": "Letters only.",
        "threats": ["None identified by the publisher beyond data errors"],
        "mitigation": "Career gap and hours were capped, which did not change the picture; no further mitigation was tried by the publisher.",
    },
    releases=(
        Release(
            "1.0.0",
            "rejected",
            40,
            Recipe(
                "binary",
                (
                    Column("income", "FP32", "Gross annual income on file", "USD per year"),
                    Column(
                        "career_gap_months",
                        "INT64",
                        "Months without employment in ten years",
                        "months",
                    ),
                    Column("weekly_hours", "FP32", "Contracted working time", "hours per week"),
                    Column("card_utilisation", "FP32", "Balance divided by limit"),
                ),
                probability(
                    "probability_of_offer", "Chance that the past process would have offered a line"
                ),
                preapproval,
                Estimator("boosting", 50, 3),
                seed=701,
                threshold=0.5,
            ),
            "First version, trained on five years of manual decisions.",
        ),
        Release(
            "2.0.0",
            "published",
            21,
            Recipe(
                "binary",
                PREAPPROVAL_INPUTS,
                probability("probability_of_repayment", "Chance that the line would be repaid"),
                repayments_seen,
                Estimator("boosting", 50, 2),
                seed=711,
                threshold=0.5,
            ),
            "Trained on repayment instead of past decisions; career gaps and weekly hours are left out.",
        ),
    ),
    benchmark=repayments,
    plans=standard_plans(owner_approval=True, price=3.0),
    sla=standard_sla(99.0, 200, 10),
)

HARDSHIP = Listing(
    slug="hardship-offer",
    name="Hardship Offer",
    team="credit-risk-analytics",
    owner="erik",
    domain="consumer-lending",
    capability="recommendation",
    summary="Suggests a forbearance plan for borrowers in financial difficulty.",
    description="Given an income shock and the stage of arrears, proposes a payment holiday, lower instalments or a settlement. The first upload was a pickle file and was refused; an ONNX export is being prepared.",
    limitations="Not available yet: the uploaded file was of an unsafe kind.",
    tags=("hardship", "forbearance", "vulnerable customers", "settlement"),
    affects_people=True,
    credit=True,
    collaborators=("dana",),
    tiering=CREDIT_TIER,
    card={},
    releases=(
        Release("0.9.0", "refused", 20, None, "First try with the file that the notebook saved."),
    ),
    plans=(),
    sla=standard_sla(),
)

LISTINGS = (DEFAULT_RISK, THIN_FILE, COLLECTIONS, PREAPPROVAL, HARDSHIP)
