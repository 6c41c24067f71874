"""Which versions are tried beside each other: of one model, or of others that take the same inputs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from catalog import neighbours
from catalog.models import ModelVersion, RegisteredModel
from consumption.playground import tries
from marketplace.accounts.models import User

KEY = re.compile(r"[-\w]{1,80}/[-.\w]{1,30}", re.ASCII)
MOST_OFFERED = 20
NEIGHBOURS = 12


@dataclass(frozen=True)
class Choice:
    """One version that is asked. tone: the colour of its series, "1" to "4"; why_not: why it cannot be tried now, or ""."""

    version: ModelVersion
    label: str
    tone: str

    @property
    def key(self) -> str:
        return key_of(self.version)

    @property
    def why_not(self) -> str:
        return tries.why_not(self.version)


@dataclass(frozen=True)
class Offer:
    """A version that may be added."""

    key: str
    label: str


def key_of(version: ModelVersion) -> str:
    """How a form names a version."""
    return f"{version.model.slug}/{version.number}"


def chosen(user: User, first: ModelVersion, keys: Sequence[str]) -> list[Choice]:
    """The versions of these keys that the person may see, in their order; `first` where there is none."""
    named = [key.partition("/") for key in keys if KEY.fullmatch(key)][: tries.MOST_VERSIONS]
    versions = ModelVersion.objects.none()
    if named:
        wanted = Q()
        for slug, _, number in named:
            wanted |= Q(model__slug=slug, number=number)
        versions = ModelVersion.objects.visible_to(user).filter(wanted).select_related("model")
    by_key = {key_of(version): version for version in versions}
    found = [by_key[key] for key in keys if key in by_key] or [first]
    return [
        Choice(version, label(version, first.model), str(at))
        for at, version in enumerate(found, 1)
        if version.signature.get("inputs")
    ]


def offered(user: User, first: ModelVersion, taken: Sequence[Choice]) -> list[Offer]:
    """What may be added: the model's other live versions, then similar models whose inputs these rows have."""
    if len(taken) >= tries.MOST_VERSIONS:
        return []
    keys = {choice.key for choice in taken}
    live = ModelVersion.objects.visible_to(user).callable().filter(model=first.model)
    versions = list(live.select_related("model").newest_first()[:MOST_OFFERED])
    visible = RegisteredModel.objects.visible_to(user).published().for_list()
    inputs = {spec["name"] for spec in first.signature.get("inputs") or []}
    for model in neighbours.of(visible, first.model, NEIGHBOURS):
        stable = model.stable
        needed = stable.signature.get("inputs") or [] if stable else []
        if (
            stable is not None
            and stable.is_callable
            and inputs.issuperset(one["name"] for one in needed if one.get("required", True))
        ):
            stable.model = model
            versions.append(stable)
    return [
        Offer(key, label(version, first.model))
        for version in versions
        if (key := key_of(version)) not in keys
    ]


def label(version: ModelVersion, of: RegisteredModel) -> str:
    """The number; with the model's name where it is another one."""
    return version.number if version.model_id == of.pk else f"{version.model.name} {version.number}"
