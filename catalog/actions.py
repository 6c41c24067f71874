"""Verbs of the catalog: register a model, keep its entry, move its alias."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from catalog import search
from catalog.models import Alias, Contribution, ModelVersion, RegisteredModel
from catalog.permissions import can_edit, can_register
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.lib.errors import Invalid, RuleError
from marketplace.lib.guard import require
from marketplace.lib.transitions import transition

SIMILAR_REASON_MIN = 20
EDITABLE_FIELDS = (
    "name", "summary", "description", "limitations", "owner", "support_contact", "support_hours",
    "domain", "capability", "model_type", "tags", "visibility", "similar_reason",
)  # fmt: skip
# What reviewers rely on (docs/amendments.md); from the first submission on these change by an amendment.
REVIEWED_FIELDS = ("name", "summary", "description", "limitations", "domain", "capability", "model_type", "similar_reason")


@transaction.atomic
def register(
    by: User, *, owner_team: Team, name: str, visible_units: Iterable[BusinessUnit] = (), visible_teams: Iterable[Team] = (), **fields: Any
) -> RegisteredModel:
    """Enter a new model as a draft of `owner_team`. Returns the RegisteredModel. Raises NotAllowed, Invalid."""
    require(can_register(by, owner_team), f"Only members of {owner_team} register its models.", ask=f"{owner_team}")
    name = name.strip()
    if RegisteredModel.objects.filter(owner_team=owner_team, name__iexact=name).exists():
        raise Invalid(f"{owner_team} already has a model called {name}.", field="name", remedy="Choose another name.")
    fields.setdefault("owner", by)
    _require_owner(owner_team, fields["owner"])
    model = _create_with_free_slug(name, owner_team=owner_team, created_by=by, **fields)
    model.visible_units.set(visible_units)
    model.visible_teams.set(visible_teams)
    record(by, "model.register", model, team=owner_team.slug)
    return model


def register_after_search(by: User, *, name: str, summary: str, similar_reason: str = "", **fields: Any) -> RegisteredModel:
    """Search before you build: what people enter passes here. Who registers a model like another one says why."""
    seen = RegisteredModel.objects.visible_to(by).published()
    similar = search.similar_to(seen, name, summary, limit=3)
    if similar and len(similar_reason.strip()) < SIMILAR_REASON_MIN:
        names = ", ".join(model.name for model, _ in similar)
        raise Invalid(f"Models like this exist already: {names}.", field="similar_reason", remedy="Say why another one is needed.")
    return register(by, name=name, summary=summary, similar_reason=similar_reason, **fields)


@transaction.atomic
def edit(by: User, model: RegisteredModel, **fields: Any) -> RegisteredModel:
    """Change what the entry says. Unknown fields are a programming error (TypeError).

    Raises NotAllowed, Invalid, and RuleError for a fact that reviewers relied on: that takes an amendment.
    """
    require(can_edit(by, model), f"Only members of {model.owner_team} edit this entry.", ask=str(model.owner_team))
    unknown = fields.keys() - set(EDITABLE_FIELDS)
    if unknown:
        raise TypeError(f"not editable: {sorted(unknown)}")
    if "owner" in fields:
        _require_owner(model.owner_team, fields["owner"])
    _require_not_narrowed(model, fields.get("visibility", model.visibility))
    _require_unreviewed(model, changed_fields(model, fields))
    return _change(by, model, "model.edit", fields)


def amend(by: User, model: RegisteredModel, **facts: Any) -> RegisteredModel:
    """Enter facts whose change was reviewed. Governance calls this when the last reviewer has approved; it checks who may."""
    return _change(by, model, "model.amend", facts)


def changed_fields(model: RegisteredModel, fields: dict[str, Any]) -> list[str]:
    """The names of those `fields` whose value differs from what the entry says now."""
    return [name for name, value in fields.items() if getattr(model, name) != value]


def _change(by: User, model: RegisteredModel, action: str, fields: dict[str, Any]) -> RegisteredModel:
    changed = changed_fields(model, fields)
    for name in changed:
        setattr(model, name, fields[name])
    if changed:
        model.save(update_fields=changed)
        record(by, action, model, fields=changed)
    return model


def _require_unreviewed(model: RegisteredModel, changed: list[str]) -> None:
    reviewed = [name for name in changed if name in REVIEWED_FIELDS]
    if reviewed and model.was_submitted():
        raise RuleError(
            f"Reviewers rely on what {model} says of its {reviewed[0].replace('_', ' ')}: it changes by an amendment, which is reviewed.",
            field=reviewed[0],
            remedy=f"Propose one on the page of the entry, /publish/{model.slug}/entry/, or with POST /api/v1/amendments/.",
        )


@transaction.atomic
def change_visibility(by: User, model: RegisteredModel, visibility: str, *, units: Iterable[BusinessUnit], teams: Iterable[Team]) -> None:
    """Say who may find and subscribe to a model. Whoever narrows it sees first to those who use it (consumption.changes)."""
    require(by.is_system or can_edit(by, model), f"Only members of {model.owner_team} say who may see it.", ask=str(model.owner_team))
    model.visibility = visibility
    model.save(update_fields=["visibility"])
    model.visible_units.set(units)
    model.visible_teams.set(teams)
    record(
        by, "model.visibility", model, visibility=visibility, units=[unit.slug for unit in units], teams=[team.slug for team in teams]
    )  # fmt: skip


def contributed(version: ModelVersion, user: User, kind: str) -> None:
    """Remember that `user` had a hand in `version`: they will not judge it."""
    Contribution.objects.get_or_create(version=version, user=user, kind=kind)


def list_model(by: User, model: RegisteredModel) -> RegisteredModel:
    """Make the entry visible in the catalog; called when its first version is published."""
    if model.state == RegisteredModel.State.PUBLISHED:
        return model
    record(by, "model.list", model)
    return transition(model, RegisteredModel.State.PUBLISHED)


def point_alias(by: User, version: ModelVersion, name: str = Alias.STABLE) -> None:
    """Move an alias of the version's model to it."""
    Alias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
    record(by, "alias.move", version.model, alias=name, to=version.number)


def _require_not_narrowed(model: RegisteredModel, visibility: str) -> None:
    """A draft is nobody's yet. What others may see already is narrowed with notice to those who use it."""
    if visibility in (model.visibility, RegisteredModel.Visibility.ENTERPRISE) or model.state == RegisteredModel.State.DRAFT:
        return
    raise RuleError(
        f"{model} is published: who may use it is narrowed with notice to those who use it now.", field="visibility",
        remedy=f"Propose it at {model.get_absolute_url()}changes/visibility/ or by POST /api/v1/changes/.",
    )  # fmt: skip


def _require_owner(team: Team, owner: User) -> None:
    if not owner.is_on(team):
        raise Invalid(f"{owner} is not on {team}.", field="owner", remedy="Choose one of its members.")


def _create_with_free_slug(name: str, *, owner_team: Team, **fields: Any) -> RegisteredModel:
    """The plain slug, else with the unit's, else counted: silently, because "already taken" would give away a hidden model."""
    base = slugify(name)[:60]
    if not base:
        raise Invalid("A name needs at least one letter or digit.", field="name")
    candidates = [base, f"{base}-{owner_team.business_unit.slug}"[:78], *(f"{base}-{number}" for number in range(2, 50))]
    for slug in candidates:
        try:
            with transaction.atomic():
                return RegisteredModel.objects.create(slug=slug, name=name, owner_team=owner_team, **fields)
        except IntegrityError:
            continue
    raise RuleError("This name is used too often.", field="name", remedy="Choose a more telling name.")
