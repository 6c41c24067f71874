"""Which rule of the product serves which clause of law, guidance or standard, and where its evidence lies: data. Pure.

The clauses are the product's reading; a person of the company confirms each source (SourceVerification). Not legal advice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where rules come from. prefixes: how the `source` of a point of a checklist begins that names it."""

    id: str
    name: str
    issuer: str
    url: str
    prefixes: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True)
class Control:
    """One clause, what the product does about it, and which evidence shows it (governance.control_evidence)."""

    source: str
    clause: str
    rule: str
    evidence: str


HOUSE = "house"
SOURCES = (
    Source(
        "mrm",
        "Model risk management (SR 26-2, formerly SR 11-7)",
        "Federal Reserve, OCC",
        "https://www.federalreserve.gov/supervisionreg/srletters/srletters.htm",
        ("SR 26-2", "SR 11-7"),
        "SR 26-2 took the place of SR 11-7 on 17 April 2026. It leaves generative models out.",
    ),
    Source(
        "nist-ai-rmf",
        "AI Risk Management Framework 1.0",
        "NIST",
        "https://www.nist.gov/itl/ai-risk-management-framework",
        ("NIST",),
    ),
    Source(
        "eu-ai-act",
        "AI Act, Regulation (EU) 2024/1689",
        "European Union",
        "https://eur-lex.europa.eu/eli/reg/2024/1689/oj",
        ("EU AI Act",),
        "The prohibitions of Article 5 apply. From when the duties of Annex III apply is for legal to confirm.",
    ),
    Source(
        "iso-42001",
        "ISO/IEC 42001:2023, Annex A",
        "ISO, IEC",
        "https://www.iso.org/standard/81230.html",
        ("ISO/IEC 42001", "ISO 42001"),
    ),
    Source(
        "gdpr",
        "GDPR, Regulation (EU) 2016/679",
        "European Union",
        "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
        ("GDPR",),
    ),
    Source(
        "us-fair-decisions",
        "Equal credit and employee selection (Regulation B; 29 CFR 1607)",
        "United States",
        "https://www.ecfr.gov/",
        ("Regulation B", "29 CFR"),
    ),
    Source(
        "owasp",
        "Machine learning, LLM and ASVS lists",
        "OWASP",
        "https://owasp.org/",
        ("OWASP", "ASVS"),
    ),
    Source(HOUSE, "Rules of this company", "", "", ("House rule",)),
)
SOURCES_BY_ID = {source.id: source for source in SOURCES}
CONTROLS = (
    Control(
        "mrm",
        "Model inventory",
        "Every model has one entry with an owner, a tier and its versions",
        "entries",
    ),
    Control(
        "mrm",
        "Materiality and risk rating",
        "Nine answers lead to a tier; floors raise it",
        "assessments",
    ),
    Control(
        "mrm",
        "Documentation",
        "A card that is not complete blocks the version",
        "gate:documentation",
    ),
    Control(
        "mrm",
        "Validation",
        "Somebody outside the team measures each version",
        "decisions:evaluation",
    ),
    Control(
        "mrm",
        "Validation",
        "A measurement is repeated at random each night, and gives the same figures",
        "replays",
    ),
    Control("mrm", "Effective challenge", "Separation of duties at each decision", "decisions"),
    Control(
        "mrm",
        "Outcomes analysis",
        "Better than a naive model on data that the team cannot read",
        "gate:evaluation",
    ),
    Control("mrm", "Ongoing monitoring", "Approvals end and are reviewed again", "renewals"),
    Control(
        "mrm", "Exceptions", "A waiver ends by itself, and another person grants it", "waivers"
    ),
    Control(
        "nist-ai-rmf",
        "GOVERN 1.4",
        "Policies are versioned, with reason and second person",
        "policies",
    ),
    Control("nist-ai-rmf", "GOVERN 2.1", "A role that judges is given by two people", "roles"),
    Control(
        "nist-ai-rmf",
        "MAP 1.1",
        "Intended use and uses out of scope stand on the card",
        "gate:documentation",
    ),
    Control(
        "nist-ai-rmf", "MEASURE 2.5", "Independent evaluation with intervals", "gate:evaluation"
    ),
    Control(
        "nist-ai-rmf", "MEASURE 2.7", "The package is checked without running it", "gate:safety"
    ),
    Control("nist-ai-rmf", "MEASURE 2.11", "Groups of people are compared", "gate:fairness"),
    Control(
        "nist-ai-rmf",
        "MANAGE 1.4",
        "What remains is a condition with an owner and a day",
        "conditions",
    ),
    Control(
        "nist-ai-rmf",
        "MANAGE 2.4",
        "One person stops a version, two let it run again",
        "suspensions",
    ),
    Control("eu-ai-act", "Article 5", "A prohibited practice cannot be submitted", "prohibited"),
    Control(
        "eu-ai-act",
        "Article 9",
        "The tier decides which reviews and checks are needed",
        "assessments",
    ),
    Control("eu-ai-act", "Article 10", "Fairness is measured and judged", "decisions:fairness"),
    Control(
        "eu-ai-act",
        "Article 11, Annex IV",
        "The card, and an evidence pack of each version",
        "packs",
    ),
    Control("eu-ai-act", "Article 12", "A record that nobody can change", "audit"),
    Control(
        "eu-ai-act", "Article 14", "Oversight is asked on the card and judged", "decisions:final"
    ),
    Control("eu-ai-act", "Article 15", "Wrong requests and extremes are tried", "gate:robustness"),
    Control(
        "iso-42001", "A.2.2", "Policies are versioned, with reason and second person", "policies"
    ),
    Control("iso-42001", "A.3.2", "Who holds which role, and who gave it", "roles"),
    Control(
        "iso-42001", "A.5.2", "Nine answers about the effect on people and business", "assessments"
    ),
    Control("iso-42001", "A.6.2.4", "Automatic checks before people review", "gate:run"),
    Control("iso-42001", "A.6.2.7", "The card, complete for its tier", "gate:documentation"),
    Control("iso-42001", "A.6.2.8", "A record that nobody can change", "audit"),
    Control("iso-42001", "A.8.4", "A stop tells consumers at once", "suspensions"),
    Control(
        "gdpr",
        "Article 22",
        "A model that decides alone about people is of high risk",
        "assessments",
    ),
    Control("owasp", "ML06", "Files are read and never executed", "gate:safety"),
)


def source_of(text: str) -> str:
    """The id of the source that a point of a checklist names; HOUSE of one that nobody knows."""
    for source in SOURCES:
        if text.startswith(source.prefixes):
            return source.id
    return HOUSE


def of_checklists(lists: Mapping[str, Iterable[Mapping[str, str]]]) -> list[Control]:
    """The points of the checklists in force as controls: what reviewers answer before they approve."""
    return [
        Control(source_of(point["source"]), point["source"], point["asks"], f"decisions:{kind}")
        for kind, points in lists.items()
        for point in points
    ]
