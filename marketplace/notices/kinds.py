"""Who is told what: every kind of notice, and every occasion on which one is sent (docs/notices.md, "Who gets what").

A kind is what people choose channels by. An occasion is the part of a notice's key before the first colon; "*" stands for what
differs. A notice of an undeclared occasion is sent all the same and logged; tests refuse it.
"""

import fnmatch
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.db import models

log = logging.getLogger(__name__)


class Mail(models.TextChoices):
    """When a kind of notice comes by mail."""

    NOW = "now", "At once"
    DIGEST = "digest", "Weekly digest"
    NEVER = "never", "Never"


@dataclass(frozen=True)
class Kind:
    """A kind of notice.

    mail   when it is mailed to who has not chosen.
    must   always on the page, also of a model that is not watched: who relies on something has to be told of its end.
    """

    slug: str
    label: str
    group: str
    mail: Mail = Mail.DIGEST
    must: bool = False


@dataclass(frozen=True)
class Occasion:
    """When a notice of `kind` is sent, and to whom. Teams: to their people, and to the webhooks of those that have some."""

    pattern: str
    kind: str
    when: str
    people: str
    teams: bool = False


MODELS, SERVICE, ACCESS = "Models you use", "How they run", "Access and security"
REVIEW, COMMUNITY = "Reviews and rules", "People and needs"
OTHER = Kind("other", "Anything else", COMMUNITY)

KINDS = {
    kind.slug: kind
    for kind in (
        Kind("version.deprecated", "The end of a version", MODELS, Mail.NOW, must=True),
        Kind("version.retired", "A version is retired", MODELS, Mail.NOW, must=True),
        Kind("migration", "Messages about a move", MODELS, Mail.NOW),
        Kind("change", "Changes with notice", MODELS, Mail.NOW, must=True),
        Kind("version.published", "New versions", MODELS),
        Kind("model.amended", "Corrected facts of a model", MODELS),
        Kind("version.suspended", "A version is stopped", SERVICE, Mail.NOW, must=True),
        Kind("version.rolled_back", "An automatic update goes back", SERVICE, Mail.NOW, must=True),
        Kind("version.resumed", "A version answers again", SERVICE),
        Kind("incident.opened", "Incidents", SERVICE, Mail.NOW),
        Kind("incident.closed", "Ends of incidents", SERVICE),
        Kind("deployment.stopped", "A deployment is stopped", SERVICE, Mail.NOW, must=True),
        Kind("deployment.scaled", "Less capacity", SERVICE),
        Kind("deployment.failed", "A deployment does not run", SERVICE, Mail.NOW),
        Kind("deployment.crashing", "A replica crashes again and again", SERVICE, Mail.NOW),
        Kind("deployment.memory", "A replica runs out of memory", SERVICE),
        Kind("subscription", "Requests, grants and keys", ACCESS, Mail.NOW),
        Kind("move", "Moves of subscriptions", ACCESS, Mail.NOW),
        Kind("quota", "Quotas", ACCESS, Mail.NOW),
        Kind("cost", "Statements and budgets", ACCESS, Mail.NOW),
        Kind("security", "Leaks and ends of tokens", ACCESS, Mail.NOW, must=True),
        Kind("review", "Reviews, conditions and waivers", REVIEW, Mail.NOW),
        Kind("re-review", "Ends of approvals", REVIEW, Mail.NOW, must=True),
        Kind("pipeline", "Versions from pipelines", REVIEW, Mail.NOW),
        Kind("curation", "Models for one purpose", REVIEW),
        Kind("finding", "Findings about models", REVIEW),
        Kind("feedback", "Discussions", COMMUNITY),
        Kind("rating", "Ratings", COMMUNITY),
        Kind("reuse", "Decisions to reuse a model", COMMUNITY),
        Kind("value", "Value of reuse", COMMUNITY),
        Kind("need", "Needs", COMMUNITY),
        Kind("inventory", "Production models that shall be published", COMMUNITY, Mail.NOW),
        Kind("announcement", "Announcements", COMMUNITY),
        Kind("story", "Success stories", COMMUNITY, Mail.NOW),
        Kind("following", "The week in what you follow", COMMUNITY),
        Kind("event", "Events you come to", COMMUNITY, Mail.NOW),
        Kind("saved-search", "New models for a saved search", COMMUNITY),
        Kind("batch_evaluation", "Batch evaluations", COMMUNITY),
        Kind("join", "Requests to join a team", COMMUNITY, Mail.NOW),
        Kind("team", "Teams and who is on them", COMMUNITY, Mail.NOW),
        OTHER,
    )
}

USERS, OWNERS = "the teams that use the model, and who watches it", "the owner team"
TEAM = "the subscription's team"
APPLICATION, AFFECTED = "the application's team", "the team of each affected application"
OCCASIONS = tuple(
    Occasion(*row)
    for row in (
        ("version.published", "version.published", "a version is published", USERS, True),
        (
            "version.deprecated",
            "version.deprecated",
            "a version gets an end, for who does not call it",
            USERS,
            True,
        ),
        (
            "version-end",
            "version.deprecated",
            "half-time, 30, 14, 7 and 1 days before an end, at it, each week after it, a day before a brownout",
            "the team of each application that has not moved, and the owner team",
            True,
        ),
        (
            "end-*",
            "version.deprecated",
            "an announced end becomes later, or its brownouts are called off",
            AFFECTED,
            True,
        ),
        (
            "version.retired",
            "version.retired",
            "calls of a version are answered with 410 from now on",
            "the owner team and the team of each affected application",
            True,
        ),
        (
            "migration-message",
            "migration",
            "one side of a move writes to the other",
            "the other side",
            True,
        ),
        (
            "retirement-waiver-open",
            "review",
            "a version shall not wait for an application",
            "the roles that grant it",
        ),
        (
            "retirement-waiver-*",
            "version.deprecated",
            "such a waiver is asked for, granted, refused or ends",
            "the owner team and the application's team",
            True,
        ),
        (
            "change-announced",
            "change",
            "something is taken away after a notice; the end of a version that the team calls is of the kind version.deprecated",
            AFFECTED,
            True,
        ),
        ("change-begun", "change", "the notice has run", AFFECTED, True),
        ("change-withdrawn", "change", "an announced change is taken back", AFFECTED, True),
        (
            "change-proposed",
            "change",
            "a change waits for a second person",
            "others of the owner team, else the curators",
        ),
        ("change-refused", "change", "the second person says no", "who proposed it"),
        (
            "terms-begun",
            "change",
            "a plan is better from today",
            "the team of each subscription",
            True,
        ),
        ("move-scheduled", "move", "a move to another version or plan is scheduled", TEAM, True),
        ("move-made", "move", "it is made", "the subscription's team and the owner team", True),
        ("move-undone", "move", "it is undone", "the subscription's team and the owner team", True),
        ("move-failed", "move", "it could not be made", TEAM, True),
        ("move-requested", "move", "a team asks for a plan that the owner approves", OWNERS, True),
        (
            "move-reminded",
            "move",
            "nobody answered that for two business days",
            OWNERS,
        ),
        (
            "move-escalated",
            "move",
            "nobody answered that for five days",
            "the owner team, the curators and who asked",
        ),
        ("move-decided", "move", "that is answered", "who asked"),
        ("rolled-back", "version.published", "a team rolls back an automatic update", OWNERS, True),
        (
            "examples-passed",
            "version.published",
            "a version answers, for a consumer's examples passed",
            TEAM,
            True,
        ),
        (
            "examples-failed",
            "version.published",
            "a version is held, for an example failed",
            TEAM,
            True,
        ),
        ("examples-failed-owner", "version.published", "the same, without the data", OWNERS, True),
        (
            "rollout-began",
            "version.published",
            "an application is among the first that get a minor update",
            TEAM,
            True,
        ),
        (
            "rollout-caught",
            "version.published",
            "such an update reaches an application early, for its version was suspended or is over",
            TEAM,
            True,
        ),
        (
            "rollout-waits",
            "version.rolled_back",
            "nothing answers an application, and such an update may not reach it",
            TEAM,
            True,
        ),
        (
            "rollout-kept",
            "version.rolled_back",
            "such an update is taken back, and its version answers on where nothing else would",
            TEAM,
            True,
        ),
        (
            "rollout-completed",
            "version.published",
            "such an update reaches the others",
            "the subscription's team, and the owner team",
            True,
        ),
        (
            "rollout-rolled-back",
            "version.rolled_back",
            "such an update is taken back by its guard, or stopped after it began",
            "the team of each application that had it, and the owner team",
            True,
        ),
        (
            "rollout-stopped",
            "version.rolled_back",
            "such an update is stopped before anybody had it",
            OWNERS,
            True,
        ),
        (
            "support",
            "change",
            "a model is supported differently",
            "the teams that use the model",
            True,
        ),
        ("amended", "model.amended", "facts of a model are corrected", USERS, True),
        (
            "suspension-due-*",
            "version.suspended",
            "a high-risk version whose approval ended is suspended in 30, 14, 7 and 1 days, unless it is reviewed again",
            "the owner team, who reviews again, and the teams that use the model",
            True,
        ),
        (
            "suspended",
            "version.suspended",
            "a version is stopped by governance",
            "the owner team and the teams that use the model",
            True,
        ),
        (
            "resumed",
            "version.resumed",
            "it may answer again",
            "the owner team and the teams that use the model",
            True,
        ),
        (
            "incident-opened",
            "incident.opened",
            "a version does not answer",
            "the owner, the leads of the owner team and of the teams that use the model, who watches it",
            True,
        ),
        (
            "incident-closed",
            "incident.closed",
            "it answers again",
            "who was told of the incident",
            True,
        ),
        ("stop", "deployment.stopped", "a deployment is stopped", "as for an incident", True),
        ("stop-to-review", "deployment.stopped", "it was stopped without notice", "the curators"),
        ("scaled", "deployment.scaled", "a version has less capacity", "as for an incident", True),
        (
            "deployment.failed",
            "deployment.failed",
            "a deployment does not run",
            "the owner, the leads of the owner team",
            True,
        ),
        (
            "deployment.crashing",
            "deployment.crashing",
            "replicas crash again and again",
            "the owner, the leads of the owner team",
            True,
        ),
        (
            "deployment.memory",
            "deployment.memory",
            "a replica runs out of memory",
            "the owner, the leads of the owner team",
            True,
        ),
        (
            "subscription-requested",
            "subscription",
            "a team asks for access, or has it at once",
            OWNERS,
            True,
        ),
        ("subscription-approved", "subscription", "access is granted", APPLICATION, True),
        ("subscription-denied", "subscription", "access is not granted", "who asked"),
        (
            "use-review",
            "subscription",
            "a use is above the model's risk tier",
            "the role that decides it",
        ),
        (
            "request-*",
            "subscription",
            "a request waits for two business days, then for five days",
            "who decides it; then also the curators and who asked",
        ),
        (
            "access-end-date",
            "subscription",
            "a team uses a model for longer than it said",
            OWNERS,
            True,
        ),
        (
            "access-*",
            "subscription",
            "access ends or is to be confirmed in 30, 14, 7 and 1 days, paused or ended",
            "the application's team; ended: also the owner team",
            True,
        ),
        (
            "key-unused",
            "subscription",
            "a key is not used and pauses in 14 days",
            APPLICATION,
            True,
        ),
        ("key-paused", "subscription", "a key that nobody used is paused", APPLICATION, True),
        ("key-revoked", "subscription", "a key was found elsewhere and ended", APPLICATION, True),
        (
            "key-ended",
            "security",
            "a key was found elsewhere and ended",
            "security reviewers, operators, administrators",
        ),
        (
            "token-*",
            "security",
            "a token ends soon, ended or was found elsewhere",
            "its person, and the team of a team token",
        ),
        ("quota-*", "quota", "a share of the month's quota is used", APPLICATION, True),
        (
            "statement-closed",
            "cost",
            "the statements of a month are closed",
            "the teams that are on them",
            True,
        ),
        ("dispute", "cost", "a team disputes a line of its statement", "finance"),
        ("dispute-answered", "cost", "a dispute is answered", "the team that opened it", True),
        ("budget-stop", "cost", "a used-up hard budget pauses a subscription", APPLICATION, True),
        (
            "budget-*",
            "cost",
            "a budget is used to 80 %, is used up, or will not last the month",
            "the teams that it pays for, and who set it",
            True,
        ),
        ("review-open", "review", "a review waits", "the roles that decide it"),
        ("review-assigned", "review", "a review is handed to somebody", "the new reviewer"),
        (
            "review-*",
            "review",
            "a review is soon due or overdue",
            "the roles that decide it, later the governance lead",
        ),
        ("version-*", "review", "what became of a submission", OWNERS, True),
        ("comment", "review", "a remark on a submission", "the other side"),
        (
            "condition-confirm",
            "review",
            "a condition is met and waits",
            "the roles that decide the review",
        ),
        (
            "condition-due-*",
            "review",
            "a condition is due or late",
            "the owner team, late also the reviewers",
        ),
        ("condition-*", "review", "a condition is set, confirmed or sent back", OWNERS),
        ("waiver-open", "review", "a waiver is asked for", "the roles that grant it"),
        (
            "waiver-ends-*",
            "review",
            "a waiver ends soon",
            "the owner team and the roles that grant it",
        ),
        ("waiver-*", "review", "a waiver is granted or refused", OWNERS),
        ("amendment-open", "review", "a correction waits", "the roles that decide it"),
        ("amendment-*", "review", "a correction is decided", OWNERS),
        ("policy-open", "review", "a change of the rules waits", "others who change policies"),
        (
            "replay-differs",
            "review",
            "a measurement that was repeated at night gave other figures",
            "evaluators and the governance lead",
        ),
        (
            "automatic-approval",
            "review",
            "the checks alone approved a patch, as the policy lets them",
            "who would have approved it",
        ),
        (
            "resume-open",
            "review",
            "a suspended version was reviewed again and may answer",
            "the governance lead",
        ),
        ("role-open", "review", "a change of a role waits", "others who give roles"),
        ("role-granted", "review", "a role is given", "its person"),
        (
            "re-review-*",
            "re-review",
            "60, 30 and 7 days before an approval ends, and at its end",
            "the owner team and the reviewers",
            True,
        ),
        (
            "finding-*",
            "finding",
            "a model has lost its consumers or its owner; a publisher is asked or answers; a finding is new, handed over or settled",
            "the owner team; of a team without people, who leads its unit; the marketplace managers who have it",
            True,
        ),
        (
            "registry-import",
            "pipeline",
            "a version of a connected model registry is submitted, lacks something, or cannot be read",
            "the team of the connection",
            True,
        ),
        (
            "case-*",
            "curation",
            "two models may serve one purpose, or it is decided",
            "the curators; decided: both owner teams",
        ),
        ("discussion-*", "feedback", "somebody writes, answers or closes", "the other side", True),
        ("rating", "rating", "a team rates a model", OWNERS, True),
        ("rating-answer", "rating", "the owner team answers a rating", "the team that rated", True),
        ("search-record", "reuse", "a team decides to reuse or extend a model", OWNERS, True),
        (
            "reuse-qualified",
            "value",
            "a team's use of a model qualifies as reuse",
            "who leads a team of its unit and may confirm it",
        ),
        (
            "reuse-reversed",
            "value",
            "a line of the value ledger is taken back",
            "the team that reused",
        ),
        (
            "quarter-signed",
            "value",
            "finance signs the value of a quarter",
            "executives and auditors",
        ),
        (
            "claim-*",
            "value",
            "a value claim is written, confirmed, validated or rejected",
            "who may take it further; who wrote it",
        ),
        (
            "need-*",
            "need",
            "a search in vain becomes a need; a team joins it, or it is matched, commissioned or declined",
            "the teams that need it or searched for it",
        ),
        (
            "inventory-reminder",
            "inventory",
            "a production model is missing in the catalog",
            "its owner and its owner team",
        ),
        (
            "campaign-told",
            "inventory",
            "a campaign starts, is called off, or ends in 14, 7 and 1 days",
            "the owners of its models; before the end, of those that are left",
        ),
        (
            "campaign-closed",
            "inventory",
            "a campaign closes",
            "the owners of its models, and the curators",
        ),
        ("announcement", "announcement", "an announcement is shown", "its audience"),
        (
            "weekly-digest",
            "following",
            "on Mondays, when something is new in what a person follows",
            "who follows it",
        ),
        (
            "story-*",
            "story",
            "a story waits for agreement or for publication, is sent back, or is published",
            "who is quoted, the curators; then its author, and the teams that it is about",
        ),
        (
            "event",
            "event",
            "an event is a day away, changes its time or place, or is cancelled",
            "who signed up",
        ),
        ("saved-search", "saved-search", "a new model fits", "who saved the search"),
        (
            "figures-shared",
            "batch_evaluation",
            "a consuming team shares what it measured on its own rows",
            "the owner team",
            True,
        ),
        (
            "batch-evaluation-ended",
            "batch_evaluation",
            "a batch evaluation ended",
            "who started it",
        ),
        (
            "join",
            "join",
            "somebody asks to join a team",
            "its leads, else administrators, else curators",
        ),
        ("join-declined", "join", "a request to join is declined", "who asked"),
        (
            "membership-*",
            "team",
            "somebody comes onto a team or leaves it, or its leads change",
            "the person, and the team's leads",
        ),
        (
            "team-move-*",
            "team",
            "a team goes to another business unit, or stays after all",
            "the team, and finance",
        ),
        (
            "person-active",
            "team",
            "a person is deactivated, or comes back",
            "the person, and the leads of their teams, where there is none administrators",
        ),
        ("webhook-disabled", "security", "a webhook is switched off after failures", "its team"),
    )
)


@lru_cache(maxsize=500)
def occasion_of(name: str) -> Occasion | None:
    """The declared occasion of a key's first part; the first pattern that fits."""
    return next(
        (occasion for occasion in OCCASIONS if fnmatch.fnmatchcase(name, occasion.pattern)), None
    )


def check_declared(kind: str, key: str) -> None:
    """Report a notice that the tables above do not know."""
    if kind not in KINDS or occasion_of(key.partition(":")[0]) is None:
        undeclared(kind, key)


def undeclared(kind: str, key: str) -> None:
    log.error("a notice of the kind %s on the occasion %s is not declared in kinds.py", kind, key)


def of(slug: str) -> Kind:
    """The kind of this name, or OTHER."""
    return KINDS.get(slug, OTHER)


def groups() -> Iterator[tuple[str, list[Kind]]]:
    """(heading, kinds), for pages."""
    for heading in (MODELS, SERVICE, ACCESS, REVIEW, COMMUNITY):
        yield heading, [kind for kind in KINDS.values() if kind.group == heading]


def table() -> str:
    """OCCASIONS as the table of docs/notices.md."""
    head = "| occasion | kind | when | who is told | webhooks |\n|---|---|---|---|---|\n"
    rows = (
        f"| `{row.pattern}` | `{row.kind}` | {row.when} | {row.people} | {'yes' if row.teams else ''} |"
        for row in OCCASIONS
    )
    return head + "\n".join(rows) + "\n"
