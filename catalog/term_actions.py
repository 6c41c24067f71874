"""Verbs of the vocabularies: add, rename, retire, bring back (docs/governance.md, "Vocabularies")."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from catalog.models import Capability, Domain, ModelType, RegisteredModel, Term
from catalog.permissions import can_keep_vocabularies
from marketplace.accounts.models import User
from marketplace.audit.actions import record
from marketplace.core import names
from marketplace.core.errors import Invalid, RuleError
from marketplace.core.guard import Refusal, require

TERM_FIELDS: dict[type[Term], str] = {
    Domain: "domain",
    Capability: "capability",
    ModelType: "model_type",
}
WHO = Refusal("Administrators keep the vocabularies.", ask="an administrator")
NAME_MAX, SLUG_MAX = 60, 50


@transaction.atomic
def add_term(by: User, kind: type[Term], name: str) -> Term:
    """Add a word to a vocabulary, at its end. Its slug is made from the name. Returns the Term. Raises NotAllowed, Invalid."""
    require(can_keep_vocabularies(by), *WHO)
    name = _free_name(kind, name)
    slug = names.slug(name, longest=SLUG_MAX) or names.digest(name)
    if kind.objects.filter(slug=slug).exists():
        raise Invalid(f"Another word has the address “{slug}”.", field="name")
    last = kind.objects.aggregate(last=Max("position"))["last"] or 0
    term = kind.objects.create(name=name, slug=slug, position=last + 1)
    record(by, "term.add", term, vocabulary=_vocabulary(kind), name=name)
    return term


@transaction.atomic
def rename_term(by: User, term: Term, name: str) -> Term:
    """Give a word another name; what it stands for, and its slug, stay. Returns the Term. Raises NotAllowed, Invalid."""
    require(can_keep_vocabularies(by), *WHO)
    term = _locked(term)
    before, term.name = term.name, _free_name(type(term), name, but=term)
    term.save(update_fields=["name"])
    field = TERM_FIELDS[type(term)]
    # An update of the column, though to the same word: the trigger writes the search documents anew.
    RegisteredModel.objects.filter(**{field: term}).update(**{field: term})
    record(by, "term.rename", term, before=before, after=term.name)
    return term


@transaction.atomic
def retire_term(by: User, term: Term) -> Term:
    """No new entry takes the word; entries that have it keep it. Returns the Term. Raises NotAllowed, RuleError."""
    require(can_keep_vocabularies(by), *WHO)
    term = _locked(term)
    if term.retired_at:
        raise RuleError(f"{term} is retired already.", remedy="Reload the page.")
    if not type(term).objects.current().exclude(pk=term.pk).exists():
        raise RuleError("The last word of a vocabulary stays.", remedy="Add another one first.")
    term.retired_at = timezone.now()
    term.save(update_fields=["retired_at"])
    record(by, "term.retire", term, uses=term.models.count())  # type: ignore[attr-defined]
    return term


@transaction.atomic
def restore_term(by: User, term: Term) -> Term:
    """New entries may take the word again. Returns the Term. Raises NotAllowed, RuleError."""
    require(can_keep_vocabularies(by), *WHO)
    term = _locked(term)
    if not term.retired_at:
        raise RuleError(f"{term} is in use.", remedy="Reload the page.")
    term.retired_at = None
    term.save(update_fields=["retired_at"])
    record(by, "term.restore", term)
    return term


def require_current_terms(fields: dict[str, Any], model: RegisteredModel | None = None) -> None:
    """Raises Invalid, naming the field, when an entry would newly take a word that is retired. `model`: the entry as it is."""
    for name, value in fields.items():
        is_kept = model is not None and getattr(model, name, None) == value
        if isinstance(value, Term) and value.retired_at and not is_kept:
            raise Invalid(
                f"{value} is not used for new entries any more.",
                field=name,
                remedy="Choose another one.",
            )


def _locked(term: Term) -> Term:
    return type(term).objects.select_for_update().get(pk=term.pk)


def _free_name(kind: type[Term], name: str, but: Term | None = None) -> str:
    name = names.display_name(name, longest=NAME_MAX)
    others = kind.objects.exclude(pk=but.pk) if but else kind.objects.all()
    if others.filter(name__iexact=name).exists():
        raise Invalid(f"{name} is there already.", field="name")
    return name


def _vocabulary(kind: type[Term]) -> str:
    return str(kind._meta.verbose_name_plural)
