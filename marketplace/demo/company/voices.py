"""What the demo company's people say: a search before a project, needs, ratings, discussions. Written once, after past usage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from catalog import collection_actions, glossary_actions, need_actions, search_record_actions
from catalog.models import Collection, GlossaryEntry, Need, RegisteredModel, SearchRecord
from consumption import actions
from consumption.models import Discussion, Rating
from consumption.models.ratings import LEAST_CALLS
from governance.actions import same_purpose
from governance.models import SamePurposeCase
from marketplace.accounts.models import Team

from . import clock
from .submissions import person


@dataclass(frozen=True)
class DemoRating:
    """Of the team of an application. `answer`: of the model's owner, "" for none."""

    application: str
    by: str
    slug: str
    stars: int
    text: str
    days_ago: int
    answer: str = ""


RATINGS = (
    DemoRating(
        "Mortgage Origination Platform",
        "maya",
        "income-verification",
        5,
        "We meant to build this for six months. It ran in our platform in two weeks, and is right for nearly all employees.",
        12,
        "Thank you. Seasonal income comes next; your examples help.",
    ),
    DemoRating(
        "Adviser Workbench",
        "wendy",
        "income-verification",
        4,
        "Good for clients with one employer. For those who live on dividends we still read statements ourselves.",
        20,
    ),
    DemoRating(
        "Loan Origination",
        "uma",
        "affordability",
        4,
        "The instalment it proposes is careful, and applicants understand it. Slow in the first call of the morning.",
        31,
    ),
    DemoRating(
        "Claims Desk",
        "quinn",
        "claims-triage",
        3,
        "It sorts windscreens well. Water damage lands in the wrong lane too often.",
        9,
    ),
    DemoRating(
        "Service Desk",
        "ursula",
        "complaint-routing",
        5,
        "Letters reach the right desk the same day; two people now answer instead of sorting.",
        17,
    ),
    DemoRating(
        "Service Desk",
        "ursula",
        "call-volume-forecast",
        4,
        "Shifts fit the calls on nearly every day. The weeks after a bank holiday are still a guess.",
        40,
    ),
)
# (who, team, title, text, USD a year, days ago, who joined: (who, team, USD a year)).
NEEDS = (
    (
        "uma",
        "lending-underwriting",
        "Income from tax returns",
        "Self-employed applicants send tax returns of two years. We need income and its trend out of the pages, by line.",
        180_000,
        33,
        (("wendy", "client-advice", 60_000), ("pavel", "sme-lending", 90_000)),
    ),
    (
        "petra",
        "insurance-pricing",
        "Age of a roof from aerial photos",
        "For home insurance we price by the age of the roof and ask owners, who do not know. Photos exist for most regions.",
        75_000,
        21,
        (),
    ),
)


@dataclass(frozen=True)
class Answered:
    """A need that a team was commissioned to meet, and the model that met it; days ago of each step."""

    slug: str
    by: str
    team: str
    title: str
    text: str
    worth: int
    joined: tuple[str, str, int]
    built_by: str
    budget: int
    reason: str
    opened: int = 128
    commissioned: int = 121
    ready_by: int = 80
    met: int = 89


ANSWERED = Answered(
    "complaint-routing",
    "ursula",
    "contact-centre",
    "Letters that reach the desk that can settle them",
    "Every fourth complaint is passed on twice before somebody can settle it. We need the right desk from the text of the letter.",
    140_000,
    ("zoe", "cards-servicing", 80_000),
    "customer-insight",
    120_000,
    "Two units lose a day on every misrouted letter; Customer Insight has the texts and the people.",
)
# (pair of models, how each is to be used): a conflict that was decided.
DECIDED = (
    ("client-attrition", "retail-customer-churn"),
    "Private clients leave with their adviser and assets that move over months; retail customers stop using an account. The retail model"
    " ranked private clients worse when it was tried. Wealth takes the one, all others the other.",
)
# (who, application, model, kind, title, text, days ago, (who, what it becomes, words) or None).
DISCUSSIONS = (
    (
        "milo",
        "Mortgage Origination Platform",
        "income-verification",
        "bug",
        "Too low for people paid every four weeks",
        "Applicants with thirteen payments a year come out about eight percent too low. Monthly ones are fine.",
        14,
        (
            "acknowledged",
            "We can repeat it: the window cuts the thirteenth payment. It goes into the next minor version.",
        ),
    ),
    (
        "wendy",
        "Adviser Workbench",
        "income-verification",
        "request",
        "Say which payments were counted",
        "Clients ask why the figure differs from their own. A list of the payments that were counted would end the talk.",
        25,
        None,
    ),
    (
        "ursula",
        "Service Desk",
        "complaint-routing",
        "observation",
        "Letters in Spanish go to the general desk",
        "About one letter in thirty is Spanish, and nearly all of those are routed to the general desk.",
        6,
        (
            "answered",
            "That is by design: it was trained on English letters alone, as the card says. We look into Spanish.",
        ),
    ),
)
SEARCH = {
    "title": "Income of mortgage applicants",
    "need": "We must verify the income that mortgage applicants state, from their account statements, before we make an offer.",
}
COLLECTIONS = (
    (
        "From application to offer",
        "What a lending decision takes, from the stated income to the instalment that an applicant can carry.",
        {
            "income-verification": "Begin here: most teams that lend use it.",
            "affordability": "It takes the verified income.",
            "thin-file-score": "For applicants without a history.",
        },
    ),
    (
        "Customers who write, call or leave",
        "For service and retention: who is about to leave, where a letter belongs, and how many people a shift needs.",
        {
            "complaint-routing": "Letters reach the right desk the same day.",
            "call-volume-forecast": "Plan shifts with it.",
            "client-attrition": "Wealth clients; for retail there is a model of its own.",
            "retail-customer-churn": "Retail customers.",
        },
    ),
)
# Short words of the company, and what its listings write.
SHORT_WORDS = (
    ("PD", "probability of default"),
    ("AVM", "property valuation"),
    ("AML", "money laundering"),
    ("NBO", "next best offer"),
    ("KYC", "client documents"),
)
WHY = "It verifies stated income from account credits, was measured by the marketplace, and replaces a project of 200,000 USD."


def build_voices() -> None:
    """Write what people said, unless it is there."""
    for build in (_search, _needs, _answered, _ratings, _discussions, _collections, _glossary):
        with transaction.atomic():
            build()


def _search() -> None:
    team = Team.objects.get(slug="mortgage-origination")
    if SearchRecord.objects.filter(team=team).exists():
        return
    with clock.at(clock.ago(days=63)):
        record = search_record_actions.open_search_record(person("maya"), team=team, **SEARCH)
        chosen = record.candidates.filter(model__slug="income-verification").first()
        if chosen is None:
            return
        search_record_actions.decide_search_record(
            person("maya"),
            record,
            decision="reuse",
            position=chosen.position,
            sponsor="Head of Mortgage Origination",
            reason=WHY,
        )


def _needs() -> None:
    if Need.objects.exists():
        return
    for who, team, title, text, value, days_ago, joined in NEEDS:
        with clock.at(clock.ago(days=days_ago)):
            own = Team.objects.get(slug=team)
            need = need_actions.open_need(
                person(who), team=own, title=title, text=text, value_a_year=value
            )
            for other, their, worth in joined:
                theirs = Team.objects.get(slug=their)
                need_actions.join_need(person(other), need, team=theirs, value_a_year=worth)


def _answered() -> None:
    """A gap from the first word to the model: said, joined, commissioned for a budget, published."""
    told = ANSWERED
    model = RegisteredModel.objects.published().filter(slug=told.slug).first()
    if model is None or Need.objects.filter(title=told.title).exists():
        return
    with clock.at(clock.ago(days=told.opened)):
        need = need_actions.open_need(
            person(told.by),
            team=Team.objects.get(slug=told.team),
            title=told.title,
            text=told.text,
            value_a_year=told.worth,
        )
        other, their, worth = told.joined
        theirs = Team.objects.get(slug=their)
        need_actions.join_need(person(other), need, team=theirs, value_a_year=worth)
    with clock.at(clock.ago(days=told.commissioned)):
        need_actions.triage(person("mona"), need)
        need_actions.commission(
            person("mona"),
            need,
            team=Team.objects.get(slug=told.built_by),
            reason=told.reason,
            budget=told.budget,
            ready_by=timezone.localdate() + timedelta(days=told.commissioned - told.ready_by),
        )
    with clock.at(clock.ago(days=told.met)):
        need_actions.link_model(model.owner, need, model)


def decide_conflict() -> None:
    """Say what each of two models for one purpose is for; when the night's comparison has found them."""
    slugs, rationale = DECIDED
    same_purpose.find_cases()
    case = SamePurposeCase.objects.filter(
        first__slug__in=slugs, second__slug__in=slugs, state=SamePurposeCase.State.OPEN
    ).first()
    if case is not None:
        segmented = SamePurposeCase.State.SEGMENTED
        same_purpose.decide_case(person("mona"), case, state=segmented, rationale=rationale)


def _ratings() -> None:
    for told in RATINGS:
        model = RegisteredModel.objects.filter(slug=told.slug).first()
        team = _team_of(told.application)
        if model is None or team is None or actions.calls_of(team, model)[0] < LEAST_CALLS:
            continue
        if Rating.objects.filter(model=model, team=team).exists():
            continue
        with clock.at(clock.ago(days=told.days_ago)):
            rating = actions.rate(
                person(told.by), model, team=team, stars=told.stars, text=told.text
            )
            if told.answer:
                actions.answer_rating(model.owner, rating, told.answer)


def _collections() -> None:
    if Collection.objects.exists():
        return
    mona = person("mona")
    for name, text, entries in COLLECTIONS:
        models = RegisteredModel.objects.published().in_bulk(list(entries), field_name="slug")
        if not models:
            continue
        made = collection_actions.create_collection(mona, name=name, text=text)
        for slug, note in entries.items():
            if slug in models:
                collection_actions.put_in(mona, made, models[slug], note)
        collection_actions.publish_collection(mona, made)
        collection_actions.edit_collection(mona, made, name=name, text=text, is_featured=True)


def _glossary() -> None:
    if GlossaryEntry.objects.exists():
        return
    for word, meaning in SHORT_WORDS:
        glossary_actions.explain_word(person("mona"), word=word, meaning=meaning)


def _team_of(application: str) -> Team | None:
    return Team.objects.filter(applications__name=application).first()


def _discussions() -> None:
    if Discussion.objects.exists():
        return
    for who, application, slug, kind, title, text, days_ago, response in DISCUSSIONS:
        stable = RegisteredModel.objects.for_list().filter(slug=slug).first()
        team = _team_of(application)
        if stable is None or stable.stable is None or team is None:
            continue
        version = stable.versions.select_related("model__owner_team").get(pk=stable.stable.pk)
        with clock.at(clock.ago(days=days_ago)):
            opened = actions.open_discussion(
                person(who), version, kind=kind, title=title, text=text, team=team
            )
            if response:
                state, words = response
                actions.respond(stable.owner, opened, state=state, text=words)
