"""Pages of an import into the card: the text of a file, or another model's card; then what would change, field by field."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path, reverse

from catalog.models import ModelVersion
from governance import cards, policies
from marketplace.accounts.requests import PageRequest
from marketplace.core.errors import Invalid
from marketplace.core.forms import submitted
from publishing import actions, card_import
from publishing.card_form import SEEN, CardForm, CardState
from publishing.card_import import CardProposal
from publishing.card_texts import as_text, fingerprint
from publishing.forms import CardImportForm
from publishing.views import own_version, show_step

NOT_FROM_OTHERS = cards.ABOUT_FILES | {"identity.summary"}  # what is true of one model only


@dataclass(frozen=True)
class FieldChange:
    """What an import would make of a field. seen: the fingerprint of what it says now; is_new: it says nothing now."""

    field: cards.CardField
    now: str
    proposed: str
    seen: str

    @property
    def is_new(self) -> bool:
        return not self.now


def import_card(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Choose what to import; the answer shows each field as it is and as it would be. `take` in the data saves the chosen ones."""
    version = own_version(request, slug, number)
    if "take" in request.POST:
        return _take(request, version)
    form = CardImportForm(request.POST if request.method == "POST" else None, user=request.user)
    done, proposal = submitted(request, form, lambda **given: _proposal(request, **given))
    context = {
        "longest": card_import.LONGEST,
        "proposal": proposal,
        "changes": _changes(version, proposal) if done else [],
    }
    response = show_step(
        request, version, "card", form, template="publishing/card_import.html", **context
    )
    response.status_code = 200 if done else response.status_code
    return response


def _proposal(request: PageRequest, text: str, template: ModelVersion | None) -> CardProposal:
    """Raises Invalid."""
    if template is None:
        return card_import.read(text)
    values = {
        name: value
        for name, value in template.card.data.items()
        if cards.FIELDS_BY_ID[name].source != "auto" and name not in NOT_FROM_OTHERS
    }
    if not values:
        raise Invalid(f"The card of {template} says nothing that can be taken.", field="template")
    left_out = ["Its summary and its facts about its own files are left out."]
    return CardProposal(f"the card of {template}", values, left_out)


def _changes(version: ModelVersion, proposal: CardProposal) -> list[FieldChange]:
    """The fields that would say something else, in the order of the card."""
    written = version.card.written()
    says = policies.card_data(version, policies.answers_of(version))
    return [
        FieldChange(
            field, _text(says.get(field.id)), _text(value), fingerprint(written.get(field.id))
        )
        for field in cards.FIELDS
        for value in [proposal.values.get(field.id)]
        if value is not None and fingerprint(value) != fingerprint(says.get(field.id))
    ]


def _text(value: object) -> str:
    text = as_text(value)
    return "" if text is None else str(text)


def _take(request: PageRequest, version: ModelVersion) -> HttpResponse:
    """Save the chosen fields, but for those that somebody wrote after they were shown."""
    chosen = QueryDict(mutable=True)
    for name in request.POST.getlist("take"):
        if name in cards.FIELDS_BY_ID:
            chosen[name] = request.POST.get(f"value.{name}", "")
            chosen[SEEN + name] = request.POST.get(SEEN + name, "")
    form = CardForm(chosen, state=CardState({}, frozenset(), frozenset(), {}))
    for name, errors in form.errors.items():
        messages.warning(request, f"{cards.FIELDS_BY_ID[name].label}: {' '.join(map(str, errors))}")
    typed = form.cleaned_data
    conflicts = actions.merge_card(request.user, version, typed["values"], typed["seen"])
    for conflict in conflicts:
        label = cards.FIELDS_BY_ID[conflict.field].label
        messages.warning(request, f"{label} was left as it is. {conflict.sentence}")
    taken = len(typed["values"]) - len(conflicts)
    messages.success(request, f"Fields taken: {taken}. Check them; nothing was verified.")
    return redirect(reverse("publishing:card", args=[version.model.slug, version.number]))


VERSION = "publish/<slug:slug>/<str:number>"
urlpatterns = [path(f"{VERSION}/card/import/", import_card, name="import_card")]
