"""Who there is in the demo company: nine business units, their teams, about forty people and their roles.

Plain data. `people.py` writes it into the database.
"""

from __future__ import annotations

from dataclasses import dataclass

# slug, name, had AI before the marketplace
UNITS = (
    ("consumer-lending", "Consumer Lending", True),
    ("mortgage", "Mortgage", True),
    ("wealth-management", "Wealth Management", True),
    ("insurance", "Insurance", True),
    ("payments-and-cards", "Payments and Cards", False),
    ("commercial-banking", "Commercial Banking", False),
    ("treasury-and-finance", "Treasury and Finance", False),
    ("risk-and-compliance", "Risk and Compliance", False),
    ("group-operations", "Group Operations", False),
)


@dataclass(frozen=True)
class DemoTeam:
    """A team, its unit by slug, whether it builds models, and its cost centre."""

    slug: str
    name: str
    unit: str
    is_ai_team: bool
    cost_centre: str


TEAMS = (
    DemoTeam("lending-ai", "Lending AI", "consumer-lending", True, "CL-410"),
    DemoTeam("credit-risk-analytics", "Credit Risk Analytics", "consumer-lending", True, "CL-420"),
    DemoTeam("customer-insight", "Customer Insight", "consumer-lending", True, "CL-430"),
    DemoTeam("fraud-analytics", "Fraud Analytics", "consumer-lending", True, "CL-440"),
    DemoTeam("lending-underwriting", "Lending Underwriting", "consumer-lending", False, "CL-110"),
    DemoTeam("mortgage-analytics", "Mortgage Analytics", "mortgage", True, "MO-410"),
    DemoTeam("mortgage-origination", "Mortgage Origination", "mortgage", False, "MO-110"),
    DemoTeam("portfolio-engineering", "Portfolio Engineering", "wealth-management", True, "WM-410"),
    DemoTeam("wealth-research", "Wealth Research", "wealth-management", True, "WM-420"),
    DemoTeam("client-advice", "Client Advice", "wealth-management", False, "WM-110"),
    DemoTeam("wealth-operations", "Wealth Operations", "wealth-management", False, "WM-120"),
    DemoTeam("claims-analytics", "Claims Analytics", "insurance", True, "IN-410"),
    DemoTeam("insurance-pricing", "Insurance Pricing", "insurance", True, "IN-420"),
    DemoTeam("claims-operations", "Claims Operations", "insurance", False, "IN-110"),
    DemoTeam("cards-servicing", "Cards Servicing", "payments-and-cards", False, "PC-110"),
    DemoTeam("sme-lending", "SME Lending", "commercial-banking", False, "CB-110"),
    DemoTeam("balance-sheet", "Balance-Sheet Management", "treasury-and-finance", False, "TF-110"),
    DemoTeam("finance-control", "Finance Control", "treasury-and-finance", False, "TF-120"),
    DemoTeam("model-risk", "Model Risk", "risk-and-compliance", False, "RC-110"),
    DemoTeam(
        "legal-and-compliance", "Legal and Compliance", "risk-and-compliance", False, "RC-120"
    ),
    DemoTeam(
        "financial-crime-operations",
        "Financial-Crime Operations",
        "risk-and-compliance",
        False,
        "RC-130",
    ),
    DemoTeam("internal-audit", "Internal Audit", "risk-and-compliance", False, "RC-140"),
    DemoTeam("contact-centre", "Contact Centre", "group-operations", False, "GO-110"),
    DemoTeam("platform-operations", "Platform Operations", "group-operations", False, "GO-120"),
    DemoTeam("information-security", "Information Security", "group-operations", False, "GO-130"),
    DemoTeam("marketplace-office", "Marketplace Office", "group-operations", False, "GO-140"),
)


@dataclass(frozen=True)
class Person:
    """An employee: one team or none, marketplace roles or none."""

    username: str
    name: str
    title: str
    team: str = ""
    lead: bool = False
    roles: tuple[str, ...] = ()


PEOPLE = (
    Person("alice", "Alice Moreau", "Lead data scientist", "lending-ai", True),
    Person("bob", "Bob Achterberg", "Data scientist", "lending-ai"),
    Person("dana", "Dana Whitfield", "Head of credit risk models", "credit-risk-analytics", True),
    Person("erik", "Erik Sandoval", "Credit risk modeller", "credit-risk-analytics"),
    Person("farah", "Farah Nasser", "Customer insight lead", "customer-insight", True),
    Person("goran", "Goran Petrovic", "Data scientist", "customer-insight"),
    Person("nadia", "Nadia Okafor", "Fraud analytics lead", "fraud-analytics", True),
    Person("oscar", "Oscar Lindqvist", "Data scientist", "fraud-analytics"),
    Person("uma", "Uma Reddy", "Head of underwriting", "lending-underwriting", True),
    Person("hanna", "Hanna Koch", "Mortgage analytics lead", "mortgage-analytics", True),
    Person("ivan", "Ivan Duarte", "Data scientist", "mortgage-analytics"),
    Person(
        "maya",
        "Maya Castellanos",
        "Product owner, mortgage origination",
        "mortgage-origination",
        True,
    ),
    Person("milo", "Milo Andersson", "Software engineer", "mortgage-origination"),
    Person("jonas", "Jonas Becker", "Quantitative analyst", "portfolio-engineering", True),
    Person("klara", "Klara Svensson", "Quantitative analyst", "portfolio-engineering"),
    Person("yusuf", "Yusuf Demir", "Research analyst", "wealth-research", True),
    Person("wendy", "Wendy Blackwood", "Head of client advice", "client-advice", True),
    Person("walt", "Walt Jimenez", "Software engineer", "client-advice"),
    Person("xenia", "Xenia Pappas", "Wealth operations manager", "wealth-operations", True),
    Person("lena", "Lena Fischer", "Claims analytics lead", "claims-analytics", True),
    Person("marco", "Marco Rinaldi", "Actuarial data scientist", "claims-analytics"),
    Person("petra", "Petra Novak", "Pricing actuary", "insurance-pricing", True),
    Person("quinn", "Quinn Abara", "Claims operations manager", "claims-operations", True),
    Person("zoe", "Zoe Marchetti", "Cards product manager", "cards-servicing", True),
    Person("pavel", "Pavel Horak", "SME credit officer", "sme-lending", True),
    Person("bettina", "Bettina Vogel", "Asset-liability manager", "balance-sheet", True),
    Person("theo", "Theo Lindgren", "Treasurer", "balance-sheet", True),
    Person("finn", "Finn Gallagher", "Finance controller", "finance-control", True, ("finance",)),
    Person(
        "rita",
        "Rita Salazar",
        "Head of model governance",
        "model-risk",
        True,
        ("governance_lead", "model_risk_officer"),
    ),
    Person(
        "ralf", "Ralf Hagen", "Model risk officer", "model-risk", False, ("model_risk_officer",)
    ),
    Person(
        "eva", "Eva Lindholm", "Independent model evaluator", "model-risk", False, ("evaluator",)
    ),
    Person(
        "edgar", "Edgar Mbeki", "Independent model evaluator", "model-risk", False, ("evaluator",)
    ),
    Person(
        "faye",
        "Faye Nakamura",
        "Responsible AI reviewer",
        "model-risk",
        False,
        ("fairness_reviewer",),
    ),
    Person(
        "leo",
        "Leo Tremblay",
        "Counsel, data and AI",
        "legal-and-compliance",
        True,
        ("legal_reviewer",),
    ),
    Person(
        "tara",
        "Tara Singh",
        "Head of financial-crime operations",
        "financial-crime-operations",
        True,
    ),
    Person("vera", "Vera Kowalski", "Internal auditor", "internal-audit", True, ("auditor",)),
    Person("ursula", "Ursula Brandt", "Contact-centre manager", "contact-centre", True),
    Person("otto", "Otto Weiss", "Platform operator", "platform-operations", True, ("operator",)),
    Person("ada", "Ada Nwosu", "Platform administrator", "platform-operations", False, ("admin",)),
    Person(
        "sam",
        "Sam Ortega",
        "Application security engineer",
        "information-security",
        True,
        ("security_reviewer",),
    ),
    Person("mona", "Mona Laurent", "Marketplace manager", "marketplace-office", True, ("curator",)),
    Person("cleo", "Cleo Harrington", "Chief executive", roles=("executive",)),
    Person("charlie", "Charlie Stone", "Branch adviser"),
)

# role in the demo → (username, what this person shows); the buttons of the sign-in page, in this order
LOGINS = {
    "publisher": ("alice", "Publishes income verification for consumer lending"),
    "reviewer": ("rita", "Gives the final approval from the review queue"),
    "consumer": ("maya", "Finds models for mortgage, makes keys, watches usage"),
    "manager": ("mona", "Runs the marketplace: curation, quality, growth"),
    "evaluator": ("eva", "Evaluates models independently of their makers"),
    "fairness": ("faye", "Reviews fairness for people affected"),
    "security": ("sam", "Reviews the safety of packages"),
    "legal": ("leo", "Reviews lawfulness and limits of use"),
    "operator": ("otto", "Operates hosting and the gateway"),
    "finance": ("finn", "Sees usage and cost of every unit"),
    "executive": ("cleo", "Sees adoption and value"),
    "auditor": ("vera", "Reads everything, changes nothing"),
    "admin": ("ada", "Supports people and teams"),
    "wealth": ("wendy", "Uses three models without data scientists"),
    "employee": ("charlie", "Browses the catalog, on no team"),
}

DOMAINS = (
    "Consumer Lending",
    "Mortgage",
    "Wealth Management",
    "Insurance",
    "Payments",
    "Commercial Banking",
    "Treasury",
    "Compliance",
    "Customer Analytics",
    "Operations",
)
CAPABILITIES = (
    "Verification",
    "Scoring",
    "Classification",
    "Regression",
    "Forecasting",
    "Ranking",
    "Recommendation",
    "Anomaly Detection",
    "Document Understanding",
    "NLP",
)
MODEL_TYPES = (
    "Binary classification",
    "Multiclass classification",
    "Regression",
    "Text classification",
)
