"""Verbs of ratings: rate, answer (docs/feedback.md, "Ratings")."""

from decimal import ROUND_HALF_EVEN, Decimal

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Application, BatchEvaluation, Rating, RatingEdition, UsageDay
from consumption.models.ratings import LEAST_CALLS
from consumption.permissions import can_answer, can_rate
from marketplace.accounts.models import Team, User
from marketplace.audit.actions import record
from marketplace.core.decisions import REASON_MIN
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.notices.actions import notify

PRIOR_MEAN, PRIOR_WEIGHT = Decimal("3.5"), 5
HUNDREDTH = Decimal("0.01")


@transaction.atomic
def rate(by: User, model: RegisteredModel, *, team: Team, stars: int, text: str) -> Rating:
    """Say what a team thinks of a model that it uses; again: the new words count, the earlier ones stay to be read.

    Raises NotAllowed, Invalid, and RuleError before the team has made LEAST_CALLS production calls, or evaluated it on own rows.
    """
    require(
        can_rate(by, model, team),
        f"{team} rates what it uses, by one of its members.",
        ask=str(team),
    )
    require_fields(Rating, stars=stars, text=text)
    if len(text.strip()) < REASON_MIN:
        raise Invalid(f"Say why in at least {REASON_MIN} characters.", field="text")
    calls, called = calls_of(team, model)
    version = called if calls >= LEAST_CALLS else tried(team, model)
    if version is None:
        raise RuleError(
            f"{team} has made {calls:,} production calls that {model} answered; a rating takes {LEAST_CALLS}.",
            field="team",
            remedy="Use it, or evaluate it on your own rows, first.",
        )
    RegisteredModel.objects.select_for_update().get(pk=model.pk)  # one writer of the mean
    words = {"stars": stars, "text": text.strip(), "version": version, "calls": calls}
    rating, is_new = Rating.objects.update_or_create(
        model=model,
        team=team,
        defaults=words | {"written_by": by, "written_at": timezone.now()},
    )
    edition = RatingEdition.objects.create(rating=rating, by=by, **words)
    _write_mean(model)
    record(by, "rating.write" if is_new else "rating.edit", rating, stars=stars, team=team.slug)
    notify(
        User.objects.on_teams([model.owner_team]),
        "rating",
        f"{team} rates {model} with {stars} of 5",
        body=rating.text,
        url=f"{model.get_absolute_url()}ratings/#rating-{rating.pk}",
        key=f"rating:{edition.pk}",
        teams=[model.owner_team],
        model=model.slug,
    )
    return rating


@transaction.atomic
def answer_rating(by: User, rating: Rating, text: str) -> Rating:
    """The publisher's one answer. Raises NotAllowed, Invalid, RuleError."""
    rating = (
        Rating.objects.select_for_update(of=("self",)).select_related("model").get(pk=rating.pk)
    )
    require(
        can_answer(by, rating.model),
        f"{rating.model.owner_team} answers about its models.",
        ask=str(rating.model.owner_team),
    )
    if rating.answer:
        raise RuleError("It is answered already.", remedy="Reload the page.")
    if not text.strip():
        raise Invalid("Write your answer.", field="text")
    rating.answer, rating.answered_by, rating.answered_at = text.strip(), by, timezone.now()
    rating.save(update_fields=["answer", "answered_by", "answered_at"])
    record(by, "rating.answer", rating)
    notify(
        User.objects.on_teams([rating.team]),
        "rating",
        f"{rating.model.owner_team} answers your rating of {rating.model}",
        body=rating.answer,
        url=f"{rating.model.get_absolute_url()}ratings/#rating-{rating.pk}",
        key=f"rating-answer:{rating.pk}",
        teams=[rating.team],
        model=rating.model.slug,
    )
    return rating


def calls_of(team: Team, model: RegisteredModel) -> tuple[int, ModelVersion | None]:
    """(production calls that the model answered to the team, the version that it called most in its newest 30 days of use)."""
    days = UsageDay.objects.filter(
        team=team,
        version__model=model,
        subscription__application__environment=Application.Environment.PROD,
    )
    total = days.aggregate(total=Sum("ok"))["total"] or 0
    newest = list(days.order_by("-day").values_list("day", flat=True).distinct()[:30])
    by_version = days.filter(day__in=newest).values("version").annotate(total=Sum("ok"))
    most = by_version.order_by("-total", "-version").first()
    version = ModelVersion.objects.get(pk=most["version"]) if most else None
    return total, version


def tried(team: Team, model: RegisteredModel) -> ModelVersion | None:
    """The version that the team evaluated last on rows of its own; None before."""
    runs = BatchEvaluation.objects.filter(
        team=team, state=BatchEvaluation.State.SUCCEEDED, versions__model=model
    )
    newest = runs.order_by("-pk").first()
    tested = ModelVersion.objects.filter(model=model, batch_entries__evaluation=newest)
    return tested.newest_first().first() if newest else None


def bayesian_mean(total: int, count: int) -> Decimal | None:
    """The mean of `count` ratings that add up to `total`, drawn to PRIOR_MEAN as by PRIOR_WEIGHT more; None without one."""
    if not count:
        return None
    mean = (PRIOR_MEAN * PRIOR_WEIGHT + total) / (PRIOR_WEIGHT + count)
    return mean.quantize(HUNDREDTH, ROUND_HALF_EVEN)


def _write_mean(model: RegisteredModel) -> None:
    sums = Rating.objects.filter(model=model).aggregate(total=Sum("stars"), count=Count("pk"))
    mean = bayesian_mean(sums["total"] or 0, sums["count"])
    RegisteredModel.objects.filter(pk=model.pk).update(rating_mean=mean, rating_count=sums["count"])
