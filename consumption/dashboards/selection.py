"""What a consumer's dashboard is about: the person's teams, narrowed by what its address chooses. Page and API share it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.http import urlencode

from catalog.models import ModelVersion
from consumption.metering import usage
from consumption.metering.usage import Row, Scope, Window
from consumption.models import ApiKey, Application, Subscription
from marketplace.accounts.models import User
from marketplace.core.query import chosen

MOST_OPTIONS = 500  # of one list to choose from


@dataclass(frozen=True)
class Choice:
    """One list to choose from: its name in the address, what is chosen ("" for all), and (value, label) of each."""

    name: str
    label: str
    chosen: str
    options: list[tuple[str, str]]


@dataclass(frozen=True)
class Selection:
    """What was chosen of the calls of a person's teams.

    subscriptions  a queryset of those that were chosen, ended ones included.
    named          {name: value} of what the address says, the window included.
    """

    window: Window
    scope: Scope
    subscriptions: Any
    choices: list[Choice]
    named: dict[str, str]
    key: ApiKey | None = None
    version: ModelVersion | None = None
    environment: str | None = None

    def with_links(self, what: str, rows: Sequence[Row]) -> list[Row]:
        """The rows of one grouping, each with the address of the page that shows it alone. Versions need their model chosen first."""
        if len(rows) < 2 or (what == "version" and "model" not in self.named):
            return list(rows)
        return [
            replace(row, only=f"?{urlencode(self.named | {what: row.name})}") if row.name else row
            for row in rows
        ]


LABELS = {
    "team": "Team",
    "application": "Application",
    "model": "Model",
    "environment": "Environment",
    "version": "Version",
    "key": "Key",
}
# What each parameter chooses, for the API's description.
PARAMETERS = {
    "team": "Slug of one of your teams.",
    "application": "Slug of one of their applications.",
    "model": "Slug of a model that they subscribed to.",
    "environment": "prod or test, as it was when the calls were made.",
    "version": "Number of a version of `model`.",
    "key": "Kid of a key.",
}
_NARROWS = {
    "team": "team__slug",
    "application": "subscription__application__slug",
    "model": "version__model__slug",
    "environment": "environment",
}


@dataclass
class _Given:
    """What there is to choose from, and what the address chooses; choices are made one after the other."""

    address: Mapping[str, str]
    chosen: dict[str, str] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)

    def choose(self, name: str, options: Iterable[tuple[str, str]]) -> str:
        """The chosen value, "" for none. Raises UnknownChoice."""
        known = dict(options)
        asked = self.address.get(name) or ""  # kids of keys differ by case alone
        value = (
            asked
            if asked in known
            else chosen(name, asked, dict(zip(known, known, strict=True)), "")
        )
        if len(known) > 1 or value:
            shown = sorted(known.items(), key=lambda one: one[1].casefold())
            self.choices.append(Choice(name, LABELS[name], value, shown[:MOST_OPTIONS]))
        if value:
            self.chosen[name] = value
        return value


def select(user: User, address: Mapping[str, str]) -> Selection:
    """What the parameters of an address choose. Raises UnknownChoice (400) naming what there is. Four queries at most."""
    window = usage.window(address.get("window"))
    teams = {team.pk: team for team in user.teams()}
    held = list(
        Subscription.objects.filter(application__team__in=teams).values_list(
            "pk",
            "application__team_id",
            "application__slug",
            "application__name",
            "model__slug",
            "model__name",
        )
    )
    given = _Given(address)
    team = given.choose("team", ((one.slug, one.name) for one in teams.values()))
    held = [row for row in held if team in ("", teams[row[1]].slug)]
    application = given.choose("application", ((row[2], row[3]) for row in held))
    held = [row for row in held if application in ("", row[2])]
    model = given.choose("model", ((row[4], row[5]) for row in held))
    held = [row for row in held if model in ("", row[4])]
    environment = given.choose("environment", Application.Environment.choices)
    ids = [row[0] for row in held]
    version, key = _version(given, model), _key(given, application or model, ids)
    scope = usage.of_teams(list(teams))
    for name, value in given.chosen.items():
        if name in _NARROWS:
            scope = scope.narrowed(is_of_keys=name == "environment", **{_NARROWS[name]: value})
    if version:
        scope = scope.narrowed(version=version.pk)
    if key:
        scope = scope.narrowed(is_of_keys=True, key=key.pk)
        ids = [key.subscription_id]
    named = given.chosen | ({"window": window.slug} if address.get("window") else {})
    chosen_ones = Subscription.objects.filter(pk__in=ids)
    return Selection(
        window,
        scope,
        chosen_ones,
        given.choices,
        named,
        key,
        version,
        environment or None,
    )


def _version(given: _Given, model: str) -> ModelVersion | None:
    """A version of the chosen model: without one there are too many to choose from."""
    if not model:
        given.choose("version", [])
        return None
    listed = ModelVersion.objects.filter(model__slug=model, state__in=ModelVersion.LISTED)
    versions = {one.number: one for one in listed.select_related("model")}
    number = given.choose("version", ((number, number) for number in versions))
    return versions.get(number)


def _key(given: _Given, narrowed: str, subscriptions: list[int]) -> ApiKey | None:
    """A key of what is chosen so far; one is offered when that is not everything."""
    if not narrowed and "key" not in given.address:
        given.choose("key", [])
        return None
    keys = {key.kid: key for key in ApiKey.objects.filter(subscription__in=subscriptions)}
    kid = given.choose("key", ((one.kid, f"{one.name} ({one.kid})") for one in keys.values()))
    return keys.get(kid)
