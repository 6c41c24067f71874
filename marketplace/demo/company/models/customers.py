"""Customer insight and financial crime: churn, next best offer, complaints, call volume, AML alert ranking."""

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
from . import people, sentences
from .wealth import CHURN_TIER, CLIENT_COLUMNS, LEAVES, clients

OFFERS = ("balance transfer", "home insurance", "none", "savings account", "term life")


def retail_clients(rng: np.random.Generator, n: int) -> Sample:
    return Sample(*clients(rng, n, wealthy=False))


CHURN = Listing(
    slug="retail-customer-churn",
    name="Retail Customer Churn",
    team="customer-insight",
    owner="farah",
    domain="customer-analytics",
    capability="classification",
    summary="Predicts which retail customers will close or stop using their accounts within ninety days.",
    description="From tenure, products, log-ins, complaints and change of balances: the chance that a retail customer leaves within ninety days. Feeds retention campaigns of lending, cards and insurance.",
    limitations="Not for customers in their first month. Serves nearly the same purpose as Client Attrition; see there for private clients.",
    tags=("churn", "retention", "attrition", "campaign"),
    affects_people=True,
    collaborators=("goran",),
    tiering=CHURN_TIER,
    card={
        "intended": "Choose retail customers for a retention campaign.",
        "base_models": ["Tenure groups of retail customers, edition 2024 (CC-BY-NC-4.0)"],
        "users": ["Campaign managers", "Contact centre"],
        "out_of_scope": "Pricing, credit decisions, and private clients with an adviser.",
        "decision": "The campaign manager sets the cut-off and releases the list.",
        "value": "Campaigns reach 2.4 times as many leavers for the same cost.",
        "failures": [
            (
                "Salary account moved by an employer",
                "Leaving over-stated for a group",
                "Campaign manager excludes the employer",
            )
        ],
        "tradeoffs": ["One model for all products, a little weaker than one for each"],
        "population": "Generated retail customers in the style of a US book over two years, one row per customer and quarter",
        "known_bias": "Customers who do their banking in branches have no log-ins and score higher.",
        "preprocessing": "Change of balances over 90 days as a share, capped.",
        "labels": "Closed or unused for ninety days.",
        "harms": [("Customer", "Unwanted marketing", "low", "Opt-out list is applied first")],
        "oversight": "The list is read by the campaign manager before it is sent.",
        "factors": ["sex", "age band"],
        "external_validity": "Used on card holders after training on loan customers: two points of AUC lower.",
        "explain": ("Permutation importance", ["outflow", "few log-ins", "complaints"]),
        "rationale": "Boosted trees on six inputs that every product has, so that one model serves all.",
        "basis": "Legitimate interest",
        "restrictions": "Not for pricing.",
        "threats": ["None beyond data errors: customers do not see the score"],
    },
    releases=(
        Release(
            "2.2.0",
            "published",
            60,
            Recipe(
                "binary",
                CLIENT_COLUMNS,
                LEAVES,
                retail_clients,
                Estimator("boosting", 60, 3),
                seed=1701,
                threshold=0.25,
            ),
            "Retrained with insurance customers included.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.5),
    sla=standard_sla(99.0),
)


def shoppers(rng: np.random.Generator, n: int) -> Sample:
    """The offer a customer took up in a randomised test, or none."""
    age, sex = people.ages(rng, n), people.sexes(rng, n)
    income = people.incomes(rng, n, age)
    card = np.clip(rng.exponential(2_500, n), 0, 30_000).round()
    savings = np.clip(rng.exponential(9_000, n), 0, 250_000).round()
    owner, children = rng.random(n) < 0.5, people.counts(rng, n, 0.9, 5)
    score = np.column_stack(
        [
            0.0005 * card - 0.4,
            1.6 * owner - 0.7,
            np.full(n, 0.8),
            0.00006 * savings + 0.000004 * income,
            0.8 * children - 0.4,
        ]
    ) + rng.gumbel(0, 0.55, (n, 5))
    inputs = {
        "income": income,
        "card_balance": card,
        "savings": savings,
        "home_owner": owner,
        "children": children,
    }
    return Sample(inputs, np.asarray(OFFERS)[score.argmax(axis=1)], {"sex": sex})


OFFER = Listing(
    slug="next-best-offer",
    name="Next Best Offer",
    team="customer-insight",
    owner="goran",
    domain="customer-analytics",
    capability="recommendation",
    summary="Chooses which product, if any, to show to a customer in the app.",
    description="Trained on a randomised test of four offers and none. Returns the offer with the best chance and the share of votes for each.",
    limitations="Four offers only. Suspended at present: it kept offering balance transfers to customers on hardship plans.",
    tags=("cross-sell", "personalisation", "marketing", "app"),
    affects_people=True,
    collaborators=("farah",),
    tiering=dict(
        people=1,
        autonomy=2,
        materiality=1,
        data=2,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=1,
        reach=2,
    ),
    card={
        "intended": "Choose one of four offers, or none, for a customer who opens the app.",
        "users": ["App team", "Campaign managers"],
        "out_of_scope": "Credit decisions, prices, letters and telephone sales.",
        "decision": "The app shows the offer; campaign managers set caps and can switch off any offer at once.",
        "value": "Take-up of offers rose from 1.1 % to 1.9 %.",
        "failures": [
            (
                "Customer on a hardship plan",
                "Credit is offered",
                "Exclude before calling; see suspension",
            )
        ],
        "tradeoffs": ["Showing nothing is an answer, which costs some sales"],
        "population": "Generated randomised test in the style of US app users, four offers and none",
        "known_bias": "Customers without the app were not in the test.",
        "preprocessing": "Balances in dollars at month end.",
        "labels": "Offer taken up within thirty days.",
        "harms": [
            (
                "Customer in difficulty",
                "Tempted into more credit",
                "medium",
                "Exclusion list before each call",
            )
        ],
        "oversight": "Campaign managers watch take-up daily and can switch off an offer.",
        "factors": ["sex"],
        "external_validity": "Second test in the cards app: same order of offers.",
        "explain": ("Votes per offer", ["card balance", "savings", "children"]),
        "rationale": "A forest on five inputs kept the ranking of offers stable between tests.",
        "basis": "Consent to personalised offers",
        "restrictions": "Never for customers on the exclusion list.",
        "threats": ["Feedback loop: 5 % of users stay randomised"],
    },
    releases=(
        Release(
            "1.4.0",
            "suspended",
            200,
            Recipe(
                "multiclass",
                (
                    Column("income", "FP32", "Gross annual income on file", "USD per year"),
                    Column("card_balance", "FP32", "Revolving card balance", "USD"),
                    Column("savings", "FP32", "Savings balances", "USD"),
                    Column("home_owner", "BOOL", "Whether the customer owns the home"),
                    Column("children", "INT64", "Children in the household"),
                ),
                (
                    Output(
                        "offer",
                        "label",
                        "Offer with the best chance",
                        datatype="BYTES",
                        enum=OFFERS,
                    ),
                    Output(
                        "votes",
                        "probabilities",
                        "Share of votes per offer in alphabetical order",
                        width=5,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                shoppers,
                Estimator("forest", 30, 8),
                seed=1801,
            ),
            "Adds “none” as an answer.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.0),
    sla=standard_sla(99.5, 120, 100),
)

COMPLAINT = Listing(
    slug="complaint-routing",
    name="Complaint Routing",
    team="customer-insight",
    owner="farah",
    domain="operations",
    capability="nlp",
    summary="Reads a customer's complaint and sends it to the team that can settle it.",
    description="Labels the text of a complaint with the responsible area: cards, claims, lending, mortgage or wealth, with the certainty of each. Used by the contact centre and for the regulator's complaint report.",
    limitations="English only. Five areas; complaints about several areas get the one that is mentioned most.",
    tags=("complaints", "text", "routing", "customer service", "conduct"),
    collaborators=("goran",),
    tiering=dict(
        people=0,
        autonomy=2,
        materiality=0,
        data=2,
        regulated=2,
        generative=0,
        reversibility=0,
        complexity=0,
        reach=2,
    ),
    card={
        "intended": "Send a written complaint to the area that can settle it, and count complaints by area.",
        "users": ["Contact centre", "Complaint reporting"],
        "out_of_scope": "Judging whether a complaint is justified, calls, and other languages.",
        "languages": ["en"],
        "decision": "The text is queued for the area; any agent can move it. Under 50 % certainty an agent chooses.",
        "value": "Complaints reach the right team a day earlier.",
        "failures": [
            (
                "Sarcasm or several topics",
                "Wrong area",
                "Agent moves it; moves are used for retraining",
            )
        ],
        "tradeoffs": ["Words without order: quick and plain, blind to negation"],
        "population": "Generated complaints in the style of US retail customers, five areas, about twenty words each",
        "known_bias": "Short texts and texts by non-native writers have fewer known words and less certainty.",
        "preprocessing": "Lower case, one trailing punctuation mark removed; names are masked beforehand.",
        "labels": "Area that settled the complaint.",
        "harms": [
            (
                "Customer",
                "Answer delayed by a wrong queue",
                "low",
                "Two-day limit on unmoved complaints",
            )
        ],
        "oversight": "Agents see the certainty and can move a complaint with one click.",
        "factors": ["area"],
        "external_validity": "Two weeks in insurance's inbox: 86 % reached the right area.",
        "explain": ("Words with the largest weight per area", ["deciding words"]),
        "rationale": "A linear model on words is enough for five areas and explains itself.",
        "basis": "Legal duty to handle complaints",
        "restrictions": "Texts are not stored by the model.",
        "threats": ["Key-word stuffing to reach a team: harmless, agents move it back"],
        "not_people": "Chooses a queue. The answer to the complaint does not depend on it.",
    },
    releases=(
        Release(
            "1.3.0",
            "published",
            95,
            Recipe(
                "multiclass",
                (Column("text", "BYTES", "The complaint as written, names masked"),),
                (
                    Output(
                        "area",
                        "label",
                        "Responsible area",
                        datatype="BYTES",
                        enum=tuple(sorted(sentences.COMPLAINTS)),
                    ),
                    Output(
                        "certainty",
                        "probabilities",
                        "Share per area in alphabetical order",
                        width=len(sentences.COMPLAINTS),
                        minimum=0,
                        maximum=1,
                    ),
                ),
                sentences.complaints,
                Estimator("words"),
                rows=3000,
                seed=1901,
            ),
            "Wealth is an area of its own now.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=1.0),
    sla=standard_sla(99.5, 100, 50),
)


def half_hours(rng: np.random.Generator, n: int) -> Sample:
    """Inbound calls per half hour: the day's shape, the weekday, statements, storms and last week."""
    weekday, slot = rng.integers(0, 7, n), rng.integers(16, 40, n)
    statement, storm = rng.random(n) < 0.14, rng.random(n) < 0.04
    shape = np.exp(-0.5 * ((slot - 21) / 3.2) ** 2) + 0.75 * np.exp(-0.5 * ((slot - 29) / 4.0) ** 2)
    mean = (30 + 170 * shape) * np.select([weekday == 0, weekday >= 5], [1.25, 0.45], 1.0)
    mean = mean * (1 + 0.3 * statement) * (1 + 0.9 * storm)
    calls = rng.poisson(mean).astype(float)
    last = rng.poisson(mean / (1 + 0.3 * statement) / (1 + 0.9 * storm)).astype(float)
    inputs = {
        "weekday": weekday,
        "half_hour": slot,
        "statement_day": statement,
        "storm_warning": storm,
        "calls_last_week": last,
    }
    return Sample(inputs, calls)


CALLS = Listing(
    slug="call-volume-forecast",
    name="Call Volume Forecast",
    team="customer-insight",
    owner="goran",
    domain="operations",
    capability="forecasting",
    summary="Forecasts inbound calls per half hour for staffing the contact centre.",
    description="From weekday, half hour, statement days, storm warnings and last week's calls: the expected number of calls. One request covers a whole week as a batch.",
    limitations="Not retrained for over a year; the chat channel that opened since is not in its data, so forecasts run high.",
    tags=("contact centre", "calls", "staffing", "workforce", "forecast"),
    collaborators=("farah",),
    tiering=dict(
        people=0,
        autonomy=1,
        materiality=0,
        data=0,
        regulated=0,
        generative=0,
        reversibility=0,
        complexity=1,
        reach=1,
    ),
    card={
        "intended": "Plan shifts of the contact centre for the coming two weeks.",
        "users": ["Workforce planning"],
        "out_of_scope": "Minute-by-minute steering and outbound campaigns.",
        "decision": "A planner turns the forecast into shifts and changes it where needed.",
        "value": "Waiting time fell by a third at equal staffing.",
        "failures": [("New channel opens", "Forecast too high", "Scale by hand until retrained")],
        "tradeoffs": ["No confidence band, to keep the planner's sheet simple"],
        "population": "Generated half hours of two years in the style of a US contact centre",
        "known_bias": "Public holidays look like ordinary days.",
        "preprocessing": "Half hours are numbered from midnight.",
        "labels": "Calls that reached the queue.",
        "harms": [
            ("Agents", "Short-notice shifts after a wrong forecast", "low", "Planner's check")
        ],
        "oversight": "The planner changes the forecast at will.",
        "factors": ["weekday"],
        "external_validity": "Second site: error 20 % larger.",
        "explain": ("Permutation importance", ["half hour", "last week"]),
        "rationale": "Boosted trees with last week's calls beat seasonal averages.",
        "basis": "No personal data",
        "restrictions": "None beyond internal use.",
        "threats": ["None identified: no outside party gains from a wrong forecast"],
        "not_people": "Counts calls. No person is an input or is affected one by one.",
    },
    releases=(
        Release(
            "1.0.0",
            "published",
            430,
            Recipe(
                "regression",
                (
                    Column("weekday", "INT64", "0 Monday to 6 Sunday"),
                    Column("half_hour", "INT64", "Half hours since midnight"),
                    Column("statement_day", "BOOL", "Statements went out on the day before"),
                    Column("storm_warning", "BOOL", "A storm warning is in force"),
                    Column(
                        "calls_last_week",
                        "FP32",
                        "Calls in the same half hour of last week",
                        "calls",
                    ),
                ),
                (
                    Output(
                        "expected_calls",
                        "variable",
                        "Expected calls in the half hour",
                        0,
                        unit="calls",
                        minimum=0,
                    ),
                ),
                half_hours,
                Estimator("boosting", 80, 4),
                seed=2001,
                baseline_column="calls_last_week",
            ),
            "First version.",
        ),
    ),
    plans=standard_plans(owner_approval=False, price=0.5),
    sla=standard_sla(99.0, 200, 20),
)


def alerts(rng: np.random.Generator, n: int) -> Sample:
    """Transaction-monitoring alerts; positive means a suspicious activity report was filed."""
    sex, age = people.sexes(rng, n), people.ages(rng, n)
    amount = np.clip(rng.lognormal(8.3, 1.1, n), 50, 900_000).round()
    change = np.clip(rng.lognormal(0.2, 0.7, n), 0.05, 30).round(2)
    countries, cash = people.counts(rng, n, 0.5, 8), np.clip(rng.beta(1.2, 5, n), 0, 1).round(3)
    through, earlier = np.clip(rng.beta(2, 4, n), 0, 1).round(3), people.counts(rng, n, 0.4, 10)
    log_odds = (
        -3.6
        + 0.5 * np.log(amount / 4_000)
        + 0.8 * np.log(change)
        + 0.55 * countries
        + 2.2 * cash
        + 3.0 * through
        + 0.35 * earlier
    )
    inputs = {
        "amount_30d": amount,
        "change_to_usual": change,
        "risk_countries": countries,
        "cash_share": cash,
        "pass_through_share": through,
        "earlier_alerts": earlier,
    }
    return Sample(
        inputs, people.happens(rng, log_odds), {"sex": sex, "age_band": people.age_band(age)}
    )


AML = Listing(
    slug="aml-alert-ranking",
    name="AML Alert Ranking",
    team="fraud-analytics",
    owner="nadia",
    domain="compliance",
    capability="ranking",
    summary="Ranks money-laundering alerts so that investigators read the most suspicious first.",
    description="Scores alerts of the transaction-monitoring rules by the chance that a suspicious activity report is filed. Every alert is still read; the order changes.",
    limitations="Ranks alerts that rules have raised and cannot see what the rules miss. Business accounts are not covered.",
    tags=("aml", "financial crime", "alerts", "sar", "ranking"),
    affects_people=True,
    collaborators=("oscar",),
    tiering=dict(
        people=1,
        autonomy=1,
        materiality=2,
        data=2,
        regulated=2,
        generative=0,
        reversibility=0,
        complexity=1,
        reach=2,
    ),
    card={
        "intended": "Order the queue of money-laundering alerts for investigators.",
        "users": ["Financial-crime operations"],
        "out_of_scope": "Closing alerts without reading, blocking payments, and business accounts.",
        "decision": "The investigator reads every alert and decides; the model only sets the order.",
        "value": "Reports are filed nine days earlier on average.",
        "failures": [
            ("New laundering pattern", "Ranked low", "A tenth of the queue stays in random order")
        ],
        "tradeoffs": ["Early reading of likely cases delays unlikely ones by up to a week"],
        "population": "Generated alerts on US personal accounts with the investigators' outcome over two years",
        "known_bias": "Customers with family abroad have transfers to more countries; countries are counted by risk list only.",
        "preprocessing": "Change against the customer's own twelve months.",
        "labels": "Suspicious activity report filed.",
        "harms": [
            (
                "Customer",
                "Account looked into without reason",
                "low",
                "Nothing happens to the account before a person decides",
            )
        ],
        "oversight": "Investigators see the reasons, can re-order the queue, and read every alert within the legal time.",
        "factors": ["sex", "age band"],
        "external_validity": "Alerts of the cards unit, one quarter: reports among the first tenth were 4 times the average.",
        "explain": ("Tree attribution", ["pass-through", "cash", "unusual amount"]),
        "rationale": "Trees on six signals that investigators use themselves; a graph model was stronger and could not be explained.",
        "basis": "Legal duty (anti-money-laundering)",
        "restrictions": "Customers must not be told (no tipping off).",
        "threats": [
            "Structuring below rule limits: out of reach of a ranking model, covered by the rules"
        ],
    },
    releases=(
        Release(
            "1.2.0",
            "published",
            110,
            Recipe(
                "binary",
                (
                    Column("amount_30d", "FP32", "Sum of flagged transactions in 30 days", "USD"),
                    Column(
                        "change_to_usual",
                        "FP32",
                        "Turnover against the customer's usual month; 1 is usual",
                    ),
                    Column("risk_countries", "INT64", "Countries of the risk list involved"),
                    Column("cash_share", "FP32", "Share of cash in the turnover"),
                    Column(
                        "pass_through_share",
                        "FP32",
                        "Share of incoming money that leaves within two days",
                    ),
                    Column("earlier_alerts", "INT64", "Alerts in twelve months"),
                ),
                (
                    Output(
                        "score",
                        "probabilities",
                        "Share of similar alerts that led to a report",
                        1,
                        minimum=0,
                        maximum=1,
                    ),
                ),
                alerts,
                Estimator("boosting", 60, 3),
                seed=2101,
                threshold=0.3,
                favourable="low",
            ),
            "Adds pass-through share.",
        ),
    ),
    plans=standard_plans(owner_approval=True, price=2.0),
    sla=standard_sla(99.9, 150, 20),
)

LISTINGS = (CHURN, OFFER, COMPLAINT, CALLS, AML)
