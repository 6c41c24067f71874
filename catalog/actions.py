"""Verbs of the catalog: register a model, keep its entry, move its alias."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from catalog import need_actions, search, search_records
from catalog.models import Alias, Contribution, ModelVersion, RegisteredModel, SearchRecord
from catalog.permissions import can_edit, can_register
from catalog.term_actions import require_current_terms
from marketplace.accounts.models import BusinessUnit, Team, User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.background import enqueue
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import require
from marketplace.core.transitions import transition
from marketplace.notices.actions import notify

SIMILAR_REASON_MIN = 20
NAME_KEYS = ("name_key", "name_shape")
SLUG_MAX = 60  # characters; a suffix may follow
SLUG_TRIES = 20
CURATORS = "the marketplace managers"
EDITABLE_FIELDS = (
    "name",
    "summary",
    "description",
    "limitations",
    "owner",
    "support_contact",
    "support_hours",
    "domain",
    "capability",
    "model_type",
    "tags",
    "visibility",
    "similar_reason",
    "search_record",
)
SUPPORT_FIELDS = ("support_contact", "support_hours")
# What reviewers rely on (docs/amendments.md); from the first submission on these change by an amendment.
REVIEWED_FIELDS = (
    "name",
    "summary",
    "description",
    "limitations",
    "domain",
    "capability",
    "model_type",
    "similar_reason",
)


@transaction.atomic
def register(
    by: User,
    *,
    owner_team: Team,
    name: str,
    slug: str = "",
    is_slug_fixed: bool = False,
    visible_units: Iterable[BusinessUnit] = (),
    visible_teams: Iterable[Team] = (),
    **fields: Any,
) -> RegisteredModel:
    """Enter a new model as a draft of `owner_team`. Returns the RegisteredModel. Raises NotAllowed, Invalid.

    slug  the address that is wished for, a–z, 0–9 and hyphens; by default made from the name. Where another model has it,
          the new one gets a suffix, unless `is_slug_fixed`.
    """
    require(
        can_register(by, owner_team),
        f"Only members of {owner_team} register its models.",
        ask=f"{owner_team}",
    )
    name = names.display_name(name, longest=RegisteredModel.NAME_MAX)
    visibility = fields.setdefault("visibility", RegisteredModel.Visibility.ENTERPRISE)
    _require_free_name(by, name, owner_team, visibility)
    fields.setdefault("owner", by)
    _require_owner(owner_team, fields["owner"])
    require_current_terms(fields)
    _require_own_search(owner_team, fields.get("search_record"))
    fields |= {"name": name, "owner_team": owner_team, "created_by": by}
    base = _wished_slug(name, slug)
    model = _create_at(base, **fields) if is_slug_fixed else _create_with_free_slug(base, **fields)
    model.visible_units.set(visible_units)
    model.visible_teams.set(visible_teams)
    record(by, "model.register", model, team=owner_team.slug)
    _link_demand(by, model)
    enqueue("governance.find_cases_of", model.pk)
    return model


def register_after_search(
    by: User, *, name: str, summary: str, similar_reason: str = "", **fields: Any
) -> RegisteredModel:
    """Search before you build: what people enter passes here. Who registers a model like another one says why."""
    require_fields(RegisteredModel, name=name, summary=summary, similar_reason=similar_reason)
    seen = RegisteredModel.objects.visible_to(by).published()
    similar = [
        alike
        for alike in search.similar_to(seen, name, summary, limit=3)
        if alike.score >= search.SIMILAR_ENOUGH
    ]
    if similar and len(similar_reason.strip()) < SIMILAR_REASON_MIN:
        names = ", ".join(alike.model.name for alike in similar)
        raise Invalid(
            f"Models like this exist already: {names}.",
            field="similar_reason",
            remedy="Say why another one is needed.",
        )
    return register(by, name=name, summary=summary, similar_reason=similar_reason, **fields)


@transaction.atomic
def put_entry(
    by: User, slug: str, *, owner_team: Team, **fields: Any
) -> tuple[RegisteredModel, bool]:
    """Register a model at exactly this address, or let the entry there say this. Returns (RegisteredModel, is it new?).

    The same again changes nothing. Raises NotAllowed, Invalid, and RuleError as `edit` does.
    """
    model = RegisteredModel.objects.visible_to(by).filter(slug=slug).first()
    if model is None:
        if fields.get("visibility", RegisteredModel.Visibility.ENTERPRISE) != "enterprise":
            raise Invalid(
                "A model that not everybody may see gets its address from the marketplace.",
                field="visibility",
                remedy="Register it with POST /api/v1/models/, then use the address in the answer.",
            )
        fields |= {"owner_team": owner_team, "slug": slug, "is_slug_fixed": True}
        return register_after_search(by, **fields), True
    model = edit(by, model, **fields)
    if model.owner_team != owner_team:
        raise Invalid(f"{model} belongs to {model.owner_team}.", field="owner_team")
    return model, False


@transaction.atomic
def edit(by: User, model: RegisteredModel, **fields: Any) -> RegisteredModel:
    """Change what the entry says. Unknown fields are a programming error (TypeError).

    Raises NotAllowed, Invalid, and RuleError for a fact that reviewers relied on: that takes an amendment.
    """
    require(
        can_edit(by, model),
        f"Only members of {model.owner_team} edit this entry.",
        ask=str(model.owner_team),
    )
    unknown = fields.keys() - set(EDITABLE_FIELDS)
    if unknown:
        raise TypeError(f"not editable: {sorted(unknown)}")
    if "owner" in fields:
        _require_owner(model.owner_team, fields["owner"])
    require_current_terms(fields, model)
    if "search_record" in changed_fields(model, fields):
        _require_own_search(model.owner_team, fields["search_record"])
    fields = checked_names(by, model, fields)
    _require_not_narrowed(model, fields.get("visibility", model.visibility))
    _require_unreviewed(model, changed_fields(model, fields))
    support = {name for name in SUPPORT_FIELDS if name in changed_fields(model, fields)}
    _change(by, model, "model.edit", fields)
    if support:
        _notify_of_support(model)
    return model


def _notify_of_support(model: RegisteredModel) -> None:
    """Subscribers learn at once whom to ask now, and when."""
    teams = model.subscriptions.granted().values("application__team")
    hours = f" Hours: {model.support_hours}." if model.support_hours else " No hours are declared."
    notify(
        User.objects.on_teams(teams),
        "change",
        f"{model} is supported differently",
        body=f"Contact: {model.support_contact}.{hours}",
        url=model.get_absolute_url(),
        key=f"support:{model.pk}:{timezone.now().isoformat()}",
        model=model.slug,
        teams=teams.values_list("application__team", flat=True),
    )


def amend(by: User, model: RegisteredModel, **facts: Any) -> RegisteredModel:
    """Enter facts whose change was reviewed. Governance calls this when the last reviewer has approved; it checks who may."""
    return _change(by, model, "model.amend", checked_names(by, model, facts))


@transaction.atomic
def hand_over(
    by: User, model: RegisteredModel, *, owner_team: Team, owner: User, support_contact: str
) -> RegisteredModel:
    """Give a model to another owner, of another team too. Whoever calls it has two people's word for it. Raises Invalid.

    Its own subscribers learn whom to ask now.
    """
    _require_owner(owner_team, owner)
    if owner_team != model.owner_team:
        _require_free_name(by, model.name, owner_team, model.visibility, except_model=model)
        _remember_owners(model)
    fields = {"owner_team": owner_team, "owner": owner, "support_contact": support_contact}
    _change(by, model, "model.hand_over", fields)
    _notify_of_support(model)
    return model


def changed_fields(model: RegisteredModel, fields: dict[str, Any]) -> list[str]:
    """The names of those `fields` whose value differs from what the entry says now."""
    return [name for name, value in fields.items() if getattr(model, name) != value]


def checked_names(by: User, model: RegisteredModel, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with the name as it is kept. Raises Invalid when it, or the name in a wider visibility, is another model's."""
    if "name" in fields:
        fields = fields | {
            "name": names.display_name(fields["name"], longest=RegisteredModel.NAME_MAX)
        }
    if {"name", "visibility"} & set(changed_fields(model, fields)):
        wished = {"name": model.name, "visibility": model.visibility} | fields
        _require_free_name(
            by, wished["name"], model.owner_team, wished["visibility"], except_model=model
        )
    return fields


def _change(
    by: User, model: RegisteredModel, action: str, fields: dict[str, Any]
) -> RegisteredModel:
    changed = changed_fields(model, fields)
    for name in changed:
        setattr(model, name, fields[name])
    if changed:
        _save_entry(model, [*changed, *NAME_KEYS] if "name" in changed else changed)
        record(by, action, model, fields=changed)
        enqueue("catalog.find_neighbours", model.pk)
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
def change_visibility(
    by: User,
    model: RegisteredModel,
    visibility: str,
    *,
    units: Iterable[BusinessUnit],
    teams: Iterable[Team],
) -> None:
    """Say who may find and subscribe to a model. Whoever narrows it sees first to those who use it (consumption.changes.actions)."""
    require(
        by.is_system or can_edit(by, model),
        f"Only members of {model.owner_team} say who may see it.",
        ask=str(model.owner_team),
    )
    model.visibility = visibility
    model.save(update_fields=["visibility"])
    model.visible_units.set(units)
    model.visible_teams.set(teams)
    record(
        by,
        "model.visibility",
        model,
        visibility=visibility,
        units=[unit.slug for unit in units],
        teams=[team.slug for team in teams],
    )


def contributed(version: ModelVersion, user: User, kind: str) -> None:
    """Remember that `user` had a hand in `version`: they will not judge it."""
    Contribution.objects.get_or_create(version=version, user=user, kind=kind)


def _remember_owners(model: RegisteredModel) -> None:
    """Who was on the team that gives the model away, at any time since a version was made, will not judge that version."""
    members = list(model.owner_team.memberships.values_list("user_id", "left_at"))
    Contribution.objects.bulk_create(
        [
            Contribution(version=version, user_id=user, kind=Contribution.Kind.OWNED)
            for version in model.versions.all()
            for user, left in members
            if left is None or left >= version.created_at
        ],
        ignore_conflicts=True,
    )


def list_model(by: User, model: RegisteredModel) -> RegisteredModel:
    """Make the entry visible in the catalog; called when its first version is published."""
    if model.state == RegisteredModel.State.PUBLISHED:
        return model
    record(by, "model.list", model)
    enqueue("catalog.find_neighbours", model.pk)
    enqueue("governance.find_cases_of", model.pk)
    transition(model, RegisteredModel.State.PUBLISHED)
    need_actions.meet_needs(by, model)
    return model


def point_alias(by: User, version: ModelVersion, name: str = Alias.STABLE) -> None:
    """Move an alias of the version's model to it."""
    Alias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
    record(by, "alias.move", version.model, alias=name, to=version.number)


def _require_not_narrowed(model: RegisteredModel, visibility: str) -> None:
    """A draft is nobody's yet. What others may see already is narrowed with notice to those who use it."""
    if (
        visibility in (model.visibility, RegisteredModel.Visibility.ENTERPRISE)
        or model.state == RegisteredModel.State.DRAFT
    ):
        return
    raise RuleError(
        f"{model} is published: who may use it is narrowed with notice to those who use it now.",
        field="visibility",
        remedy=f"Propose it at {model.get_absolute_url()}changes/visibility/ or by POST /api/v1/changes/.",
    )


def _require_own_search(team: Team, searched: SearchRecord | None) -> None:
    """A record that a model names is its team's, says that something is built, and holds (docs/search-before-build.md)."""
    if searched is None:
        return
    if searched.team_id != team.pk or not searched.may_be_built:
        raise Invalid(
            f"{searched} is no decision of {team} to build.",
            field="search_record",
            remedy="Name a record of the same team that says build or extend.",
        )
    for fault in search_records.verify(searched).faults:
        raise Invalid(fault.text, field="search_record")


def _link_demand(by: User, model: RegisteredModel) -> None:
    """What the team recorded as a need before it built is met by this model once it is published."""
    demand = model.search_record.demand if model.search_record else None
    if demand is not None and demand.is_waiting and demand.model is None:
        need_actions.link_model(by, demand, model)


def _require_owner(team: Team, owner: User) -> None:
    if not owner.is_on(team):
        raise Invalid(
            f"{owner} is not on {team}.", field="owner", remedy="Choose one of its members."
        )


def _require_free_name(
    by: User, name: str, team: Team, visibility: str, except_model: RegisteredModel | None = None
) -> None:
    """No two models that anybody sees side by side have names that one takes for each other.

    A model that `by` may not see is not told of: of those, only the ones for the whole company keep their names (docs/names.md).
    """
    alike = RegisteredModel.objects.called_like(name).exclude(
        pk=except_model.pk if except_model else None
    )
    existing = alike.filter(
        Q(owner_team=team) | Q(pk__in=RegisteredModel.objects.visible_to(by).values("pk"))
    ).first()
    if existing:
        what = "called" if existing.name == name else "whose name reads the same:"
        raise Invalid(
            f"{existing.owner_team} already has a model {what} {existing.name}.",
            field="name",
            remedy="Choose another name.",
        )
    if (
        visibility == RegisteredModel.Visibility.ENTERPRISE
        and alike.filter(visibility=visibility).exists()
    ):
        raise _name_is_kept()


def _name_is_kept() -> Invalid:
    return Invalid(
        "This name is kept for another model.",
        field="name",
        remedy="Choose another name.",
        ask=CURATORS,
    )


def _wished_slug(name: str, slug: str) -> str:
    """The base of the address. Raises Invalid when one is needed, or not well-formed."""
    if slug and (len(slug) > SLUG_MAX or not names.SLUG.fullmatch(slug)):
        raise Invalid(
            f"An address has at most {SLUG_MAX} of a–z, 0–9 and single hyphens between them.",
            field="slug",
            remedy="For example credit-scoring.",
        )
    made = slug or names.slug(name, longest=SLUG_MAX)
    if not made:
        raise Invalid(
            "No address can be made from this name.",
            field="slug",
            remedy="Give one in a–z, 0–9 and hyphens, for example credit-scoring.",
        )
    return made


def _create_at(slug: str, **fields: Any) -> RegisteredModel:
    """The model at this address and no other. Raises Invalid when it is taken, also by a model that `by` may not see."""
    model = RegisteredModel(slug=slug, **fields)
    if RegisteredModel.objects.filter(slug=slug).exists() or not _save_entry(model):
        raise Invalid(
            "This address is kept for another model.",
            field="slug",
            remedy="Choose another address.",
            ask=CURATORS,
        )
    return model


def _create_with_free_slug(
    base: str, *, owner_team: Team, visibility: str, **fields: Any
) -> RegisteredModel:
    """The plain slug, else with the unit's, else at random. A model that not everybody may see has a random one from the start:
    so it takes no address away, and nobody who gets a suffix learns of it."""
    random_slugs = (f"{base}-{names.random_suffix()}" for _ in range(SLUG_TRIES))
    is_open = visibility == RegisteredModel.Visibility.ENTERPRISE
    readable = [base, f"{base}-{owner_team.business_unit.slug}"[:78]] if is_open else []
    for slug in (*readable, *random_slugs):
        if not RegisteredModel.objects.filter(slug=slug).exists():
            model = RegisteredModel(
                slug=slug, owner_team=owner_team, visibility=visibility, **fields
            )
            if _save_entry(model):
                return model
    raise RuleError(
        "This name is used too often.", field="name", remedy="Choose a more telling name."
    )


def _save_entry(model: RegisteredModel, update_fields: list[str] | None = None) -> bool:
    """Save; False when somebody took the slug at the same moment. Raises Invalid when somebody took the name."""
    try:
        with transaction.atomic():
            model.save(update_fields=update_fields)
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", ""))
        if constraint.startswith("model_name_"):
            raise _name_is_kept() from None
        if "slug" in constraint:
            return False
        raise
    return True
