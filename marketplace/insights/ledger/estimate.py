"""What a line begins with before anybody said more: how large the work would have been, the record of the search, what was booked."""

from decimal import Decimal

from django.db.models import Sum

from catalog.models import RegisteredModel, ReuseDecision, SearchRecord
from consumption.models import Application, Subscription
from marketplace.accounts.models import Team
from marketplace.insights.ledger import sizing
from marketplace.insights.models import EffortKind, PublishingEffort

TEXTS = ("text", "document", "nlp", "language", "forecast", "series")
GENERATED = ("generat", "image", "speech", "vision")


def complexity_of(subscription: Subscription) -> dict[str, str]:
    """Answers to sizing.QUESTIONS from the facts of a model and its use; whoever confirms the line corrects them."""
    model, version = subscription.model, subscription.pinned_version
    kind = f"{model.model_type.slug} {model.capability.slug}"
    systems = Application.objects.filter(
        team=subscription.application.team,
        environment=Application.Environment.PROD,
        subscriptions__model=model,
    )
    return {
        "sources": sizing.inputs_answer(len((version.signature or {}).get("inputs", []))),
        "task": _task(kind),
        "integrations": sizing.systems_answer(systems.distinct().count()),
        "regulated": _regulated(subscription.use.get("regulated", "")),
        "labels": "none" if "anomaly" in kind else "there",
    }


def _task(kind: str) -> str:
    if any(word in kind for word in GENERATED):
        return "generative"
    return "text" if any(word in kind for word in TEXTS) else "tabular"


def _regulated(answer: str) -> str:
    if answer in ("", "none"):
        return "no"
    return "eligibility" if answer == "eligibility" else "process"


def record_of(team: Team, model: RegisteredModel) -> SearchRecord | None:
    """The team's newest decision to reuse this model."""
    return (
        SearchRecord.objects.filter(
            team=team, chosen=model, state=SearchRecord.State.DECIDED, decision=ReuseDecision.REUSE
        )
        .order_by("-decided_at")
        .first()
    )


def booked_cost(model: RegisteredModel) -> Decimal | None:
    """What building the model took its owners, USD, if they logged it."""
    efforts = PublishingEffort.objects.filter(model=model, kind=EffortKind.BUILD)
    return efforts.aggregate(sum=Sum("amount"))["sum"]
