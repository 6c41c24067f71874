"""What a manager can do about a finding, in the order of their keys (docs/curation.md, "What one can do")."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from catalog.models import Alias, ModelVersion
from marketplace.accounts.models import User
from marketplace.insights.curation import kinds
from marketplace.insights.curation.permissions import can_act
from marketplace.insights.models import CurationItem
from publishing.permissions import can_deprecate

Kind, Answer = CurationItem.Kind, CurationItem.Answer
FIRST_KEYS = "123"
FORMS = ("ask", "dismiss", "assign", "strategic")  # acts that need words: a link to their form


@dataclass(frozen=True)
class Act:
    """One button. url: where a link leads, or where a form is sent when is_post."""

    key: str
    label: str
    url: str
    is_post: bool = False

    @property
    def is_first(self) -> bool:
        return self.key == "1"


def acts(user: User, item: CurationItem, version: ModelVersion | None) -> list[Act]:
    """At most three acts with keys 1 to 3, then assigning and dismissing. None where the reader may not act."""
    if not item.is_open or not can_act(user, item):
        return []
    found = [
        Act(key, label, url, is_post)
        for key, (label, url, is_post) in zip(FIRST_KEYS, _first(user, item, version), strict=False)
    ]
    return [
        *found,
        Act("A", "Assign", _form(item, "assign")),
        Act("D", "Dismiss with reason", _form(item, "dismiss")),
    ]


Drafted = tuple[str, str, bool]


def _first(user: User, item: CurationItem, version: ModelVersion | None) -> Iterator[Drafted]:
    if item.kind == Kind.CONFLICT:
        case = reverse("governance:same_purpose_case", args=[item.evidence["case"]])
        yield "Decide the case", case, False
        return
    if item.answer and item.answer != Answer.DEPRECATE:
        accept = reverse("insights:change_finding", args=[item.pk, "accept"])
        yield "Let the answer stand", accept, True
    if item.kind == Kind.OWNER:
        yield "Name a successor", reverse("insights:succession", args=[item.model.slug]), False
    end = list(_end(user, item, version))
    leads = _leads_to_end(item)
    if leads:
        yield from end
    if not item.waits_for_publisher and kinds.of(item).asks:
        yield "Ask the publisher", _form(item, "ask"), False
    yield from _look(item)
    if not leads:
        yield from end
    if item.kind == Kind.UNUSED:
        yield "Keep as strategic", _form(item, "strategic"), False


def _leads_to_end(item: CurationItem) -> bool:
    """Does the rule itself propose the model's end?"""
    return (
        item.answer == Answer.DEPRECATE
        or (item.kind == Kind.UNUSED and item.step >= 180)
        or (item.kind == Kind.OWNER and item.step > 0)
    )


def _end(user: User, item: CurationItem, version: ModelVersion | None) -> Iterator[Drafted]:
    if version is not None and can_deprecate(user, version):
        address = reverse("publishing:deprecate", args=[item.model.slug, version.number])
        yield "Propose deprecation", address, False


def _look(item: CurationItem) -> Iterator[Drafted]:
    """Where the matter itself is dealt with."""
    slug, facts = item.model.slug, item.evidence
    if item.kind == Kind.ISSUE:
        url = reverse("consumption:discussion", args=[facts["discussion"]])
        yield "Open the discussion", url, False
    elif item.kind == Kind.REVIEW:
        yield "Review again", reverse("governance:renew", args=[slug, facts["version"]]), False
    elif item.kind == Kind.DOCUMENTATION:
        yield "Open the card", reverse("governance:card", args=[slug]), False
    elif item.kind == Kind.RATING:
        yield "Read the ratings", reverse("consumption:ratings", args=[slug]), False
    elif item.kind == Kind.QUALITY:
        yield "Open the review", reverse("insights:quality_review", args=[facts["review"]]), False
    elif item.kind == Kind.SERVICE:
        yield "Open the service level", reverse("hosting:deployment", args=[slug]), False


def _form(item: CurationItem, name: str) -> str:
    return f"{item.get_absolute_url()}?act={name}#finding-{item.pk}"


def version_of(item: CurationItem) -> ModelVersion | None:
    """The stable version of the finding's model; None without one."""
    alias = Alias.objects.filter(model=item.model, name=Alias.STABLE).select_related(
        "version__model__owner_team"
    )
    first = alias.first()
    return first.version if first else None
