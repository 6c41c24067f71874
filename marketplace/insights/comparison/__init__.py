"""Two to four models or versions side by side: which one should I take? (docs/comparison.md)

It stands in insights, because that is the app that looks over all others: the contract is the catalog's, figures are governance's,
price and consumers are consumption's, the measured service is hosting's. Nothing here writes.
"""

from collections.abc import Sequence

from catalog.models import Alias, ModelVersion
from catalog.tray import Pick
from consumption.models import Subscription
from consumption.subscribing import open_versions
from marketplace.accounts.models import User
from marketplace.insights.comparison import access, contract, own_rows, quality, service_level
from marketplace.insights.comparison.table import Column, Comparison

__all__ = ["Comparison", "compare"]


def compare(user: User, picks: Sequence[Pick], calls: int = access.USUAL_CALLS) -> Comparison:
    """The Comparison of what `picks` name, as the person may see it. The first column is the reference."""
    chosen = [_version(user, pick) for pick in picks]
    gone = chosen.count(None)
    held = _held(user, [version for version in chosen if version])
    by_version = {
        version: _column(pick, version, held)
        for pick, version in reversed(list(zip(picks, chosen, strict=True)))
        if version
    }
    columns = tuple(by_version[version] for version in dict.fromkeys(chosen) if version)
    if len(columns) < 2:
        return Comparison(columns, gone=gone)
    known = quality.known_of(columns)
    services = [service_level.Measured(column) for column in columns]
    offers = access.offers_of(columns, calls)
    own = own_rows.group(user, columns)
    groups = (
        *quality.groups(known),
        *([own] if own else []),
        service_level.group(services),
        access.group(columns, offers),
        contract.group(columns),
        access.about(columns),
    )
    names = _names(columns)
    sentences = [
        own_rows.sentence(names, own),
        quality.sentence(names, known),
        service_level.sentence(names, services),
        access.sentence(names, offers),
    ]
    return Comparison(
        columns,
        tuple(group.named(names) for group in groups),
        tuple(filter(None, sentences)),
        gone,
    )


def _column(pick: Pick, version: ModelVersion, held: dict[int, Subscription]) -> Column:
    closed = open_versions.closed(version)
    return Column(pick, version, held.get(version.model_id), closed.because if closed else "")


def _held(user: User, versions: Sequence[ModelVersion]) -> dict[int, Subscription]:
    """{model id: the open subscription of the person's teams}, those that may call before those that wait."""
    models = [version.model_id for version in versions]
    held = Subscription.objects.held_by(user).open().filter(model__in=models)
    newest = held.select_related("application").order_by("-state", "pk")
    return {subscription.model_id: subscription for subscription in newest}


def _names(columns: Sequence[Column]) -> list[str]:
    """What tells the columns apart: the models' names, with numbers where a model stands there twice."""
    names = [column.name for column in columns]
    if len(set(names)) == len(names):
        return names
    return [column.full_name for column in columns]


def _version(user: User, pick: Pick) -> ModelVersion | None:
    """The version that a pick names; without a number the stable one, else the newest. None where the person sees none."""
    versions = (
        ModelVersion.objects.visible_to(user)
        .filter(model__slug=pick.slug)
        .select_related("card", "model__owner_team__business_unit")
        .select_related("model__domain", "model__capability", "model__model_type")
        .newest_first()
    )
    if pick.number:
        return versions.filter(number=pick.number).first()
    stable = versions.filter(aliases__name=Alias.STABLE)
    return stable.first() or versions.first()
