"""Verbs of the inventory: add, change, retire, bring back, match, unmatch, except (docs/inventory.md)."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.models import RegisteredModel
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.decisions import require_reason
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition
from marketplace.insights.inventory.permissions import can_edit, can_keep, can_release
from marketplace.insights.models import ProductionModel, PublicationException
from marketplace.insights.models.inventory import NAME_MAX
from marketplace.notices.actions import notify

KEEPERS = Refusal("Marketplace managers keep the inventory.", ask="the marketplace managers")
NOT_OWN = Refusal(
    "Another marketplace manager decides about your own team's model.",
    ask="another marketplace manager",
)
LONGEST_EXCEPTION = timedelta(days=366)
MOST_MODELS = 20_000
REMINDER_EVERY = timedelta(days=7)
FACTS = (
    "name",
    "description",
    "business_unit",
    "owner_team",
    "owner",
    "risk_tier",
    "in_production_since",
    "registry_name",
)


@transaction.atomic
def add(
    by: User,
    *,
    name: str,
    business_unit: BusinessUnit,
    description: str = "",
    owner_team: Team | None = None,
    owner: User | None = None,
    risk_tier: str = "",
    in_production_since: date | None = None,
    registry_name: str = "",
) -> ProductionModel:
    """Add a model that runs in production. Returns the ProductionModel. Raises NotAllowed, Invalid, RuleError."""
    require(can_keep(by), *KEEPERS)
    if ProductionModel.objects.count() >= MOST_MODELS:
        raise RuleError(f"The inventory holds {MOST_MODELS} models.", remedy="Ask an operator.")
    entry = ProductionModel(
        name=_free_name(name),
        description=description.strip(),
        business_unit=business_unit,
        owner_team=owner_team,
        owner=owner,
        risk_tier=risk_tier,
        in_production_since=in_production_since,
        registry_name=_free_registry_name(registry_name),
    )
    entry.save()
    record(by, "inventory.add", entry, unit=business_unit.slug)
    return entry


@transaction.atomic
def edit(by: User, entry: ProductionModel, **facts: object) -> ProductionModel:
    """Change some of FACTS. Returns the ProductionModel. Raises NotAllowed, Invalid.

    A team changes its own model's facts, but neither hands it to another unit or team nor renames what a registry calls it.
    """
    entry = _locked(entry)
    require(can_edit(by, entry), *KEEPERS)
    if not can_keep(by) and (
        named := {"business_unit", "owner_team", "registry_name"}.intersection(
            name for name, value in facts.items() if getattr(entry, name) != value
        )
    ):
        raise Invalid("Marketplace managers change this.", field=min(named))
    if "name" in facts:
        facts["name"] = _free_name(str(facts["name"]), but=entry)
    if "registry_name" in facts:
        facts["registry_name"] = _free_registry_name(str(facts["registry_name"]), but=entry)
    changed = sorted(
        name for name in FACTS if name in facts and getattr(entry, name) != facts[name]
    )
    for name in changed:
        setattr(entry, name, facts[name])
    if changed:
        entry.save(update_fields=changed)
        record(by, "inventory.edit", entry, changed=changed)
    return entry


@transaction.atomic
def retire(by: User, entry: ProductionModel, reason: str) -> ProductionModel:
    """It runs in production no longer. Raises NotAllowed, Invalid, RuleError, StaleState."""
    require(can_keep(by), *KEEPERS)
    require(can_release(by, entry), *NOT_OWN)
    require_reason(reason, "its owners read it")
    transition(entry, ProductionModel.State.RETIRED)
    record(by, "inventory.retire", entry, reason=reason.strip())
    return entry


@transaction.atomic
def bring_back(by: User, entry: ProductionModel) -> ProductionModel:
    """It runs in production after all, or again. Raises NotAllowed, RuleError, StaleState."""
    require(can_keep(by), *KEEPERS)
    transition(entry, ProductionModel.State.RUNNING)
    record(by, "inventory.bring_back", entry)
    return entry


@transaction.atomic
def match(by: User, entry: ProductionModel, model: RegisteredModel) -> ProductionModel:
    """Confirm that a published listing is this model. Raises NotAllowed, RuleError."""
    require(can_keep(by), *KEEPERS)
    require(can_release(by, entry), *NOT_OWN)
    entry = _locked(entry)
    if model.state != RegisteredModel.State.PUBLISHED:
        raise RuleError(
            f"{model} is not published.", field="model", remedy="Choose a published model."
        )
    entry.published_as, entry.matched_by, entry.matched_at = model, by, timezone.now()
    entry.save(update_fields=["published_as", "matched_by", "matched_at"])
    record(by, "inventory.match", entry, model=model.slug)
    return entry


@transaction.atomic
def unmatch(by: User, entry: ProductionModel, reason: str) -> ProductionModel:
    """The listing is another model after all. Raises NotAllowed, Invalid, RuleError."""
    require(can_keep(by), *KEEPERS)
    require_reason(reason, "who matched it reads it")
    entry = _locked(entry)
    if entry.published_as_id is None:
        raise RuleError(f"{entry} is not matched.", remedy="Reload the page.")
    entry.published_as, entry.matched_by, entry.matched_at = None, None, None
    entry.save(update_fields=["published_as", "matched_by", "matched_at"])
    record(by, "inventory.unmatch", entry, reason=reason.strip())
    return entry


@transaction.atomic
def grant_exception(
    by: User, entry: ProductionModel, *, reason: str, until: date
) -> PublicationException:
    """It need not be published until a day, at most a year ahead. Raises NotAllowed, Invalid, RuleError."""
    require(can_keep(by), *KEEPERS)
    require(can_release(by, entry), *NOT_OWN)
    require_reason(reason, "everybody reads it")
    today = timezone.localdate()
    if not today < until <= today + LONGEST_EXCEPTION:
        raise Invalid(
            "An exception ends after today and within a year.",
            field="until",
            remedy="Grant it again when it ends.",
        )
    entry = _locked(entry)
    live = entry.exceptions.filter(ended_at=None)
    if live.filter(until__gte=today).exists():
        raise RuleError(f"{entry} has an exception.", remedy="End it first.")
    live.update(ended_at=timezone.now())
    granted = PublicationException.objects.create(
        production_model=entry, reason=reason.strip(), until=until, granted_by=by
    )
    record(by, "inventory.except", entry, reason=reason.strip(), until=until.isoformat())
    return granted


@transaction.atomic
def end_exception(by: User, entry: ProductionModel) -> ProductionModel:
    """It is to be published after all. Raises NotAllowed, RuleError."""
    require(can_keep(by), *KEEPERS)
    ended = entry.exceptions.filter(ended_at=None).update(ended_at=timezone.now())
    if not ended:
        raise RuleError(f"{entry} has no exception.", remedy="Reload the page.")
    record(by, "inventory.end_exception", entry)
    return entry


@transaction.atomic
def remind(by: User, entry: ProductionModel) -> ProductionModel:
    """Ask the owners of a model that is missing to publish it, at most once a week. Raises NotAllowed, RuleError."""
    require(can_keep(by), *KEEPERS)
    entry = _locked(entry)
    now = timezone.now()
    published = RegisteredModel.objects.published()
    if not ProductionModel.objects.missing(published, now.date()).filter(pk=entry.pk).exists():
        raise RuleError(f"{entry} is not missing.", remedy="Reload the page.")
    people = owners_of([entry])
    if not people:
        raise RuleError(f"{entry} has no owner.", remedy="Enter its team or its owner first.")
    if entry.reminded_at and entry.reminded_at > now - REMINDER_EVERY:
        raise RuleError("Its owners were reminded within a week.", remedy="Wait, or call them.")
    entry.reminded_at = now
    entry.save(update_fields=["reminded_at"])
    notify(
        people,
        "inventory",
        f"Please publish {entry}",
        body="It runs in production and is not in the catalog: others cannot find it.",
        url=entry.get_absolute_url(),
        key=f"inventory-reminder:{entry.pk}:{now:%G-%V}",
    )
    record(by, "inventory.remind", entry, people=len(people))
    return entry


def owners_of(entries: Iterable[ProductionModel]) -> list[User]:
    """The active people who answer for any of these: owners, and the people of the owner teams."""
    entries = list(entries)
    teams = {entry.owner_team_id for entry in entries} - {None}
    owners = {entry.owner_id for entry in entries} - {None}
    people = User.objects.on_teams(teams) if teams else User.objects.none()
    named = User.objects.filter(pk__in=owners, is_active=True)
    return sorted({*people, *named}, key=lambda person: person.pk)


def _free_name(name: str, but: ProductionModel | None = None) -> str:
    name = names.display_name(name, longest=NAME_MAX)
    others = ProductionModel.objects.exclude(pk=but.pk) if but else ProductionModel.objects.all()
    if others.filter(name__iexact=name).exists():
        raise Invalid("Another production model is called so.", field="name")
    return name


def _free_registry_name(name: str, but: ProductionModel | None = None) -> str:
    name = name.strip()
    others = ProductionModel.objects.exclude(pk=but.pk) if but else ProductionModel.objects.all()
    if name and others.filter(registry_name=name).exists():
        raise Invalid("Another production model has it.", field="registry_name")
    return name


def _locked(entry: ProductionModel) -> ProductionModel:
    rows = ProductionModel.objects.select_for_update(of=("self",))
    return rows.select_related("owner_team", "business_unit", "owner").get(pk=entry.pk)
