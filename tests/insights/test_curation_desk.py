"""The curation desk: who acts on what, what publishers answer, and what the page shows (docs/curation.md)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import Membership
from marketplace.audit.models import AuditEvent
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.insights.curation import actions
from marketplace.insights.models import CurationItem, CurationRun, StrategicMark
from marketplace.notices.models import Notice
from tests import factories
from tests.insights import curating
from tests.insights.curating import LONG

pytestmark = pytest.mark.django_db
URL = "/curation/"


@pytest.fixture
def item():
    return curating.finding(factories.published_version())


def page(person, address=URL, **sent):
    client = Client()
    client.force_login(person)
    return client.post(address, sent) if sent else client.get(address)


def today(days=0):
    return timezone.localdate() + timedelta(days=days)


def again(item):
    return CurationItem.objects.get(pk=item.pk)


# ── Acts ──────────────────────────────────────────────────────────────────


def test_asking_answering_and_letting_it_stand(item):
    actions.ask(factories.rita(), item, "Who will use it next year?")
    told = Notice.objects.get(recipient=factories.alice(), key__startswith="finding-asked")
    assert "Who will use it next year?" in told.body and again(item).due_on == today(14)
    actions.answer(factories.alice(), item, answer="promote", reason=LONG)
    assert Notice.objects.filter(
        recipient=factories.rita(), key__startswith="finding-answered"
    ).exists()
    assert Notice.objects.get(pk=told.pk).read_at  # nobody needs to answer any more
    actions.accept(factories.rita(), item)
    settled = again(item)
    assert (settled.state, settled.look_again_on) == ("settled", today(90))
    acts = AuditEvent.objects.filter(action__startswith="finding.").order_by("pk")
    assert [event.action for event in acts] == [
        "finding.ask",
        "finding.answer",
        "finding.settled",
    ]


def test_a_promise_to_mend_rests_until_its_day(item):
    actions.answer(factories.alice(), item, answer="mend", reason=LONG, promised_on=today(40))
    actions.accept(factories.rita(), item)
    assert again(item).look_again_on == today(40)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"answer": "burn", "reason": LONG}, "answer"),
        ({"answer": "keep", "reason": "No."}, "reason"),
        ({"answer": "keep", "reason": "x" * 5000}, "answer_reason"),
        ({"answer": "mend", "reason": LONG}, "promised_on"),
        ({"answer": "keep", "reason": LONG, "promised_on": "soon"}, "promised_on"),
        ({"answer": "mend", "reason": LONG, "promised_on": "long"}, "promised_on"),
    ],
)
def test_an_answer_names_what_is_wrong(item, given, field):
    days = {"soon": 3, "long": 400}
    if "promised_on" in given:
        given = given | {"promised_on": today(days[given["promised_on"]])}
    with pytest.raises(Invalid) as refused:
        actions.answer(factories.alice(), item, **given)
    assert refused.value.field == field and not again(item).answer


def test_nobody_decides_about_a_model_of_their_own_team(item):
    factories.also(factories.alice(), "curator")
    for act in (
        lambda: actions.ask(factories.alice(), item),
        lambda: actions.dismiss(factories.alice(), item, reason=LONG, look_again_on=today(30)),
        lambda: actions.keep_strategic(factories.alice(), item, reason=LONG, until=today(30)),
        lambda: actions.accept(factories.alice(), item),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(Invalid):
        actions.assign(factories.rita(), item, factories.alice())
    shown = page(factories.alice(), f"{URL}{item.pk}/").content.decode()
    assert "another marketplace manager acts on it" in shown


def test_strangers_neither_act_nor_answer(item):
    with pytest.raises(NotAllowed):
        actions.dismiss(factories.maya(), item, reason=LONG, look_again_on=today(30))
    with pytest.raises(NotAllowed):
        actions.answer(factories.maya(), item, answer="keep", reason=LONG)
    with pytest.raises(NotAllowed):
        actions.answer(factories.rita(), item, answer="keep", reason=LONG)


def test_keeping_as_strategic_leaves_a_mark(item):
    actions.keep_strategic(factories.rita(), item, reason=LONG, until=today(365))
    mark = StrategicMark.objects.get()
    assert (mark.model, mark.until, mark.reason) == (item.model, today(365), LONG)
    with pytest.raises(RuleError):
        actions.keep_strategic(factories.rita(), item, reason=LONG, until=today(30))


def test_a_year_is_the_longest(item):
    for act, field in (
        (
            lambda day: actions.keep_strategic(factories.rita(), item, reason=LONG, until=day),
            "until",
        ),
        (
            lambda day: actions.dismiss(factories.rita(), item, reason=LONG, look_again_on=day),
            "look_again_on",
        ),
    ):
        for days in (0, 366):
            with pytest.raises(Invalid) as refused:
                act(today(days))
            assert refused.value.field == field


def test_what_somebody_else_decided_meanwhile_stands(item):
    actions.dismiss(factories.rita(), item, reason=LONG, look_again_on=today(30))
    other = factories.person("ben", factories.head_office(), roles=["curator"])
    with pytest.raises(RuleError, match="dismissed by Rita"):
        actions.ask(other, item)
    shown = page(other, f"{URL}{item.pk}/").content.decode()
    assert "Dismissed by Rita" in shown and 'data-key="D"' not in shown


def test_a_case_of_two_models_is_acted_on_by_neither_team():
    version = factories.published_version()
    case = factories.case(version.model)
    facts = {"case": case.pk, "other": "B", "other_team": factories.mortgage().pk, "likeness": "1"}
    item = (
        curating.finding(
            version, "conflict", subject=f"case:{case.pk}", evidence=facts, model=case.first
        )
        if case.first_id != version.model_id
        else curating.finding(version, "conflict", subject=f"case:{case.pk}", evidence=facts)
    )
    for person in (factories.alice(), factories.maya()):
        factories.also(person, "curator")
        with pytest.raises(NotAllowed):
            actions.dismiss(person, item, reason=LONG, look_again_on=today(30))
    with pytest.raises(RuleError):
        actions.ask(factories.rita(), item)
    assert "Decide the case" in page(factories.rita(), f"{URL}{item.pk}/").content.decode()


# ── The page ──────────────────────────────────────────────────────────────


def test_the_desk_says_what_is_due_and_what_was_closed(item):
    overdue = curating.finding(
        factories.published_version(factories.model(name="Second model")), due_on=today(-2)
    )
    facts = {"mean": "2.80", "ratings": 5}
    gone = curating.finding(item.model.versions.get(), "rating", evidence=facts)
    CurationItem.objects.filter(pk=gone.pk).update(state="gone", closed_at=timezone.now())
    shown = page(factories.rita()).content.decode()
    assert "2 findings open, 1 overdue," in " ".join(shown.split())
    assert "2 days overdue" in shown and shown.index("Second model") < shown.index(item.model.name)
    assert "No longer so" in shown
    mine = page(factories.rita(), f"{URL}?whose=overdue").content.decode()
    assert f"finding-{overdue.pk}" in mine and f"finding-{item.pk}" not in mine


def test_one_finding_is_open_with_health_and_acts(item):
    curating.health(item.model.versions.get())
    shown = page(factories.rita(), f"{URL}{item.pk}/").content.decode()
    assert "Health 74 of 100" in shown and "no other team has called it" in shown
    acts = ["Ask the publisher", "Propose deprecation", "Keep as strategic"]
    assert [shown.index(label) for label in acts] == sorted(shown.index(label) for label in acts)
    old = curating.finding(
        item.model.versions.get(), "stale", evidence={"version": "1.0.0", "in_use": False}
    )
    assert "Keep as strategic" not in page(factories.rita(), f"{URL}{old.pk}/").content.decode()


def test_after_180_days_deprecation_is_the_first_act(item):
    CurationItem.objects.update(step=180)
    shown = page(factories.rita(), f"{URL}{item.pk}/").content.decode()
    assert shown.index("Propose deprecation") < shown.index("Ask the publisher")
    assert f"/publish/{item.model.slug}/1.0.0/deprecate/" in shown


def test_a_refused_dismissal_keeps_what_was_typed(item):
    answer = page(
        factories.rita(), f"{URL}{item.pk}/dismiss/", reason="Too short", look_again_on=today(30)
    )
    text = answer.content.decode()
    assert answer.status_code == 422 and "Too short" in text and "at least 20 characters" in text
    answer = page(
        factories.rita(), f"{URL}{item.pk}/dismiss/", reason=LONG, look_again_on=today(30)
    )
    assert answer.status_code == 302 and again(item).state == "dismissed"


def test_empty_and_failed_runs_say_so():
    rita = factories.rita()
    assert "Nothing is due" in page(rita).content.decode()
    CurationRun.objects.create(ended_at=timezone.now())
    CurationRun.objects.create(problem="division by zero")
    shown = page(rita).content.decode()
    assert "The last nightly run did not end" in shown and "division by zero" in shown


def test_publishers_see_and_answer_their_own(item):
    actions.ask(factories.rita(), item)
    home = page(factories.alice(), "/").content.decode()
    assert f"What becomes of {item.model}?" in home
    assert f"What becomes of {item.model}?" not in page(factories.maya(), "/").content.decode()
    assert "Waits for your answer" in page(factories.alice(), "/findings/").content.decode()
    answer = page(factories.alice(), f"/findings/{item.pk}/", answer="keep", reason="No")
    assert answer.status_code == 422 and "at least 20 characters" in answer.content.decode()
    page(factories.alice(), f"/findings/{item.pk}/", answer="keep", reason=LONG)
    assert again(item).answer == "keep"
    assert f"What becomes of {item.model}?" not in page(factories.alice(), "/").content.decode()


def test_who_lost_the_team_loses_the_findings(item):
    alice = factories.alice()
    Membership.objects.filter(user=alice).update(left_at=timezone.now())
    assert page(alice, f"/findings/{item.pk}/").status_code == 404


# ── Health ────────────────────────────────────────────────────────────────


def test_health_is_hidden_before_thirty_days_and_explained_afterwards():
    version = factories.published_version()
    curating.aged(version, 29)
    curating.swept()
    address = f"/models/{version.model.slug}/health/"
    assert "Not enough data yet" in page(factories.maya(), address).content.decode()
    curating.swept(1)
    score = version.model.health
    score.refresh_from_db()
    assert score.score == sum(part["points"] for part in score.parts)
    assert all(0 <= part["points"] <= part["of"] for part in score.parts)
    assert [part["of"] for part in score.parts] == [25, 25, 20, 15, 15]
    assert sum(part["of"] for part in score.parts) == 100
    assert all(part["facts"] for part in score.parts)


def test_health_falls_with_age_and_with_issues_that_wait():
    version = curating.published(10)
    curating.swept()
    fresh = {part["name"]: part["points"] for part in version.model.health.parts}
    curating.aged(version, 729)
    issue = factories.discussion(version)
    type(issue).objects.filter(pk=issue.pk).update(opened_at=curating.NOW - timedelta(days=15))
    curating.swept()
    version.model.health.refresh_from_db()
    old = {part["name"]: part["points"] for part in version.model.health.parts}
    assert (fresh["Freshness"], old["Freshness"]) == (15, 0)
    assert old["Feedback"] == fresh["Feedback"] - 1
