"""The inventory of models in production: 34 over four business units, and which of them are published."""

from __future__ import annotations

from datetime import date

# name, unit, in production since, slug in the catalog or "" when it is not published
MODELS: tuple[tuple[str, str, date, str], ...] = (
    ("Income verification", "consumer-lending", date(2023, 3, 1), "income-verification"),
    ("Affordability engine", "consumer-lending", date(2022, 9, 1), "affordability"),
    ("Retail PD scorecard", "consumer-lending", date(2019, 5, 1), "default-risk"),
    ("Retail churn", "consumer-lending", date(2021, 2, 1), "retail-customer-churn"),
    ("Next best offer", "consumer-lending", date(2022, 6, 1), "next-best-offer"),
    ("Complaint router", "consumer-lending", date(2024, 1, 1), "complaint-routing"),
    ("Call volume forecast", "consumer-lending", date(2020, 11, 1), "call-volume-forecast"),
    ("AML alert ranking", "consumer-lending", date(2023, 10, 1), "aml-alert-ranking"),
    ("Transaction categoriser", "consumer-lending", date(2024, 6, 1), "transaction-categoriser"),
    ("Application fraud rules score", "consumer-lending", date(2018, 4, 1), ""),
    ("Credit line management", "consumer-lending", date(2021, 8, 1), ""),
    ("Personal loan prepayment", "consumer-lending", date(2022, 1, 1), ""),
    ("Late collections strategy", "consumer-lending", date(2020, 3, 1), ""),
    ("Automated valuation", "mortgage", date(2021, 5, 1), "property-valuation"),
    ("Prepayment and refinance", "mortgage", date(2020, 2, 1), "mortgage-prepayment"),
    ("Loan file page sorter", "mortgage", date(2024, 9, 1), "loan-document-type"),
    ("Flood and climate exposure", "mortgage", date(2023, 7, 1), ""),
    ("Title and deed extraction", "mortgage", date(2024, 4, 1), ""),
    ("Appraisal quality check", "mortgage", date(2022, 12, 1), ""),
    ("Mortgage PD", "mortgage", date(2017, 6, 1), ""),
    ("Portfolio suitability", "wealth-management", date(2022, 10, 1), "portfolio-suitability"),
    ("Client attrition", "wealth-management", date(2023, 1, 1), "client-attrition"),
    ("Fund similarity", "wealth-management", date(2021, 11, 1), ""),
    ("News sentiment", "wealth-management", date(2024, 2, 1), ""),
    ("Retirement income projection", "wealth-management", date(2019, 9, 1), ""),
    ("Company ESG score", "wealth-management", date(2023, 5, 1), ""),
    ("Claims severity", "insurance", date(2020, 7, 1), "claims-severity"),
    ("Motor claims triage", "insurance", date(2022, 3, 1), "claims-triage"),
    ("Motor claims fraud", "insurance", date(2021, 9, 1), "motor-fraud"),
    ("Subrogation finder", "insurance", date(2023, 8, 1), ""),
    ("Vehicle damage from photos", "insurance", date(2024, 5, 1), ""),
    ("Mortality table model", "insurance", date(2016, 1, 1), ""),
    ("Home pricing relativities", "insurance", date(2018, 10, 1), ""),
    ("Medical report summary", "insurance", date(2025, 2, 1), ""),
)

OF_UNIT = {
    "consumer-lending": "credit-risk-analytics",
    "mortgage": "mortgage-analytics",
    "wealth-management": "wealth-research",
    "insurance": "insurance-pricing",
}
OF_MODEL = {
    "Income verification": "lending-ai",
    "Affordability engine": "lending-ai",
    "Retail churn": "customer-insight",
    "Next best offer": "customer-insight",
    "Complaint router": "customer-insight",
    "Application fraud rules score": "fraud-analytics",
    "AML alert ranking": "fraud-analytics",
    "Portfolio suitability": "portfolio-engineering",
    "Claims severity": "claims-analytics",
    "Motor claims triage": "claims-analytics",
    "Motor claims fraud": "claims-analytics",
    "Subrogation finder": "claims-analytics",
    "Vehicle damage from photos": "claims-analytics",
}
OF_NOBODY = ("Title and deed extraction", "Medical report summary")


def owner_of(name: str, unit: str) -> str:
    """The slug of the team that answers for a model; "" where nobody does."""
    return "" if name in OF_NOBODY else OF_MODEL.get(name, OF_UNIT[unit])
