"""The frame of a model's pages. A tab belongs to the app that knows; all of them stand in this frame."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse

from catalog.models import ModelVersion, RegisteredModel
from catalog.permissions import can_edit
from marketplace.accounts.requests import PageRequest
from marketplace.core.links import Tab
from marketplace.notices.models import Watch


@dataclass(frozen=True)
class CardEntry:
    """One answer of the model card."""

    label: str
    value: Any


@dataclass(frozen=True)
class CardSection:
    """A part of the model card, drawn by catalog/_card_section.html."""

    id: str
    title: str
    fields: list[CardEntry]


# (URL name, label); the upper apps' tabs are named here, not imported.
TABS = [
    ("catalog:model", "Overview"),
    ("consumption:try", "Try it"),
    ("publishing:api_tab", "API"),
    ("governance:card", "Model card"),
    ("governance:evidence", "Evidence"),
    ("catalog:versions", "Versions"),
    ("consumption:plans", "Plans"),
    ("consumption:ratings", "Ratings"),
    ("consumption:model_discussions", "Discussion"),
    ("consumption:model_usage", "Usage"),
    ("hosting:deployment", "Deployment"),
]


def get_visible_model_or_404(request: PageRequest, slug: str) -> RegisteredModel:
    """The model as the person may see it, with what its pages show. Raises Http404 for strangers."""
    return get_object_or_404(RegisteredModel.objects.visible_to(request.user).for_page(), slug=slug)


def get_visible_version_or_404(request: PageRequest, slug: str, number: str) -> ModelVersion:
    """The version as the person may see it, with its model and owner team. Raises Http404 for strangers."""
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__owner_team")
    return get_object_or_404(versions, model__slug=slug, number=number)


def selected_version(
    request: PageRequest, model: RegisteredModel, versions: QuerySet[ModelVersion]
) -> ModelVersion | None:
    """The version that a page is about: `?version=`, else stable, else the newest of `versions`, which the person may see."""
    number = request.GET.get("version")
    if number:
        return get_object_or_404(versions, number=number.strip().lower())
    return model.stable or versions.first()


def model_context(request: PageRequest, model: RegisteredModel, current: str) -> dict[str, Any]:
    """Context of templates/catalog/model_page.html. `current` is the URL name of the tab."""
    seen = ModelVersion.objects.visible_to(request.user).filter(model=model)
    versions = seen.select_related("model").newest_first()
    version = selected_version(request, model, versions)
    pick = f"?version={version.number}" if request.GET.get("version") else ""
    tabs = [
        Tab(label, reverse(name, args=[model.slug]) + pick, name == current) for name, label in TABS
    ]
    return {
        "model": model,
        "version": version,
        "versions": versions,
        "tabs": tabs,
        "can_edit": can_edit(request.user, model),
        "subscribe_url": reverse("consumption:subscribe", args=[model.slug]),
        "watch": Watch.objects.visible_to(request.user).filter(model=model.slug).first(),
    }
