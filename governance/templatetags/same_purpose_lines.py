"""What was decided about a model and another one for the same purpose, for the model's pages."""

from dataclasses import dataclass

from django import template
from django.template import RequestContext

from catalog.models import RegisteredModel
from governance.models import SamePurposeCase
from governance.models.same_purpose import CaseState

register = template.Library()
MOST = 3
LOOKED_AT = 20


@dataclass(frozen=True)
class Line:
    """One decision, as it reads on the page of one of the two. `text` stands before the other model's name."""

    case: SamePurposeCase
    other: RegisteredModel
    text: str
    is_recommended: bool


@register.simple_tag(takes_context=True)
def same_purpose_lines(context: RequestContext, model: RegisteredModel) -> list[Line]:
    """[Line] of a model: those whose other model the reader may see. One query where nothing was decided."""
    lines = [
        _line(case, model) for case in SamePurposeCase.objects.decided_about(model)[:LOOKED_AT]
    ]
    if not lines:
        return []
    visible = RegisteredModel.objects.visible_to(context["request"].user).published()
    seen = set(
        visible.filter(pk__in=[line.other.pk for line in lines]).values_list("pk", flat=True)
    )
    return [line for line in lines if line.other.pk in seen][:MOST]


def _line(case: SamePurposeCase, model: RegisteredModel) -> Line:
    other = case.second if case.first_id == model.pk else case.first
    if case.primary and case.primary_id == model.pk:
        return Line(case, other, f"Recommended for {case.primary.capability}, before", True)
    texts = {
        CaseState.PRIMARY_CHOSEN: "For the same purpose the marketplace recommends",
        CaseState.SEGMENTED: "For other cases of the same purpose there is",
        CaseState.MERGED: "It is to become one with",
        CaseState.COEXIST: "For the same purpose there is also",
    }
    return Line(case, other, texts[CaseState(case.state)], False)
