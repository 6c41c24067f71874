"""How risky one use of a model is: the version's answers, with what the consumer says of their own use (docs/access.md)."""

from typing import Any

from catalog.models import ModelVersion
from consumption.models import DataClass
from governance import policies, tiering
from governance.models import TierAssessment
from governance.tiering import Assessment
from marketplace.core.errors import Invalid

# What a consumer answers of their use; the rest of the questionnaire is about the model.
ASKED = ("people", "autonomy", "materiality", "regulated")
# The questionnaire's answer about data.
DATA = {
    DataClass.PUBLIC: "internal",
    DataClass.INTERNAL: "internal",
    DataClass.CONFIDENTIAL: "confidential",
    DataClass.PERSONAL: "personal",
    DataClass.SPECIAL: "special",
}


def checked(use: dict[str, Any]) -> dict[str, str]:
    """The answers to ASKED. Raises Invalid naming the question, also where one of several is missing."""
    if not use:
        return {}
    if unknown := set(use) - set(ASKED):
        raise Invalid(f"Not asked of a use: {', '.join(sorted(unknown))}.", field="use")
    return {name: tiering.QUESTIONS_BY_ID[name].option(use.get(name)).id for name in ASKED}


def answers_of(version: ModelVersion) -> dict[str, Any]:
    """The version's own answers to the whole questionnaire; {} where none were given."""
    assessment = TierAssessment.objects.filter(version=version).order_by("-at", "-id").first()
    return dict(assessment.answers) if assessment else {}


def assess(
    version: ModelVersion, use: dict[str, str], data_class: str
) -> tuple[dict[str, Any], Assessment] | None:
    """The answers about this use and what they mean by the rules in force; None where the use is as the version was assessed.

    use  the answers to ASKED; {}: none differs from the version's.
    """
    own = answers_of(version)
    if not own or not (use or data_class):
        return None
    answers = own | use
    if data_class:
        question = tiering.QUESTIONS_BY_ID["data"]
        order = [option.id for option in question.options]
        answers["data"] = max(own["data"], DATA[DataClass(data_class)], key=order.index)
    return answers, policies.in_force().assess(answers)


def is_above(tier: str, version: ModelVersion) -> bool:
    """Is this tier graver than the one that the version was reviewed for?"""
    own = version.risk_tier or tiering.TIERS[0]
    return tiering.TIERS.index(tier) > tiering.TIERS.index(own)
