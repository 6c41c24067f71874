"""Mortgage: property valuation, prepayment, loss given default, and sorting the pages of a loan file."""

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
    bundle_plans,
    standard_plans,
    standard_sla,
    volume_plans,
)
from . import people, sentences

REGIONS = ("coastal", "metro", "suburban", "rural")
KINDS = ("detached", "terraced", "flat")
PRICE_PER_M2 = dict(zip(REGIONS, (5200.0, 4600.0, 3300.0, 1900.0), strict=True))


def homes(rng: np.random.Generator, n: int) -> Sample:
    """Sale price of a home: area and region first, then age, condition, energy and the local trend."""
    region = np.asarray(REGIONS)[rng.choice(4, n, p=[0.14, 0.3, 0.36, 0.2])]
    kind = np.asarray(KINDS)[rng.choice(3, n, p=[0.45, 0.25, 0.3])]
    area = np.clip(rng.lognormal(4.7, 0.35, n), 28, 480).round()
    year = rng.integers(1900, 2026, n)
    condition = rng.integers(1, 6, n)
    energy = np.clip(rng.normal(140, 60, n), 20, 420).round()
    trend = np.clip(rng.normal(100, 9, n), 70, 135).round(1)
    price = np.vectorize(PRICE_PER_M2.get)(region) * area**0.93 * (trend / 100)
    price *= np.select([kind == "detached", kind == "terraced"], [1.12, 1.0], 0.96)
    price *= (
        (0.86 + 0.05 * condition) * (1 - 0.0006 * (energy - 140)) * (1 - 0.0011 * (2026 - year))
    )
    price *= np.exp(rng.normal(0, 0.075, n))
    inputs = {
        "region": region,
        "property_kind": kind,
        "floor_area": area,
        "year_built": year,
        "condition": condition,
        "energy_demand": energy,
        "local_price_index": trend,
    }
    return Sample(inputs, price.round(-2))


HOME_COLUMNS = (
    Column("region", "BYTES", "Kind of location", enum=REGIONS),
    Column("property_kind", "BYTES", "Kind of building", enum=KINDS),
    Column("floor_area", "FP32", "Living area", "m²"),
    Column("year_built", "INT64", "Year of completion"),
    Column("condition", "INT64", "1 needs work to 5 as new, as the surveyor noted"),
    Column("energy_demand", "FP32", "Energy per living area and year", "kWh/m²"),
    Column(
        "local_price_index",
        "FP32",
        "House-price index of the district, 100 at the start of last year",
    ),
)
VALUE = (
    Output(
        "market_value",
        "variable",
        "Estimated market value on the day of the request",
        0,
        unit="USD",
        minimum=0,
    ),
)

VALUATION = Listing(
    slug="property-valuation",
    name="Property Valuation",
    team="mortgage-analytics",
    owner="hanna",
    domain="mortgage",
    capability="regression",
    summary="Estimates the market value of a home for lending decisions and portfolio revaluation.",
    description="A hedonic model over land-registry style attributes: location, area, age, condition and the local price index. Covers detached and terraced houses and flats.",
    limitations="Not for land, mixed use or homes above $3 million. Wider error in rural districts with few sales.",
    tags=("avm", "valuation", "real estate", "collateral", "house price"),
    collaborators=("ivan",),
    tiering=dict(
        people=1,
        autonomy=1,
        materiality=2,
        data=1,
        regulated=2,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=2,
    ),
    card={
        "intended": "Value a home as collateral when a surveyor's visit is not required, and revalue the book each quarter.",
        "users": ["Mortgage underwriters", "Collateral management", "Home insurance pricing"],
        "out_of_scope": "Land, commercial property, forced sales, tax valuations, and advice to a buyer or seller.",
        "decision": "An underwriter accepts the value or orders a survey; above 80 % loan-to-value a survey is always ordered.",
        "value": "Saves a survey in four of ten remortgages.",
        "failures": [
            ("District with under ten sales a year", "Error twice as large", "Order a survey"),
            ("Unreported extension", "Value too low", "Owner may send plans"),
        ],
        "tradeoffs": [
            "One national model is easier to watch than four regional ones and a little less precise on the coast"
        ],
        "population": "Home sales in the United States over three years, four kinds of location, three kinds of building",
        "known_bias": "Rural homes are a fifth of the rows with a larger spread of prices; condition notes differ between surveyors.",
        "preprocessing": "Prices are brought to today with the district index; auctions and sales between relatives are left out.",
        "labels": "Registered sale price.",
        "harms": [
            (
                "Borrower",
                "Value too low and loan reduced",
                "medium",
                "Borrower may ask for a survey at the bank's cost",
            )
        ],
        "oversight": "The underwriter sees the value and the district's number of sales and may always order a survey.",
        "factors": ["region", "property kind"],
        "external_validity": "Compared with 400 survey reports of last year: median difference 5 %.",
        "explain": ("Permutation importance per region", ["floor area", "region", "condition"]),
        "rationale": "Boosted trees capture how condition matters more in expensive locations; comparables alone failed where sales are few.",
        "basis": "Legitimate interest; property data only",
        "restrictions": "Value may be shown to the borrower with its date.",
        "threats": ["Inflated condition notes: compared with photographs on a sample"],
        "not_people": "Values a building, not a person. No attribute of the owner or neighbourhood population is an input.",
    },
    releases=(
        Release(
            "1.2.0",
            "published",
            130,
            Recipe(
                "regression", HOME_COLUMNS, VALUE, homes, Estimator("boosting", 60, 4), 4000, 801
            ),
            "New district price index; energy demand is now an input that changes the value.",
        ),
        Release(
            "1.3.0",
            "waiting:security",
            7,
            Recipe(
                "regression", HOME_COLUMNS, VALUE, homes, Estimator("boosting", 110, 4), 7000, 802
            ),
            "Retrained with twice the sales; same inputs and unit.",
        ),
    ),
    plans=bundle_plans(),
    sla=standard_sla(99.5, 150, 40),
)


def mortgages(rng: np.random.Generator, n: int) -> Sample:
    """Early repayment in the next twelve months: rate incentive, burnout, season of the loan, size."""
    incentive = np.clip(rng.normal(0.2, 1.2, n), -3, 4).round(2)
    months = rng.integers(1, 300, n)
    balance = np.clip(rng.lognormal(12.2, 0.5, n), 20_000, 1_500_000).round(-3)
    ltv = np.clip(rng.beta(4, 3, n), 0.05, 1.05).round(3)
    missed = people.counts(rng, n, np.clip(incentive, 0, 4) * 1.5, 24)
    fixed_left = np.clip(rng.normal(30, 24, n), 0, 120).round()
    log_odds = (
        -2.6
        + 1.6 * np.tanh(incentive)
        + 0.5 * incentive
        - 0.3 * missed
        + 1.8 * (fixed_left < 4)
        + 1.2 * np.minimum(months, 30) / 30
        - 1.2 * np.clip(ltv - 0.7, 0, 1)
        + 0.3 * np.log(balance / 200_000)
    )
    inputs = {
        "rate_incentive": incentive,
        "loan_age": months,
        "balance": balance,
        "loan_to_value": ltv,
        "missed_incentives": missed,
        "fixed_months_left": fixed_left,
    }
    return Sample(inputs, people.happens(rng, log_odds))


PREPAYMENT = Listing(
    slug="mortgage-prepayment",
    name="Mortgage Prepayment",
    team="mortgage-analytics",
    owner="ivan",
    domain="mortgage",
    capability="forecasting",
    summary="Predicts which home loans will be repaid early or refinanced elsewhere within twelve months.",
    description="Loan-level chance of full prepayment from rate incentive, burnout, loan age and the end of the fixed period. Treasury uses it for cash flows, retention for call lists.",
    limitations="Trained in a period of falling and then rising rates; not tested for negative rates. Partial prepayments are not covered.",
    tags=("prepayment", "refinance", "cpr", "alm", "retention"),
    collaborators=("hanna",),
    tiering=dict(
        people=1,
        autonomy=0,
        materiality=2,
        data=2,
        regulated=0,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=2,
    ),
    affects_people=True,
    card={
        "intended": "Forecast full prepayment of home loans for cash-flow planning and for offers to customers who may leave.",
        "users": ["Balance-sheet management", "Mortgage retention"],
        "out_of_scope": "Credit decisions, arrears handling, and buy-to-let portfolios.",
        "decision": "Treasury sums probabilities over the book; retention staff decide whom to call. No decision about a single loan is automatic.",
        "value": "Better match of funding to expected cash flows.",
        "failures": [
            (
                "Rate shock larger than two points in a month",
                "Prepayment under-stated for a quarter",
                "Scenario overlay by treasury",
            )
        ],
        "tradeoffs": ["Monthly refresh instead of daily keeps the forecast stable"],
        "population": "US fixed-rate home loans observed monthly for five years, owner-occupied only",
        "known_bias": "Loans over $1 million are few; their rates come from smaller loans.",
        "preprocessing": "Incentive is contract rate minus market rate in percentage points.",
        "labels": "Full repayment within twelve months for any reason except sale by the bank.",
        "harms": [
            (
                "Customer",
                "Receives an unwanted retention call",
                "low",
                "Opt-out list is applied first",
            )
        ],
        "oversight": "Treasury compares forecast and outcome each month and may scale the forecast.",
        "factors": ["sex of first borrower", "loan size"],
        "external_validity": "Back-tested on a purchased portfolio: yearly total within 8 %.",
        "explain": (
            "Partial dependence on incentive and loan age",
            ["rate incentive", "end of fixed period"],
        ),
        "rationale": "Trees represent the S-shape of incentive and burnout without hand-made terms.",
        "basis": "Legitimate interest",
        "restrictions": "Not for credit decisions.",
        "threats": ["None beyond wrong market rates: rates are checked against two sources"],
        "not_people": "",
    },
    releases=(
        Release(
            "1.1.0",
            "published",
            376,
            Recipe(
                "binary",
                (
                    Column(
                        "rate_incentive",
                        "FP32",
                        "Contract rate minus market rate",
                        "percentage points",
                    ),
                    Column("loan_age", "INT64", "Months since the loan was paid out", "months"),
                    Column("balance", "FP32", "Outstanding balance", "USD"),
                    Column("loan_to_value", "FP32", "Balance divided by current value"),
                    Column(
                        "missed_incentives",
                        "INT64",
                        "Months with a rate incentive that the borrower let pass",
                        "months",
                    ),
                    Column(
                        "fixed_months_left", "FP32", "Months until the fixed period ends", "months"
                    ),
                ),
                (
                    Output(
                        "probability_of_prepayment",
                        "probabilities",
                        "Chance of full repayment within twelve months",
                        1,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                lambda rng, n: with_sex(mortgages(rng, n), rng, n),
                Estimator("boosting", 60, 3),
                seed=901,
                threshold=0.25,
            ),
            "Adds burnout (missed incentives); forecasts for old loans were too high.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=2.5),
    sla=standard_sla(99.5, 150, 40),
)


def with_sex(sample: Sample, rng: np.random.Generator, n: int) -> Sample:
    return Sample(sample.inputs, sample.target, {"sex": people.sexes(rng, n)})


def foreclosures(rng: np.random.Generator, n: int) -> Sample:
    """Share of the balance lost after a forced sale."""
    ltv = np.clip(rng.normal(0.85, 0.2, n), 0.2, 1.6).round(3)
    stress = np.clip(rng.normal(0.08, 0.08, n), -0.1, 0.4).round(3)
    months = np.clip(rng.gamma(4, 4, n), 2, 60).round()
    legal = np.clip(rng.normal(9_000, 3_000, n), 1_000, 30_000).round(-1)
    balance = np.clip(rng.lognormal(12.1, 0.5, n), 20_000, 1_200_000).round(-3)
    recovered = (1 - stress) * 0.93 / ltv - 0.006 * months - legal / balance
    loss = np.clip(1 - recovered + rng.normal(0, 0.05, n), 0, 1)
    inputs = {
        "loan_to_value": ltv,
        "price_stress": stress,
        "months_to_sale": months,
        "legal_costs": legal,
        "balance": balance,
    }
    return Sample(inputs, loss)


LGD = Listing(
    slug="mortgage-lgd",
    name="Mortgage LGD",
    team="mortgage-analytics",
    owner="hanna",
    domain="mortgage",
    capability="regression",
    summary="Loss severity of home loans after foreclosure, for capital and provisions.",
    description="Estimates the share of the balance that is lost after a forced sale from loan-to-value, regional price stress, time to sale and legal costs.",
    limitations="Few foreclosures since the last downturn; downturn estimates rest on price stress rather than on observed losses.",
    tags=("lgd", "basel", "ifrs9", "collateral", "capital"),
    collaborators=("ivan",),
    tiering=dict(
        people=0,
        autonomy=1,
        materiality=3,
        data=1,
        regulated=2,
        generative=0,
        reversibility=1,
        complexity=1,
        reach=1,
    ),
    card={
        "intended": "Estimate loss given default of home loans for capital and provisions, on the level of a loan.",
        "users": ["Credit risk", "Finance"],
        "out_of_scope": "Pricing for a single customer, and unsecured loans.",
        "decision": "Finance books provisions from portfolio sums after review by the provisioning committee.",
        "value": "Replaces four regional spreadsheets.",
        "failures": [
            (
                "Price fall outside the stress range",
                "Loss under-stated",
                "Downturn add-on by model risk",
            )
        ],
        "tradeoffs": ["Cautious in thin data: leaves of at least ten loans"],
        "population": "Completed foreclosures in the United States over twelve years",
        "known_bias": "The last five years have few losses and short sale times.",
        "preprocessing": "Losses are discounted at the contract rate.",
        "labels": "Realised loss divided by balance at default.",
        "harms": [
            (
                "Company",
                "Capital too low for the risk held",
                "high",
                "Floors by regulation and yearly back-test",
            )
        ],
        "oversight": "The provisioning committee can overlay any segment with a recorded reason.",
        "factors": ["loan-to-value band"],
        "external_validity": "Compared with industry loss data of 2009 to 2012: within four points of the published averages.",
        "explain": ("Partial dependence", ["loan-to-value", "price stress"]),
        "rationale": "A forest handles the floor at zero losses and the kink at full collateral cover without a two-part model.",
        "basis": "Legal duty to hold capital",
        "restrictions": "Not for customer decisions.",
        "threats": ["Wrong valuations upstream: compared with property valuation"],
        "not_people": "Used on portfolio level for capital and provisions; no outcome reaches a person.",
    },
    releases=(
        Release(
            "1.0.0",
            "waiting:legal",
            11,
            Recipe(
                "regression",
                (
                    Column("loan_to_value", "FP32", "Balance divided by last valuation"),
                    Column(
                        "price_stress",
                        "FP32",
                        "Expected fall of regional prices until sale",
                        "share",
                    ),
                    Column("months_to_sale", "FP32", "Expected time to sale", "months"),
                    Column("legal_costs", "FP32", "Expected legal and selling costs", "USD"),
                    Column("balance", "FP32", "Balance at default", "USD"),
                ),
                (
                    Output(
                        "loss_given_default",
                        "variable",
                        "Expected share of the balance lost",
                        0,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                foreclosures,
                Estimator("forest", 30, 8),
                seed=951,
            ),
            "First version.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=2.0),
    sla=standard_sla(99.5, 150, 20),
)

PAGES = Listing(
    slug="loan-document-type",
    name="Loan Document Type",
    team="mortgage-analytics",
    owner="ivan",
    domain="mortgage",
    capability="document-understanding",
    summary="Sorts the pages of an uploaded loan file into six document types from their text.",
    description="Reads the recognised text of a page and labels it: salary slip, bank statement, appraisal, identity card, purchase contract or insurance certificate. Each page then goes to the right queue.",
    limitations="English only; needs text from OCR. Handwritten pages are not recognised. Knows six types and will force any other page into one of them.",
    tags=("documents", "ocr", "loan file", "workflow", "text"),
    collaborators=("hanna",),
    tiering=dict(
        people=0,
        autonomy=2,
        materiality=0,
        data=2,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=0,
        reach=1,
    ),
    card={
        "intended": "Label pages of a loan file so that each reaches the right queue and missing documents are asked for at once.",
        "users": ["Mortgage origination", "Consumer lending operations"],
        "out_of_scope": "Checking whether a document is genuine, reading amounts, and pages in other languages.",
        "languages": ["en"],
        "decision": "Pages below 60 % certainty are sorted by hand; staff can move any page.",
        "value": "Twelve minutes less sorting per loan file.",
        "failures": [
            ("Two documents scanned on one page", "One of them is missed", "Staff split the page")
        ],
        "tradeoffs": ["Word counts are fast and plain but blind to layout"],
        "population": "Generated pages in the style of US loan files, six document types, eighty words each",
        "known_bias": "Layouts of small banks are under-represented, so their statements are less certain.",
        "preprocessing": "Lower case, one trailing punctuation mark removed, words seen in at least three pages.",
        "labels": "Type given by the template that a page was generated from.",
        "harms": [
            (
                "Applicant",
                "File delayed by a page in the wrong queue",
                "low",
                "Daily check of unsorted queues",
            )
        ],
        "oversight": "Staff see the label with its certainty and can change it with one click.",
        "factors": ["document type"],
        "external_validity": "Not yet compared with pages of other business units; first results there are watched weekly.",
        "explain": ("Words with the largest weight per type", ["deciding words"]),
        "rationale": "A linear model on words reached what the queue needs; a layout model would cost fifty times as much.",
        "basis": "Contract",
        "restrictions": "Page text is not stored.",
        "threats": ["Hidden text in a page: staff see the page, not the text"],
        "not_people": "Sorts pages into queues; no outcome for the applicant depends on the label.",
    },
    releases=(
        Release(
            "1.0.2",
            "published",
            55,
            Recipe(
                "multiclass",
                (Column("text", "BYTES", "Recognised text of one page"),),
                (
                    Output(
                        "document_type",
                        "label",
                        "Most likely type",
                        datatype="BYTES",
                        enum=tuple(sorted(sentences.PAGES)),
                    ),
                    Output(
                        "probabilities",
                        "probabilities",
                        "Share per type, in alphabetical order of the types",
                        width=len(sentences.PAGES),
                        minimum=0,
                        maximum=1,
                    ),
                ),
                sentences.pages,
                Estimator("words"),
                rows=2400,
                seed=961,
            ),
            "More words of bank statements; certainty is better calibrated.",
        ),
    ),
    plans=volume_plans(),
    sla=standard_sla(99.0, 150, 40),
)

LISTINGS = (VALUATION, PREPAYMENT, LGD, PAGES)
