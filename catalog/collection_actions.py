"""Verbs of collections: make, change, put in, take out, publish, take back (docs/recommendations.md, "Collections")."""

from django.db import transaction

from catalog.models import Collection, CollectionEntry, RegisteredModel
from catalog.permissions import can_collect, can_curate
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.field_limits import require_fields
from marketplace.core.guard import Refusal, require
from marketplace.core.transitions import transition

WHO = Refusal("Marketplace managers make collections.", ask="the marketplace managers")
MOST_MODELS = 50  # of one collection: more is a list, and search has those
MOST_COLLECTIONS = 100
MOST_FEATURED = 3  # home shows them all
SLUG_MAX = 100


@transaction.atomic
def create_collection(by: User, *, name: str, text: str) -> Collection:
    """Begin one, as a draft. Returns the Collection. Raises NotAllowed, Invalid, RuleError."""
    require(can_curate(by), *WHO)
    if Collection.objects.count() >= MOST_COLLECTIONS:
        raise RuleError(f"There are {MOST_COLLECTIONS} collections.", remedy="Reuse an old one.")
    name = _free_name(name)
    require_fields(Collection, name=name, text=text)
    slug = names.slug(name, longest=SLUG_MAX) or names.digest(name)
    if Collection.objects.filter(slug=slug).exists():
        raise Invalid(f"Another collection has the address “{slug}”.", field="name")
    made = Collection.objects.create(name=name, slug=slug, text=_text(text), created_by=by)
    record(by, "collection.create", made)
    return made


@transaction.atomic
def edit_collection(
    by: User, collection: Collection, *, name: str, text: str, is_featured: bool
) -> Collection:
    """Change its words, and whether home shows it. Its address stays. Returns the Collection. Raises NotAllowed, Invalid, RuleError."""
    require(can_curate(by), *WHO)
    collection = _locked(collection)
    name = _free_name(name, but=collection)
    require_fields(Collection, name=name, text=text)
    featured = Collection.objects.filter(is_featured=True).exclude(pk=collection.pk)
    if is_featured and featured.count() >= MOST_FEATURED:
        raise RuleError(
            f"Home shows {MOST_FEATURED} collections.",
            field="is_featured",
            remedy=f"Take one off first: {', '.join(map(str, featured))}.",
        )
    before = {"name": collection.name, "is_featured": collection.is_featured}
    collection.name, collection.text, collection.is_featured = name, _text(text), is_featured
    collection.save(update_fields=["name", "name_key", "text", "is_featured"])
    record(by, "collection.edit", collection, before=before, is_featured=is_featured)
    return collection


@transaction.atomic
def put_in(
    by: User, collection: Collection, model: RegisteredModel, note: str = ""
) -> CollectionEntry:
    """Put a published model in, or change why it is in. Not one of one's own team's. Raises NotAllowed, Invalid, RuleError."""
    require(can_curate(by), *WHO)
    require(
        can_collect(by, model),
        f"{model} is your own team's: another marketplace manager puts it in.",
        ask="another marketplace manager",
    )
    require_fields(CollectionEntry, note=note)
    collection = _locked(collection)
    if model.state != RegisteredModel.State.PUBLISHED:
        raise RuleError(
            f"{model} is not published.", field="model", remedy="Choose a published model."
        )
    others = collection.entries.exclude(model=model).count()
    if others >= MOST_MODELS:
        raise RuleError(
            f"A collection has at most {MOST_MODELS} models.",
            field="model",
            remedy="Take one out first.",
        )
    entry, is_new = CollectionEntry.objects.update_or_create(
        collection=collection,
        model=model,
        defaults={"note": note.strip()},
        create_defaults={"note": note.strip(), "added_by": by},
    )
    record(by, "collection.put_in", collection, model=model.slug, is_new=is_new)
    return entry


@transaction.atomic
def take_out(by: User, collection: Collection, model: RegisteredModel) -> Collection:
    """Take a model out. Returns the Collection. Raises NotAllowed, RuleError."""
    require(can_curate(by), *WHO)
    collection = _locked(collection)
    gone, _ = collection.entries.filter(model=model).delete()
    if not gone:
        raise RuleError(f"{model} is not in {collection}.", remedy="Reload the page.")
    record(by, "collection.take_out", collection, model=model.slug)
    return collection


@transaction.atomic
def publish_collection(by: User, collection: Collection) -> Collection:
    """Show it to everybody. Returns the Collection. Raises NotAllowed, RuleError, StaleState."""
    require(can_curate(by), *WHO)
    if not collection.entries.exists():
        raise RuleError(f"{collection} has no model yet.", remedy="Put one in first.")
    transition(collection, Collection.State.PUBLISHED)
    record(by, "collection.publish", collection, models=collection.entries.count())
    return collection


@transaction.atomic
def withdraw_collection(by: User, collection: Collection) -> Collection:
    """Make it a draft again; home does not show it any more. Returns the Collection. Raises NotAllowed, StaleState."""
    require(can_curate(by), *WHO)
    transition(collection, Collection.State.DRAFT, is_featured=False)
    record(by, "collection.withdraw", collection)
    return collection


def _text(text: str) -> str:
    """Raises Invalid when it says nothing."""
    if not text.strip():
        raise Invalid("Say what these models are for.", field="text")
    return text.strip()


def _free_name(name: str, but: Collection | None = None) -> str:
    """The name as it is kept. Raises Invalid, also where people would take it for another collection's."""
    name = names.display_name(name, longest=Collection.NAME_MAX)
    others = Collection.objects.exclude(pk=but.pk) if but else Collection.objects.all()
    if others.filter(name_key=names.fold(name)).exists():
        raise Invalid("Another collection is called so.", field="name")
    return name


def _locked(collection: Collection) -> Collection:
    return Collection.objects.select_for_update().get(pk=collection.pk)
