"""Proposes spotlights by rule, and the verbs that show, dismiss and end them (docs/adoption.md, "Spotlight")."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from catalog.models import ModelVersion, RegisteredModel
from consumption.models import Subscription
from marketplace.accounts.models import RoleGrant, User
from marketplace.audit.actions import record
from marketplace.core.decisions import Decided, require_reason
from marketplace.core.errors import RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import StaleState, transition
from marketplace.insights.models import HealthScore, ReuseEvent, SignedQuarter, Spotlight

WHO = Refusal(
    "Marketplace managers decide what is in the spotlight.", ask="the marketplace managers"
)
NOT_OWN = "Another marketplace manager decides about your own team's model."
HEALTHY = 80  # of 100
NEW = timedelta(days=30)
SHOWN_DAYS = timedelta(days=14)
MOST_SHOWN = 3
AT_ONCE = 50


def can_decide(user: User, spotlight: Spotlight) -> bool:
    """Marketplace managers who are not on the model's team."""
    is_curator = user.is_active and user.has_role(RoleGrant.Role.CURATOR)
    return is_curator and not user.is_on(spotlight.model.owner_team)


def sweep(today: date) -> int:
    """Propose what the rules find, once for each occasion; end what was shown long enough. Returns how many are new."""
    found = {spotlight.key: spotlight for spotlight in _found(today)}
    there = Spotlight.objects.filter(key__in=found).values_list("key", flat=True)
    made = [found[key] for key in found.keys() - set(there)]
    Spotlight.objects.bulk_create(made, ignore_conflicts=True)
    over = Spotlight.objects.filter(state=Spotlight.State.SHOWN, until__lt=today)
    for spotlight in over.order_by("until")[:AT_ONCE]:
        try:
            transition(spotlight, Spotlight.State.ENDED)
        except StaleState:
            continue
    return len(made)


@transaction.atomic
def show(by: User, spotlight: Spotlight, reason: str) -> Spotlight:
    """Show it on the start page for SHOWN_DAYS. Raises NotAllowed, Invalid, RuleError, StaleState."""
    _require(by, spotlight, reason)
    today = timezone.localdate()
    if (
        Spotlight.objects.filter(state=Spotlight.State.SHOWN, until__gte=today).count()
        >= MOST_SHOWN
    ):
        raise RuleError(f"{MOST_SHOWN} are shown.", remedy="End one first.")
    if spotlight.model.state != RegisteredModel.State.PUBLISHED:
        raise RuleError(
            f"{spotlight.model} is not published any more.", remedy="Choose a published model."
        )
    if spotlight.model.quality_watch_since:
        raise RuleError(
            f"{spotlight.model} is on quality watch.", remedy="Have its late findings mended first."
        )
    decided = Decided.decision(by, reason)
    transition(spotlight, Spotlight.State.SHOWN, until=today + SHOWN_DAYS, **decided)
    record(by, "spotlight.show", spotlight, reason=reason.strip(), model=spotlight.model.slug)
    return spotlight


@transaction.atomic
def dismiss(by: User, spotlight: Spotlight, reason: str) -> Spotlight:
    """Not show it; the occasion is not proposed again. Raises NotAllowed, Invalid, StaleState."""
    _require(by, spotlight, reason)
    transition(spotlight, Spotlight.State.DISMISSED, **Decided.decision(by, reason))
    record(by, "spotlight.dismiss", spotlight, reason=reason.strip(), model=spotlight.model.slug)
    return spotlight


@transaction.atomic
def end(by: User, spotlight: Spotlight) -> Spotlight:
    """Take it off the start page. Raises NotAllowed, StaleState."""
    require(by.is_active and by.has_role(RoleGrant.Role.CURATOR), *WHO)
    transition(spotlight, Spotlight.State.ENDED)
    record(by, "spotlight.end", spotlight, model=spotlight.model.slug)
    return spotlight


def _require(by: User, spotlight: Spotlight, reason: str) -> None:
    require(by.is_active and by.has_role(RoleGrant.Role.CURATOR), *WHO)
    require(can_decide(by, spotlight), NOT_OWN, ask="another marketplace manager")
    require_reason(reason, "the record keeps it")


def _found(today: date) -> list[Spotlight]:
    return [*_new_and_healthy(today), *_first_reuses(today), *_biggest_saving()]


def _presentable() -> "QuerySet[RegisteredModel]":
    """Published models that are not on quality watch."""
    found: QuerySet[RegisteredModel] = RegisteredModel.objects.published()
    return found.filter(quality_watch_since=None)


def _new_and_healthy(today: date) -> Iterator[Spotlight]:
    """Models whose first version is at most NEW old, with a health of HEALTHY or more."""
    since = timezone.now() - NEW
    first = ModelVersion.objects.filter(published_at__isnull=False).values("model")
    young = first.annotate(at=Min("published_at")).filter(at__gte=since).order_by()
    healthy = HealthScore.objects.filter(
        model__in=_presentable().filter(pk__in=young.values("model")),
        score__gte=HEALTHY,
    )
    for health in healthy.select_related("model")[:AT_ONCE]:
        why = f"New, with a health of {health.score} of 100"
        yield _proposed(Spotlight.Rule.NEW, health.model, why)


def _first_reuses(today: date) -> Iterator[Spotlight]:
    """Models that a team of another unit was given access to in the last NEW days, and none before."""
    crosses = Subscription.objects.granted().filter(
        ~Q(application__team__business_unit=F("model__owner_team__business_unit")),
        application__environment="prod",
    )
    first: Any = crosses.values("model").annotate(at=Min("requested_at")).order_by()
    fresh = first.filter(at__gte=timezone.now() - NEW).values("model")
    models = _presentable().filter(pk__in=fresh)
    for model in models.order_by("pk")[:AT_ONCE]:
        yield _proposed(
            Spotlight.Rule.REUSE, model, "Used by another business unit for the first time"
        )


def _biggest_saving() -> Iterator[Spotlight]:
    """The largest line (low estimate) of each of the last four quarters that finance signed. The amount stays in the ledger."""
    for quarter in SignedQuarter.objects.order_by("-quarter")[:4]:
        lines = ReuseEvent.objects.standing().filter(quarter=quarter.quarter, low__gt=0)
        line = lines.select_related("model", "team").order_by("-low", "pk").first()
        if line is not None and _presentable().filter(pk=line.model_id).exists():
            why = f"{quarter.name}: the biggest saving that finance signed, at {line.team}"
            yield _proposed(Spotlight.Rule.SAVING, line.model, why[:200], f":{quarter.name}")


def _proposed(rule: str, model: RegisteredModel, why: str, occasion: str = "") -> Spotlight:
    return Spotlight(rule=rule, model=model, why=why, key=f"{rule}:{model.pk}{occasion}")
