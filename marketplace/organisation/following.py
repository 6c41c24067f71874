"""What follows when somebody leaves a team, or is deactivated: said before it is confirmed (docs/people.md, "What follows")."""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.models import RegisteredModel
from consumption.models import Application
from governance.models import Review
from governance.permissions import COOLING_OFF
from marketplace.accounts.models import Membership, Team, User
from marketplace.core.templatetags.formatting import listed, quantity
from marketplace.organisation.models import JoinRequest
from marketplace.tokens.models import ApiToken, ApiTokenSet

SHOWN = 10  # names in a sentence
LEADERS = "the governance lead"


@dataclass(frozen=True)
class Consequence:
    """One thing that follows. `ask`: who can take it on; `url`: where it is settled."""

    text: str
    ask: str = ""
    url: str = ""


def of_leaving(membership: Membership, viewer: User) -> list[Consequence]:
    """What follows when this membership ends, as far as `viewer` may know."""
    user, team = membership.user, membership.team
    tokens = ApiToken.objects.live().filter(membership=membership)
    return [
        *_tokens(tokens, "token of this team ends at once,tokens of this team end at once"),
        *_owned(user, team, viewer),
        *_left_alone(team, user),
        Consequence(
            f"For {COOLING_OFF.days} days they may not judge the work of {team}.",
        ),
        Consequence("No key of an application ends: keys belong to the team's applications."),
    ]


def of_deactivating(user: User, viewer: User) -> list[Consequence]:
    """What follows when the person is deactivated, as far as `viewer` may know."""
    teams = [membership.team for membership in user.memberships.current().select_related("team")]
    return [
        Consequence("They are signed out everywhere and cannot sign in again."),
        *_tokens(
            ApiToken.objects.live().filter(user=user), "token ends at once,tokens end at once"
        ),
        *_roles(user),
        *_reviews(user),
        *_requests(user),
        *(consequence for team in teams for consequence in _owned(user, team, viewer)),
        *(consequence for team in teams for consequence in _left_alone(team, user)),
        Consequence("No key of an application ends: keys belong to the teams' applications."),
    ]


def whom_to_ask(team: Team, but: User) -> str:
    """The leads of the team but one person, else its people, else the administrators."""
    leads = User.objects.leading(team).exclude(pk=but.pk)
    people = leads if leads.exists() else User.objects.on_teams([team]).exclude(pk=but.pk)
    return listed([str(person) for person in people[:SHOWN]]) or "an administrator"


def _tokens(tokens: ApiTokenSet, nouns: str) -> Iterator[Consequence]:
    """What ends with their tokens; `nouns` are those of `quantity`."""
    names = [token.name for token in tokens[: SHOWN + 1]]
    if names:
        yield Consequence(
            f"{quantity(tokens.count(), nouns)}, and with it what runs on it: {_named(names)}."
        )


def _owned(user: User, team: Team, viewer: User) -> Iterator[Consequence]:
    owned = RegisteredModel.objects.visible_to(viewer).filter(owner=user, owner_team=team)
    models = list(owned.exclude(state="archived")[: SHOWN + 1])
    if models:
        count = owned.exclude(state="archived").count()
        yield Consequence(
            f"{quantity(count, 'model needs another owner,models need another owner')}:"
            f" {_named([model.name for model in models])}.",
            ask=whom_to_ask(team, user),
            url=team.get_absolute_url(),
        )


def _left_alone(team: Team, user: User) -> Iterator[Consequence]:
    """Nobody, or nobody who leads, would be left."""
    others = User.objects.on_teams([team]).exclude(pk=user.pk)
    if not others.exists():
        applications = Application.objects.filter(team=team).count()
        models = RegisteredModel.objects.filter(owner_team=team).exclude(state="archived").count()
        what = f"{quantity(models, 'model,models')} and {quantity(applications, 'application,applications')}"
        yield Consequence(
            f"Nobody is left on {team}: of its {what} nobody is told when a date comes.",
            ask="an administrator",
        )
    elif not User.objects.leading(team).exclude(pk=user.pk).exists() and user.leads(team):
        yield Consequence(
            f"{team} has no lead then; administrators decide who is on it.", ask="an administrator"
        )


def _roles(user: User) -> Iterator[Consequence]:
    labels = [grant.get_role_display().lower() for grant in user.grants.filter(revoked_at=None)]
    if labels:
        yield Consequence(
            f"{quantity(len(labels), 'role ends,roles end')}: {listed(labels)}."
            " Coming back, they are given anew.",
        )


def _reviews(user: User) -> Iterator[Consequence]:
    if count := Review.objects.open().filter(assignee=user).count():
        yield Consequence(
            f"{quantity(count, 'open review goes,open reviews go')} to others who may decide.",
            ask=LEADERS,
        )


def _requests(user: User) -> Iterator[Consequence]:
    if count := JoinRequest.objects.open().filter(person=user).count():
        yield Consequence(
            f"{quantity(count, 'request,requests')} to join a team cannot be accepted any more."
        )


def _named(names: list[str]) -> str:
    return listed([*names[:SHOWN], "more"] if len(names) > SHOWN else names)
