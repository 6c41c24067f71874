"""Insurance: claims severity, claims triage, motor fraud, and policy lapse (waiting for a curator)."""

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

PERILS = ("collision", "fire", "glass", "storm", "theft", "water")
LANES = ("adjuster", "fast-track", "investigation")
MEAN_COST = dict(zip(PERILS, (4_800.0, 18_500.0, 640.0, 5_200.0, 7_400.0, 6_900.0), strict=True))


def losses(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """First notices of loss and what they finally cost in dollars."""
    peril = np.asarray(PERILS)[rng.choice(6, n, p=[0.42, 0.05, 0.2, 0.12, 0.08, 0.13])]
    insured = np.clip(rng.lognormal(10.6, 0.6, n), 4_000, 400_000).round(-2)
    estimate = np.vectorize(MEAN_COST.get)(peril) * np.exp(rng.normal(0, 0.5, n))
    injuries = people.counts(rng, n, 0.12 * (peril == "collision"), 4)
    delay = np.clip(rng.exponential(4, n), 0, 90).round()
    cost = estimate * np.exp(rng.normal(0.03, 0.24, n)) * (1 + 0.006 * delay) + 6_500 * injuries
    return {
        "peril": peril,
        "sum_insured": insured,
        "first_estimate": estimate.round(-1),
        "injuries": injuries,
        "report_delay_days": delay,
        "cost": np.minimum(cost, insured * 1.2).round(-1),
    }


NOTICE = (
    Column("peril", "BYTES", "What caused the loss", enum=PERILS),
    Column("sum_insured", "FP32", "Sum insured of the policy", "USD"),
    Column("first_estimate", "FP32", "Estimate at first notice", "USD"),
    Column("injuries", "INT64", "People hurt", "people"),
    Column("report_delay_days", "INT64", "Days between loss and notice", "days"),
)


def severity(rng: np.random.Generator, n: int) -> Sample:
    rows = losses(rng, n)
    return Sample({c.name: rows[c.name] for c in NOTICE}, rows["cost"])


SEVERITY = Listing(
    slug="claims-severity",
    name="Claims Severity",
    team="claims-analytics",
    owner="lena",
    domain="insurance",
    capability="regression",
    summary="Predicts the final cost of a property or motor claim at first notice, for reserves.",
    description="From the peril, the first estimate, the sum insured, injuries and the delay of the report: the expected final cost in dollars. Used for case reserves and for planning adjusters' visits.",
    limitations="Not for liability claims with lawsuits or for catastrophes with over 500 claims a day.",
    tags=("claims", "reserve", "severity", "motor", "property"),
    collaborators=("marco",),
    tiering=dict(
        people=0,
        autonomy=2,
        materiality=2,
        data=1,
        regulated=2,
        generative=0,
        reversibility=0,
        complexity=1,
        reach=1,
    ),
    card={
        "intended": "Set the first case reserve of a claim and plan visits of adjusters.",
        "users": ["Claims operations", "Actuarial reserving"],
        "out_of_scope": "Deciding whether or how much to pay, and liability claims before court.",
        "decision": "The reserve is booked automatically and replaced by the adjuster's figure; it never limits a payment.",
        "value": "Reserves are right four weeks earlier.",
        "failures": [
            (
                "Many claims of one storm",
                "Cost under-stated because repairs get dearer",
                "Event factor by actuarial",
            )
        ],
        "tradeoffs": ["Mean cost rather than median, because reserves are summed"],
        "population": "Generated motor and property claims in the style of a US book, six perils, settled within three years",
        "known_bias": "Fire claims are one in twenty, so their cost is less certain.",
        "preprocessing": "Costs are brought to today's prices; recoveries are left out.",
        "labels": "Total paid at closing.",
        "harms": [("Company", "Reserve too low in a bad year", "medium", "Monthly run-off test")],
        "oversight": "Adjusters replace the reserve at any time; large changes are looked at by a team leader.",
        "factors": ["peril"],
        "external_validity": "Run-off of last year: total within 3 % of payments.",
        "explain": ("Permutation importance per peril", ["first estimate", "injuries"]),
        "rationale": "Boosted trees on five inputs beat the chain-ladder average per peril and stay stable per case.",
        "basis": "Contract",
        "restrictions": "Not for payment decisions.",
        "threats": ["Inflated first estimates by garages: compared by garage each month"],
        "not_people": "Used for reserves; the claimant's payment does not depend on it.",
    },
    releases=(
        Release(
            "2.0.1",
            "published",
            140,
            Recipe(
                "regression",
                NOTICE,
                (
                    Output(
                        "expected_cost",
                        "variable",
                        "Expected final cost of the claim",
                        0,
                        unit="USD",
                        minimum=0,
                    ),
                ),
                severity,
                Estimator("boosting", 80, 4),
                seed=1301,
            ),
            "Repackaged with newer operators; predictions are unchanged.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.5),
    sla=standard_sla(99.5, 120, 60),
)


def lanes(rng: np.random.Generator, n: int) -> Sample:
    """Which lane a senior handler would choose for a motor claim."""
    rows, sex = losses(rng, n), people.sexes(rng, n)
    doubts = people.counts(rng, n, 0.5, 6)
    drivable = rng.random(n) < np.where(rows["first_estimate"] > 6_000, 0.35, 0.9)
    suspicion = doubts + 0.03 * rows["report_delay_days"] + rng.normal(0, 0.35, n)
    simple = (rows["first_estimate"] < 2_500) & (rows["injuries"] == 0) & drivable
    label = np.select([suspicion > 2.3, simple], ["investigation", "fast-track"], "adjuster")
    inputs = {
        "first_estimate": rows["first_estimate"],
        "injuries": rows["injuries"],
        "drivable": drivable,
        "open_questions": doubts,
        "report_delay_days": rows["report_delay_days"],
    }
    return Sample(inputs, label, {"sex": sex})


TRIAGE = Listing(
    slug="claims-triage",
    name="Claims Triage",
    team="claims-analytics",
    owner="marco",
    domain="insurance",
    capability="classification",
    summary="Routes a first notice of motor loss to fast-track, an adjuster or investigation.",
    description="From five facts of the first notice: which lane a senior handler would choose, with the share of votes for each. Simple claims are paid the same day.",
    limitations="Motor claims of private cars only. Doubts about the facts must be counted by the person who takes the call.",
    tags=("claims", "motor", "triage", "routing"),
    affects_people=True,
    collaborators=("lena",),
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
        "intended": "Choose the lane of a motor claim at first notice so that simple claims are paid the same day.",
        "users": ["Claims operations"],
        "out_of_scope": "Deciding on cover or payment, injuries with lasting harm, and fleets.",
        "decision": "The lane is set automatically; any handler can change it at once. Investigation is always confirmed by a person.",
        "value": "41 % of claims are paid on the day of the notice.",
        "failures": [
            (
                "Caller does not know the damage",
                "Wrong lane",
                "Handler corrects it after the photographs",
            )
        ],
        "tradeoffs": ["Rather an adjuster too many than a fast payment too many"],
        "population": "Generated notices of motor loss in the style of a US private-car book",
        "known_bias": "Night calls come with fewer facts and therefore more open questions.",
        "preprocessing": "Open questions are counted from the call script.",
        "labels": "Lane chosen by senior handlers.",
        "harms": [
            (
                "Claimant",
                "Payment delayed by a needless investigation",
                "medium",
                "Confirmation by a person within one day",
            )
        ],
        "oversight": "Every lane can be changed with one click; changes are reported weekly.",
        "factors": ["sex"],
        "external_validity": "Second call centre for one month: same lane in 88 % of claims.",
        "explain": ("Votes per lane", ["first estimate", "open questions", "injuries"]),
        "rationale": "A forest copies the handlers' rules and shows doubt as a split vote.",
        "basis": "Contract",
        "restrictions": "Not for cover decisions.",
        "threats": ["Callers who learn the script: scripts change each half-year"],
    },
    releases=(
        Release(
            "1.5.0",
            "published",
            115,
            Recipe(
                "multiclass",
                (
                    Column("first_estimate", "FP32", "Estimate at first notice", "USD"),
                    Column("injuries", "INT64", "People hurt", "people"),
                    Column("drivable", "BOOL", "Whether the car can still be driven"),
                    Column(
                        "open_questions",
                        "INT64",
                        "Facts that do not fit, counted by the call script",
                    ),
                    Column("report_delay_days", "INT64", "Days between loss and notice", "days"),
                ),
                (
                    Output("lane", "label", "Proposed lane", datatype="BYTES", enum=LANES),
                    Output(
                        "votes",
                        "probabilities",
                        "Share of votes in the order adjuster, fast-track, investigation",
                        width=3,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                lanes,
                Estimator("forest", 30, 7),
                seed=1401,
            ),
            "Open questions are now counted instead of yes or no.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.5),
    sla=standard_sla(99.5, 120, 60),
)


def suspicious(rng: np.random.Generator, n: int) -> Sample:
    """Motor claims that the special investigation unit later confirmed as fraud."""
    sex, age = people.sexes(rng, n), people.ages(rng, n)
    inception = np.clip(rng.exponential(420, n), 0, 4_000).round()
    claims = people.counts(rng, n, 0.6, 9)
    witnesses = people.counts(rng, n, 0.8, 5)
    shared = people.counts(rng, n, 0.2, 5)
    night = rng.random(n) < 0.27
    ratio = np.clip(rng.beta(2, 4, n) * 1.3, 0.01, 1.4).round(3)
    log_odds = (
        -3.4
        - 0.004 * np.minimum(inception, 500)
        + 0.45 * claims
        + 1.5 * shared
        + 0.5 * night
        + 2.6 * ratio
        - 0.2 * witnesses
    )
    inputs = {
        "days_since_inception": inception,
        "claims_3y": claims,
        "witnesses": witnesses,
        "shared_contacts": shared,
        "at_night": night,
        "claim_to_value": ratio,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


FRAUD = Listing(
    slug="motor-fraud",
    name="Motor Fraud",
    team="claims-analytics",
    owner="lena",
    domain="insurance",
    capability="anomaly-detection",
    summary="Highlights motor claims that deserve a look by the special investigation unit.",
    description="Scores a motor claim from six signals such as time since the policy began, contacts shared with earlier claims and the size of the claim against the car's value.",
    limitations="A high score is a reason to look, never a finding. Organised fraud with clean identities is missed.",
    tags=("fraud", "claims", "motor", "siu", "investigation"),
    affects_people=True,
    collaborators=("marco",),
    tiering=dict(
        people=1,
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
        "intended": "Choose motor claims that an investigator should read before payment.",
        "users": ["Special investigation unit", "Card fraud team (contact links only)"],
        "out_of_scope": "Refusing or delaying a payment without a person, personal injury claims, and health data.",
        "decision": "An investigator opens a case or releases the claim, within one working day.",
        "value": "Investigators confirm one case in five instead of one in sixteen.",
        "failures": [
            (
                "New policy after moving house",
                "Innocent claim flagged",
                "Investigator releases within a day",
            )
        ],
        "tradeoffs": ["Cases per investigator are fixed, so recall is given up for precision"],
        "population": "Generated motor claims in the style of a US book with investigators' findings",
        "known_bias": "Only investigated claims have a certain label; the rest count as honest.",
        "preprocessing": "Shared contacts are phone numbers and addresses seen in other claims.",
        "labels": "Finding of the investigation unit.",
        "harms": [
            (
                "Claimant",
                "Payment delayed by a false alarm",
                "medium",
                "One-day limit and an apology letter",
            )
        ],
        "oversight": "Investigators see the signals and can release a claim at once; releases are fed back.",
        "factors": ["sex", "age band"],
        "external_validity": "Applied to claims of a bought portfolio: precision among the first hundred was 17 %.",
        "explain": ("Tree attribution", ["shared contacts", "new policy", "claim against value"]),
        "rationale": "Boosted trees on explainable signals were preferred to graph embeddings, which investigators could not follow.",
        "basis": "Legitimate interest (fraud prevention)",
        "restrictions": "Scores are deleted after three years.",
        "threats": ["Fraudsters who wait out the first months: inception is capped at 500 days"],
    },
    releases=(
        Release(
            "1.1.0",
            "published",
            170,
            Recipe(
                "binary",
                (
                    Column(
                        "days_since_inception",
                        "INT64",
                        "Days between start of the policy and loss",
                        "days",
                    ),
                    Column("claims_3y", "INT64", "Claims in three years"),
                    Column("witnesses", "INT64", "Named witnesses"),
                    Column("shared_contacts", "INT64", "Contacts that also appear in other claims"),
                    Column("at_night", "BOOL", "Loss between 22:00 and 05:00"),
                    Column("claim_to_value", "FP32", "Claim divided by value of the car"),
                ),
                (
                    Output(
                        "fraud_score",
                        "probabilities",
                        "Share of similar claims that were confirmed as fraud",
                        1,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                suspicious,
                Estimator("boosting", 60, 3),
                seed=1501,
                threshold=0.2,
                favourable="low",
            ),
            "Adds contacts shared with other claims.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=3.0),
    sla=standard_sla(99.5, 150, 40),
)


def policies(rng: np.random.Generator, n: int) -> Sample:
    """Life policies that lapse at renewal."""
    sex, age = people.sexes(rng, n), people.ages(rng, n)
    years = np.clip(rng.gamma(2, 4, n), 0, 45).round(1)
    premium = np.clip(rng.lognormal(6.9, 0.6, n), 80, 20_000).round()
    rise = np.clip(rng.normal(0.05, 0.06, n), -0.1, 0.5).round(3)
    missed = people.counts(rng, n, 0.35, 6)
    annual = rng.random(n) < 0.4
    log_odds = (
        -1.8
        - 0.06 * years
        + 5.0 * rise
        + 0.9 * missed
        - 0.5 * annual
        + 0.25 * np.log(premium / 1_000)
    )
    inputs = {
        "policy_years": years,
        "annual_premium": premium,
        "premium_rise": rise,
        "missed_payments": missed,
        "pays_annually": annual,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


LAPSE = Listing(
    slug="policy-lapse",
    name="Policy Lapse",
    team="claims-analytics",
    owner="marco",
    domain="insurance",
    capability="classification",
    summary="Probability that a life policy lapses or is surrendered at its next renewal.",
    description="From age of the policy, premium, premium rise and missed payments: the chance of lapse at renewal. Service teams use it to offer a payment plan in time.",
    limitations="Individual life policies only; group policies behave differently.",
    tags=("lapse", "retention", "life", "persistency"),
    affects_people=True,
    collaborators=("lena",),
    tiering=dict(
        people=1,
        autonomy=0,
        materiality=1,
        data=2,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=0,
        reach=0,
    ),
    card={
        "intended": "Find life policies that may lapse at renewal, so that a payment plan can be offered in time.",
        "users": ["Policy service"],
        "out_of_scope": "Premiums, underwriting, and group policies.",
        "decision": "A service agent decides whether to call and what to offer.",
        "value": "About 300 policies a year kept in force.",
        "failures": [
            ("Bank change", "Missed payment counted", "Agent checks the new account first")
        ],
        "tradeoffs": ["Simple and weaker rather than opaque"],
        "population": "Generated individual life policies in the style of a US book, one row per renewal",
        "known_bias": "Policies over thirty years are few, so their lapse rates are less certain.",
        "preprocessing": "Premium rise as a share of last year's premium.",
        "labels": "Lapsed or surrendered within sixty days of renewal.",
        "harms": [
            (
                "Policyholder",
                "Pressed to keep a policy that no longer fits",
                "low",
                "Agents follow a needs script",
            )
        ],
        "oversight": "Agents may drop any policy from the list.",
        "factors": ["sex", "age band"],
        "external_validity": "Not yet compared with another book; planned for the first quarter of use.",
        "explain": ("Coefficients times values", ["missed payments", "premium rise"]),
        "rationale": "A linear model on five inputs is within a point of AUC of boosted trees and easier to explain.",
        "basis": "Legitimate interest",
        "restrictions": "Not for premiums.",
        "threats": ["None beyond data errors: customers do not see the score"],
    },
    releases=(
        Release(
            "1.0.0",
            "waiting:curation",
            2,
            Recipe(
                "binary",
                (
                    Column("policy_years", "FP32", "Years in force", "years"),
                    Column("annual_premium", "FP32", "Premium per year", "USD"),
                    Column("premium_rise", "FP32", "Rise at this renewal as a share"),
                    Column("missed_payments", "INT64", "Missed payments in twelve months"),
                    Column("pays_annually", "BOOL", "Pays once a year"),
                ),
                (
                    Output(
                        "probability_of_lapse",
                        "probabilities",
                        "Chance of lapse at this renewal",
                        1,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                policies,
                Estimator("linear"),
                seed=1601,
                threshold=0.25,
            ),
            "First version.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.5),
    sla=standard_sla(99.0, 150, 20),
)

LISTINGS = (SEVERITY, TRIAGE, FRAUD, LAPSE)
