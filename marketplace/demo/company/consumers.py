"""Who uses what in the demo company: applications, subscriptions, keys, and how often they call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption import actions
from consumption.models import Application, Plan, Subscription
from marketplace.accounts.models import Team

from . import models
from .submissions import person

KEY_LIFE = timedelta(days=365)
HERO = ("Mortgage Origination Platform", "income-verification")


@dataclass(frozen=True)
class DemoApplication:
    """A consumer's system and the person who speaks for it."""

    name: str
    team: str
    by: str
    description: str
    environment: str = "prod"


@dataclass(frozen=True)
class Use:
    """One application on one model. `daily`: calls on an ordinary working day; `since`: days ago; `ends_in`: days, None: open.

    stopped  days ago of its last call; 0: it goes on.
    """

    application: str
    slug: str
    purpose: str
    daily: int
    since: int
    version: str = ""
    plan: str = "standard"
    counterfactual: str = ""
    policy: str = ""
    waits: bool = False
    ends_in: int | None = None
    stopped: int = 0


APPLICATIONS = (
    DemoApplication(
        "Mortgage Origination Platform",
        "mortgage-origination",
        "maya",
        "Takes a mortgage application from first click to offer.",
    ),
    DemoApplication(
        "Mortgage Origination Test",
        "mortgage-origination",
        "milo",
        "The test stage of the origination platform.",
        "test",
    ),
    DemoApplication(
        "Loan Origination",
        "lending-underwriting",
        "uma",
        "Personal loans from application to pay-out.",
    ),
    DemoApplication(
        "Adviser Workbench", "client-advice", "wendy", "What advisers see when they meet a client."
    ),
    DemoApplication(
        "Digital Advice", "client-advice", "walt", "Advice in the app, confirmed by an adviser."
    ),
    DemoApplication(
        "Client Onboarding", "wealth-operations", "xenia", "Opens accounts for private clients."
    ),
    DemoApplication("Claims Desk", "claims-operations", "quinn", "Where handlers work on claims."),
    DemoApplication("Home Pricing", "insurance-pricing", "petra", "Rates for home insurance."),
    DemoApplication(
        "Card Servicing", "cards-servicing", "zoe", "Service and retention for card holders."
    ),
    DemoApplication(
        "SME Loan Desk", "sme-lending", "pavel", "Loans to small companies and sole traders."
    ),
    DemoApplication(
        "Cash-Flow Projection",
        "balance-sheet",
        "bettina",
        "Monthly projection of the balance sheet.",
    ),
    DemoApplication(
        "Investigator Queue",
        "financial-crime-operations",
        "tara",
        "Alerts in the order in which they are read.",
    ),
    DemoApplication("Service Desk", "contact-centre", "ursula", "Calls, letters and complaints."),
)

BUILD, WITHOUT, BUY = "would_build", "would_do_without", "would_buy"
USES = (
    Use(
        *HERO,
        "Verify stated income of mortgage applicants; replaces the plan to build our own for $200,000.",
        120,
        62,
        "2.0.0",
        counterfactual=BUILD,
    ),
    Use(
        "Mortgage Origination Test",
        "income-verification",
        "Integration tests of the origination platform.",
        8,
        66,
        "2.0.0",
        "trial",
        ends_in=21,
    ),
    Use(
        "Loan Origination",
        "income-verification",
        "Verify income of loan applicants.",
        140,
        67,
        "2.0.0",
        counterfactual=BUILD,
    ),
    Use(
        "Adviser Workbench",
        "income-verification",
        "Check income in a client's financial plan.",
        24,
        88,
        "1.4.2",
        counterfactual=WITHOUT,
        policy="pin_exact",
    ),
    Use(
        "Client Onboarding",
        "income-verification",
        "Check the source of income at account opening.",
        18,
        84,
        "1.4.2",
        counterfactual=BUILD,
        policy="pin_exact",
    ),
    Use(
        "Loan Origination",
        "affordability",
        "Set the maximum instalment.",
        60,
        85,
        counterfactual=BUILD,
    ),
    Use(
        "Mortgage Origination Platform",
        "affordability",
        "First check of affordability before the full assessment.",
        34,
        40,
        counterfactual=BUILD,
    ),
    Use(
        "Adviser Workbench",
        "affordability",
        "Show clients what a regular savings plan leaves them.",
        10,
        45,
        counterfactual=WITHOUT,
    ),
    Use("Loan Origination", "default-risk", "Probability of default at origination.", 66, 88),
    Use(
        "Loan Origination",
        "transaction-categoriser",
        "Categories for essential spending.",
        32,
        80,
        counterfactual=BUY,
    ),
    Use(
        "Mortgage Origination Platform",
        "property-valuation",
        "Value the home before a survey is ordered.",
        26,
        86,
    ),
    Use(
        "Home Pricing",
        "property-valuation",
        "Rebuilding value of insured homes.",
        16,
        52,
        counterfactual=BUILD,
        plan="bundle",
    ),
    Use(
        "Mortgage Origination Platform",
        "loan-document-type",
        "Sort the pages of a loan file.",
        45,
        48,
    ),
    Use(
        "Cash-Flow Projection",
        "mortgage-prepayment",
        "Expected prepayments in the projection.",
        14,
        80,
        counterfactual=BUY,
    ),
    Use("Digital Advice", "portfolio-suitability", "Propose a model portfolio.", 20, 82),
    Use("Adviser Workbench", "client-attrition", "Weekly list of clients who may leave.", 12, 70),
    Use(
        "Card Servicing",
        "retail-customer-churn",
        "Choose card holders for retention calls.",
        24,
        55,
        counterfactual=BUILD,
    ),
    Use("Card Servicing", "next-best-offer", "Offer shown after log-in.", 30, 75),
    Use(
        "Card Servicing",
        "complaint-routing",
        "Route card complaints.",
        10,
        60,
        counterfactual=WITHOUT,
    ),
    Use(
        "Service Desk",
        "complaint-routing",
        "Route written complaints.",
        36,
        78,
        counterfactual=BUILD,
    ),
    Use(
        "Adviser Workbench",
        "complaint-routing",
        "Route complaints of private clients.",
        5,
        42,
        counterfactual=WITHOUT,
    ),
    Use("Service Desk", "call-volume-forecast", "Plan shifts.", 6, 88),
    Use(
        "Claims Desk",
        "loan-document-type",
        "Sort the pages of claim files; they turned out to be too different from loan files.",
        45,
        88,
        counterfactual=BUILD,
        stopped=34,
    ),
    Use("Claims Desk", "claims-severity", "First reserve of a claim.", 34, 87),
    Use("Claims Desk", "claims-triage", "Lane of a motor claim.", 38, 83),
    Use("Claims Desk", "motor-fraud", "Claims to be read by investigators.", 30, 79),
    Use(
        "Investigator Queue",
        "aml-alert-ranking",
        "Order of the alert queue.",
        28,
        64,
        counterfactual=BUILD,
    ),
    Use(
        "SME Loan Desk",
        "income-verification",
        "Income of sole traders who apply for a company loan.",
        0,
        3,
        counterfactual=BUILD,
        waits=True,
    ),
    Use(
        "SME Loan Desk",
        "complaint-routing",
        "Route complaints of company customers.",
        4,
        20,
        counterfactual=WITHOUT,
    ),
)


def application(name: str) -> Application:
    """The application, created by the person who speaks for it if it is not there yet."""
    known = Application.objects.filter(name=name).first()
    if known:
        return known
    plan = next(one for one in APPLICATIONS if one.name == name)
    team = Team.objects.get(slug=plan.team)
    return actions.create_application(
        person(plan.by),
        team=team,
        name=plan.name,
        environment=plan.environment,
        description=plan.description,
    )


def new_subscription(use: Use) -> Subscription | None:
    """The subscription, made as its people would; None when it is there, or its model cannot be subscribed to yet."""
    model = RegisteredModel.objects.filter(slug=use.slug).first()
    if (
        model is None
        or Subscription.objects.filter(application__name=use.application, model=model).exists()
    ):
        return None
    version = start_version(model, use)
    return subscribed(use, model, version) if version else None


def start_version(model: RegisteredModel, use: Use) -> ModelVersion | None:
    versions = model.versions.filter(state=ModelVersion.State.PUBLISHED, suspended_at=None)
    return (
        versions.filter(number=use.version).first()
        if use.version
        else versions.newest_first().first()
    )


def subscribed(use: Use, model: RegisteredModel, version: ModelVersion) -> Subscription:
    by = person(next(one.by for one in APPLICATIONS if one.name == use.application))
    made = actions.subscribe(
        by,
        application=application(use.application),
        plan=Plan.objects.get(model=model, slug=use.plan),
        purpose=use.purpose,
        version=version,
        version_policy=use.policy or None,
        counterfactual=use.counterfactual,
        expected_calls_a_month=use.daily * 30 or None,
        ends_on=last_day(use),
    )
    if made.state == Subscription.State.PENDING and not use.waits:
        owner = person(models.listing(use.slug).owner)
        made = actions.approve_subscription(owner, made, "Within the intended use; welcome.")
    return made


def last_day(use: Use) -> date | None:
    """Of the access; None: open. It is counted from the present, while the clock stands at the day on which it was asked for."""
    if use.ends_in is None:
        return None
    return timezone.localdate() + timedelta(days=use.since + use.ends_in)


def new_key(made: Subscription) -> str:
    """A key's text; "" while the subscription waits for its owner."""
    if made.state != Subscription.State.ACTIVE:
        return ""
    by = person(next(one.by for one in APPLICATIONS if one.name == made.application.name))
    _, text = actions.create_key(
        by,
        made,
        name="Production" if made.application.environment == "prod" else "Test",
        life=KEY_LIFE,
    )
    return text
